//! Reading: previews and pages, values, existence, keys.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::RefCache;
use super::audited::Act;
use super::lookup::{Found, not_found};
use super::options::{Access, Asking, GetOptions, Response};
use crate::access::{Actor, DefaultActor};
use crate::backend::{Scope, Want};
use crate::error::{ErrorKind, Result};
use crate::reference::cache_of;

impl RefCache {
    /// A preview for an anonymous agent; see [`get_with`](Self::get_with).
    ///
    /// # Errors
    /// As `get_with`.
    pub async fn get(&self, id: &str) -> Result<Response> {
        self.get_with(id, &GetOptions::default()).await
    }

    /// A preview or page of an entry, by reference or key. Needs READ.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is unknown or expired,
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a page below 1, and what the store fails with.
    pub async fn get_with(&self, id: &str, options: &GetOptions<'_>) -> Result<Response> {
        let agent = DefaultActor::agent(None, None);
        let (actor, counted) = (options.actor.unwrap_or(&agent), options.actor.is_some());
        let found = self.fetch(id, actor, Asking::openly(Access::Read, Want::Head, counted));
        let (ref_id, entry) = found.await?;
        let result = self.view(&ref_id, &entry, options).await?;
        Ok(Response {
            ref_id,
            namespace: Arc::clone(&entry.namespace),
            expires_at: entry.expires_at,
            result,
        })
    }

    /// The value, for the server's own use: needs READ or EXECUTE for an anonymous agent, and no
    /// admission to a namespace that the author wrote as a literal.
    ///
    /// # Errors
    /// As [`resolve_as`](Self::resolve_as).
    pub async fn resolve<T: DeserializeOwned>(&self, id: &str) -> Result<T> {
        let agent = DefaultActor::agent(None, None);
        let found = self.fetch(id, &agent, Asking::openly(Access::Use, Want::Value, false));
        found.await?.1.value.document()?.deserialize()
    }

    /// The value, for this actor.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is unknown or expired,
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
    /// [`Codec`](crate::ErrorKind::Codec) if it is no `T`, and what the store fails with.
    pub async fn resolve_as<T: DeserializeOwned>(
        &self,
        id: &str,
        actor: &dyn Actor,
        access: Access,
    ) -> Result<T> {
        let (_, entry) = self
            .fetch(id, actor, Asking::openly(access, Want::Value, true))
            .await?;
        entry.value.document()?.deserialize()
    }

    /// Whether a live entry has this reference or key.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn exists(&self, id: &str) -> Result<bool> {
        Ok(!self.candidates(id, Want::Head).await?.is_empty())
    }

    /// References of this cache's live entries, of one namespace or of all.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn keys(&self, namespace: Option<&str>) -> Result<Vec<Arc<str>>> {
        self.parts
            .backend
            .keys(
                Scope {
                    cache: Some(self.name()),
                    namespace,
                },
                self.now(),
            )
            .await
    }

    /// [`keys`](Self::keys), with an actor only of entries that it may read.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn keys_as(
        &self,
        namespace: Option<&str>,
        actor: Option<&dyn Actor>,
    ) -> Result<Vec<Arc<str>>> {
        let Some(actor) = actor else {
            return self.keys(namespace).await;
        };
        self.count_attempt(actor).await?;
        let mut keys = self.keys(namespace).await?;
        let mut readable = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            let found = self.parts.backend.get(&key, self.now(), Want::Head).await?;
            match found.map(|entry| self.authorize(&entry, actor, Access::Read)) {
                Some(Ok(_)) => readable.push(key),
                Some(Err(error)) if error.kind() != ErrorKind::PermissionDenied => {
                    return Err(error);
                }
                Some(Err(_)) | None => {}
            }
        }
        Ok(readable)
    }

    /// Whether a text is a reference that this cache may follow: its cache name is this cache's, a
    /// trusted one, or one that the store has seen. Other texts of that form (`commit:deadbeef99`)
    /// are just texts.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn knows(&self, text: &str) -> Result<bool> {
        let Some(cache) = cache_of(text) else {
            return Ok(false);
        };
        Ok(cache == self.name()
            || self
                .parts
                .settings
                .trusted
                .iter()
                .any(|trusted| trusted == cache)
            || self.parts.backend.knows_cache(cache).await?
            || self.parts.backend.exists(text, self.now()).await?)
    }

    /// The live entry that is meant, as the actor sees it, if it may do that with it.
    pub(crate) async fn fetch(
        &self,
        id: &str,
        actor: &dyn Actor,
        Asking {
            access,
            want,
            counted,
            alike,
        }: Asking,
    ) -> Result<Found> {
        if counted {
            self.count_attempt(actor).await?;
        }
        let found = self
            .find(id, want, |entry| {
                self.authorize(entry, actor, access).is_ok()
            })
            .await;
        let (ref_id, entry) = match found {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.record_missing(id, actor)?;
                return Err(not_found(id));
            }
            Err(error) => {
                if error.kind() == ErrorKind::NotFound {
                    self.record_missing(id, actor)?;
                }
                return Err(error);
            }
        };
        let act = Act::on(&ref_id, &entry, Some(actor));
        let sees = if alike && !self.is_audited() {
            // a reason is worded for those alone who read it, so that what is forbidden takes no longer than what is missing
            let admitted = self.admit(&entry, actor, access)?;
            admitted.ok_or_else(|| not_found(id))?
        } else {
            let sees = self.authorize(&entry, actor, access);
            sees.map_err(|error| match self.denied(error, act) {
                denied if alike && denied.kind() == ErrorKind::PermissionDenied => not_found(id),
                error => error,
            })?
        };
        if counted {
            self.count_use(&entry.namespace, Some(&ref_id), Some(actor))
                .await?;
        }
        self.admitted(access, act)?;
        Ok((ref_id, sees.of(&entry)))
    }
}
