//! Storing and removing.

use std::sync::Arc;

use serde::Serialize;

use super::RefCache;
use super::audited::Act;
use super::options::{Access, GetOptions, Reference, SetOptions};
use crate::access::{Actor, Permission, PolicySource};
use crate::audit::Action;
use crate::backend::{PutOptions, SMALL, Scope, Want};
use crate::clock::Timestamp;
use crate::entry::{Details, Entry};
use crate::error::{ErrorKind, Result};
use crate::reference::{KeyName, RefId};
use crate::value::{Document, Value};

/// Seconds that a replaced entry stays where the cache has no default TTL.
const RETIREMENT: f64 = 3600.0;

impl RefCache {
    /// Stores a value under a key of the default namespace; see [`set_with`](Self::set_with).
    ///
    /// # Errors
    /// [`Codec`](ErrorKind::Codec) if the value has no JSON text, and as `set_with`.
    pub async fn set<T: Serialize + ?Sized + Sync>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<Reference> {
        let value = Value::Document(Arc::new(Document::from_serialize(value)?));
        self.set_with(key, value, SetOptions::default()).await
    }

    /// Stores a value under a key: one new reference each time. The entry that had the key before
    /// keeps its reference for at most one more default TTL.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a bad TTL or an undeclared namespace,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) if an actor is given that lacks WRITE (UPDATE
    /// where the key exists), and what the store fails with. Nothing is stored then.
    pub async fn set_with(
        &self,
        key: &str,
        value: Value,
        options: SetOptions<'_>,
    ) -> Result<Reference> {
        let (reference, _) = self.store(key, value, options).await?;
        Ok(reference)
    }

    /// [`set_with`](Self::set_with), which gives the entry as well.
    ///
    /// # Errors
    /// As `set_with`.
    pub(crate) async fn store(
        &self,
        key: &str,
        value: Value,
        options: SetOptions<'_>,
    ) -> Result<(Reference, Arc<Entry>)> {
        let settings = &self.parts.settings;
        let namespace: Arc<str> = options
            .namespace
            .map_or_else(|| Arc::clone(&settings.default_namespace), Arc::from);
        settings.check_namespace(&namespace)?;
        let lifetime = settings.lifetime(options.ttl, &namespace)?;
        let mut policy = settings.policy(options.policy.clone(), &namespace);
        if let Some(uses) = options.uses {
            let own = policy.policy()?.into_owned();
            let inherited = uses.inherited(&own);
            if inherited != own {
                policy = Arc::new(inherited);
            }
        }
        let name = self.key_name(Arc::clone(&namespace), key);
        let now = self.now();
        if let Some(actor) = options.actor {
            self.count_attempt(actor).await?;
            let may = self.authorize_write(&name, &policy, actor, now).await;
            may.map_err(|error| {
                let act = Act {
                    namespace: Some(&namespace),
                    actor: Some(actor),
                    tool: options.tool_name,
                    ..Act::default()
                };
                self.denied(error, act)
            })?;
            self.count_use(&namespace, None, Some(actor)).await?;
        }
        let details = Details {
            tool_name: options.tool_name.map(Arc::from),
            total_items: value.total_items(),
            total_size: value.total_size(),
            max_size: options.max_size,
            strategy: options.strategy,
            bound: options.bound,
            promised: options.promised.is_some(),
            extra: None,
        };
        let ref_id = match options.promised {
            Some(promised) => promised,
            None => RefId::generate(&self.parts.name)?,
        };
        let expires_at = lifetime.map(|seconds| now + seconds);
        let reference = Reference {
            ref_id: ref_id.clone(),
            cache_name: Arc::clone(&name.cache),
            namespace: Arc::clone(&namespace),
            tool_name: details.tool_name.clone(),
            created_at: now,
            expires_at,
            total_items: details.total_items,
            total_size: details.total_size,
        };
        let mut entry = Entry::new(value, namespace, policy, now, expires_at, details);
        if self.parts.backend.capabilities().persistent {
            entry = entry.portable()?;
        }
        let entry = Arc::new(entry);
        if options.prepare && entry.value.total_size().is_some_and(|size| size > SMALL) {
            // what is shown of a tool's result is asked for at once, and again with every hit: by agents
            let seen = match entry.policy.masked_paths()? {
                Some(masks) => entry.seen(masks),
                None => Arc::clone(&entry),
            };
            self.make_view(&seen, &GetOptions::default()).await?;
        }
        self.record(
            Action::Stored,
            Act {
                tool: options.tool_name,
                ..Act::on(ref_id.as_str(), &entry, options.actor.or(options.caller))
            },
        )?;
        let put = PutOptions {
            name: Some(&name),
            retire_at: Some(now + settings.default_ttl.unwrap_or(RETIREMENT)),
            fence: options.fence,
        };
        self.parts
            .backend
            .put(ref_id.as_str(), Arc::clone(&entry), put)
            .await?;
        Ok((reference, entry))
    }

    /// Whether the actor may store under this name: UPDATE of the entry that is there, else WRITE.
    async fn authorize_write(
        &self,
        name: &KeyName,
        policy: &Arc<dyn PolicySource>,
        actor: &dyn Actor,
        now: Timestamp,
    ) -> Result<()> {
        let former = self.parts.backend.find(name, now, Want::Head).await?;
        let (policy, permission) = match &former {
            Some((_, entry)) => (&entry.policy, Permission::UPDATE),
            None => (policy, Permission::WRITE),
        };
        let checker = &self.parts.checker;
        checker.check(&**policy, permission, actor, &name.namespace)
    }

    /// Removes an entry, by reference or key; whether it was there. With an actor, needs DELETE.
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied), and what the store fails with.
    pub async fn delete(&self, id: &str, actor: Option<&dyn Actor>) -> Result<bool> {
        self.remove(id, actor, actor.is_some(), None).await
    }

    /// The same; `counted` against the limits of rates, or for the server itself. The `caller` on whose behalf
    /// the server does it is written down, and not asked for permission.
    pub(crate) async fn remove(
        &self,
        id: &str,
        actor: Option<&dyn Actor>,
        counted: bool,
        caller: Option<&dyn Actor>,
    ) -> Result<bool> {
        let may = |entry: &Entry| {
            actor.map_or(Ok(()), |actor| {
                self.authorize(entry, actor, Access::Delete).map(drop)
            })
        };
        if let Some(actor) = actor.filter(|_| counted) {
            self.count_attempt(actor).await?;
        }
        match self
            .find(id, Want::Head, |entry| may(entry).is_ok())
            .await?
        {
            Some((ref_id, entry)) => {
                let act = Act::on(&ref_id, &entry, actor.or(caller));
                may(&entry).map_err(|error| self.denied(error, act))?;
                if counted {
                    self.count_use(&entry.namespace, Some(&ref_id), actor)
                        .await?;
                }
                self.admitted(Access::Delete, act)?;
                self.parts.backend.delete(&ref_id).await
            }
            None => {
                if let Some(actor) = actor {
                    self.record_missing(id, actor)?;
                }
                Ok(false)
            }
        }
    }

    /// Removes this cache's entries, of one namespace or of all; how many. With an actor, only those
    /// that it may DELETE.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn clear(&self, namespace: Option<&str>, actor: Option<&dyn Actor>) -> Result<usize> {
        self.clear_for(namespace, actor, None).await
    }

    /// The same; `caller` as for [`remove`](Self::remove).
    pub(crate) async fn clear_for(
        &self,
        namespace: Option<&str>,
        actor: Option<&dyn Actor>,
        caller: Option<&dyn Actor>,
    ) -> Result<usize> {
        let scope = Scope {
            cache: Some(self.name()),
            namespace,
        };
        let record = |count| {
            let act = Act {
                namespace,
                actor: actor.or(caller),
                count: Some(count),
                ..Act::default()
            };
            self.record(Action::Cleared, act)
        };
        let now = self.now();
        let Some(actor) = actor else {
            if self.is_audited() {
                record(self.parts.backend.keys(scope, now).await?.len())?;
            }
            return self.parts.backend.clear(scope).await;
        };
        self.count_attempt(actor).await?;
        let mut removable = Vec::new();
        for id in self.parts.backend.keys(scope, now).await? {
            let Some(entry) = self.parts.backend.get(&id, now, Want::Head).await? else {
                continue;
            };
            match self.authorize(&entry, actor, Access::Delete) {
                Ok(_) => removable.push(id),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error),
            }
        }
        record(removable.len())?;
        let mut removed = 0;
        for id in removable {
            removed += usize::from(self.parts.backend.delete(&id).await?);
        }
        Ok(removed)
    }
}
