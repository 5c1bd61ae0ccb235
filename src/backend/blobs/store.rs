//! [`Blobs`] as a [`RecordStore`].
//!
//! A write goes from what nobody sees to what everybody sees: parts, list, record, name. If it fails
//! on the way, what was written is taken back, so that at worst a list has an id too many.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::frame::{About, Framed};
use super::{BlobStore, Blobs, ENTRIES, INDEX, key_of, seconds_to_live};
use crate::backend::{Capabilities, Head, PutOptions, Record, RecordStore, SMALL, Scope, Want};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::{KeyName, cache_of};

/// How often a record is read again whose parts were replaced meanwhile.
const ATTEMPTS: usize = 3;

impl<B: BlobStore> Blobs<B> {
    async fn blob(&self, id: &str) -> Result<Option<Bytes>> {
        self.store.get(ENTRIES, &key_of(&[id])).await
    }

    /// The record with this id, ended or not.
    async fn load(&self, id: &str) -> Result<Option<Framed>> {
        let blob = self.blob(id).await?;
        blob.map(|blob| Framed::from_blob(&blob, id)).transpose()
    }

    async fn save(&self, framed: &Framed, now: Timestamp) -> Result<()> {
        let about = &framed.about;
        let seconds = seconds_to_live(about.expires_at, now);
        let key = key_of(&[&about.id]);
        self.store
            .put(ENTRIES, &key, framed.to_blob()?, seconds)
            .await
    }

    async fn drop_parts(&self, about: &About) -> Result<()> {
        self.unstow(&about.side).await?;
        self.unstow(&about.body).await
    }

    /// Removes a record, its parts and its name, but leaves it on the list. `Some` if it was there; in
    /// it the namespace, unless the record could not be read: it can be removed all the same.
    async fn remove(
        &self,
        id: &str,
        only_if: impl Fn(&About) -> bool + Send,
    ) -> Result<Option<Option<String>>> {
        let _ours = self.locks.entry(id).await;
        let Some(blob) = self.blob(id).await? else {
            return Ok(None);
        };
        let about = Framed::from_blob(&blob, id).ok().map(|framed| framed.about);
        if about.as_ref().is_some_and(|about| !only_if(about)) {
            return Ok(None);
        }
        self.store.delete(ENTRIES, &key_of(&[id])).await?;
        let Some(about) = about else {
            return Ok(Some(None));
        };
        self.drop_parts(&about).await?;
        if let Some(name) = about.key_name() {
            self.unpoint(&name, id).await?;
        }
        Ok(Some(Some(about.namespace)))
    }

    /// Removes a record and takes it off the list; whether it was there.
    async fn erase(&self, id: &str, only_if: impl Fn(&About) -> bool + Send) -> Result<bool> {
        let removed = self.remove(id, only_if).await?;
        if let Some(Some(namespace)) = &removed {
            self.unlist(namespace, &[id]).await?;
        }
        Ok(removed.is_some())
    }

    /// Lets a record end at this moment, if it would live longer.
    async fn retire(&self, id: &str, moment: Timestamp, now: Timestamp) -> Result<()> {
        let _ours = self.locks.entry(id).await;
        let Some(mut framed) = self.load(id).await? else {
            return Ok(());
        };
        if framed.about.expires_at.is_none_or(|end| end > moment) {
            framed.about.expires_at = Some(moment);
            self.save(&framed, now).await?;
            self.ends.lock().note(id, moment);
        }
        Ok(())
    }

    /// Writes a record with its parts, puts it on the list and points its name at it; the id that the
    /// name led to before, if another.
    async fn replace(
        &self,
        framed: &Framed,
        former: Option<&Framed>,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let About {
            id,
            namespace,
            expires_at: end,
            ..
        } = &framed.about;
        let written = async {
            self.list(namespace, id, *end, now).await?;
            self.save(framed, now).await?;
            match framed.about.key_name() {
                Some(name) => self.point(&name, id, *end, now).await,
                None => Ok(None),
            }
        };
        let outcome = written.await;
        if outcome.is_err() {
            // that undoing fails as well is no news: what failed first is told
            let _ = match former {
                Some(former) => self.save(former, now).await,
                None => self.take_back(&framed.about).await,
            };
            let _ = self.drop_parts(&framed.about).await;
        }
        outcome
    }

    /// Removes what was written of a new record, in the order in which nothing leads to what is gone.
    async fn take_back(&self, about: &About) -> Result<()> {
        let About { id, namespace, .. } = about;
        self.store.delete(ENTRIES, &key_of(&[id])).await?;
        self.unlist(namespace, &[id]).await
    }

    /// The record in the form in which it is stored; its parts are stored.
    async fn framed(
        &self,
        id: &str,
        record: Record,
        name: Option<(String, String)>,
    ) -> Result<Framed> {
        let Record { head, body } = record;
        let body = body.ok_or_else(|| {
            let message = "a record without a body was to be written";
            Error::new(ErrorKind::Unexpected, message)
        })?;
        let seconds = seconds_to_live(head.expires_at, head.created_at);
        let (stowed_side, side) = self.stow(head.side, seconds).await?;
        let (stowed_body, body) = match self.stow(body, seconds).await {
            Ok(stowed) => stowed,
            Err(error) => {
                let _ = self.unstow(&stowed_side).await;
                return Err(error);
            }
        };
        let about = About {
            id: id.to_owned(),
            namespace: head.namespace.to_string(),
            policy: head.policy,
            created_at: head.created_at,
            expires_at: head.expires_at,
            metadata: head.metadata,
            plain: head.plain,
            side: stowed_side,
            body: stowed_body,
            name,
        };
        Ok(Framed { about, side, body })
    }

    /// Cache and key of the name that leads to a record that is there.
    async fn leading_to(&self, about: &About) -> Result<Option<KeyName>> {
        let Some(name) = about.key_name() else {
            return Ok(None);
        };
        let leads = self.pointed(&name).await?.is_some_and(|id| id == about.id);
        Ok(Some(name).filter(|_| leads))
    }

    async fn see_cache(&self, id: &str) -> Result<()> {
        let Some(cache) = cache_of(id).filter(|cache| !self.seen.lock().contains(*cache)) else {
            return Ok(());
        };
        let mark = Bytes::copy_from_slice(cache.as_bytes());
        self.store.put(INDEX, &cache_key(cache), mark, None).await?;
        self.seen.lock().insert(cache.to_owned());
        Ok(())
    }
}

fn cache_key(cache: &str) -> String {
    format!("cache-{}", key_of(&[cache]))
}

#[async_trait]
impl<B: BlobStore> RecordStore for Blobs<B> {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: true,
            shared: false,
            waits: true,
        }
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>> {
        for _ in 0..ATTEMPTS {
            let Some(framed) = self.load(id).await? else {
                return Ok(None);
            };
            let about = &framed.about;
            if !about.is_live(now) {
                return Ok(None);
            }
            let side = self.fetch(&about.side, &framed.side).await?;
            // of little use is a side that was lost; it costs time, not data
            let head = about.head(side.unwrap_or_default());
            let body = if want == Want::Value || about.body.len <= SMALL as u64 {
                match self.fetch(&about.body, &framed.body).await? {
                    Some(body) => Some(body),
                    None => continue,
                }
            } else {
                None
            };
            return Ok(Some(Record { head, body }));
        }
        // the store dropped parts of it: then it is gone
        Ok(None)
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        let Some(id) = self.pointed(name).await? else {
            return Ok(None);
        };
        let record = self.read(&id, now, want).await?;
        Ok(record.map(|record| (id.into(), record)))
    }

    async fn read_body(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        match self.load(id).await? {
            Some(framed) if framed.about.is(head) => {
                self.fetch_ranges(&framed.about.body, &framed.body, ranges)
                    .await
            }
            _ => Ok(None),
        }
    }

    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()> {
        let (now, end) = (record.head.created_at, record.head.expires_at);
        self.see_cache(id).await?;
        let ours = self.locks.entry(id).await;
        // one that cannot be read goes now
        let former = self.blob(id).await?;
        let former = former.and_then(|blob| Framed::from_blob(&blob, id).ok());
        let name = match (options.name, &former) {
            (Some(name), _) if self.leases.admits(options.fence) => Some(name.clone()),
            (_, Some(former)) if former.about.namespace == *record.head.namespace => {
                self.leading_to(&former.about).await?
            }
            _ => None,
        };
        let name = name.map(|name| (name.cache.to_string(), name.key.to_string()));
        let framed = self.framed(id, record, name).await?;
        let displaced = self.replace(&framed, former.as_ref(), now).await?;
        if let Some(end) = end {
            self.ends.lock().note(id, end);
        }
        if let Some(Framed { about, .. }) = former {
            self.drop_parts(&about).await?;
            if about.namespace != framed.about.namespace {
                self.unlist(&about.namespace, &[id]).await?;
            }
        }
        drop(ours);
        match (displaced, options.retire_at) {
            (Some(displaced), Some(moment)) => self.retire(&displaced, moment, now).await,
            _ => Ok(()),
        }
    }

    async fn write_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()> {
        let _ours = self.locks.entry(id).await;
        let Some(framed) = self.load(id).await?.filter(|framed| framed.about.is(head)) else {
            return Ok(());
        };
        let now = framed.about.created_at;
        let seconds = seconds_to_live(framed.about.expires_at, now);
        let (stowed, side) = self.stow(side, seconds).await?;
        let former = framed.about.side.clone();
        let mut framed = Framed { side, ..framed };
        framed.about.side = stowed;
        if let Err(error) = self.save(&framed, now).await {
            let _ = self.unstow(&framed.about.side).await;
            return Err(error);
        }
        self.unstow(&former).await
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        self.erase(id, |_| true).await
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self
            .load(id)
            .await?
            .is_some_and(|framed| framed.about.is_live(now)))
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        let namespaces = match scope.namespace {
            Some(namespace) => vec![namespace.to_owned()],
            None => self.namespaces().await?,
        };
        let mut removed = 0;
        for namespace in namespaces {
            let ids = self.listed(&namespace, Timestamp::NEG_INFINITY).await?;
            let ids: Vec<_> = ids.iter().filter(|id| scope.has_id(id)).collect();
            let there = |about: &About| about.namespace == namespace;
            for id in &ids {
                removed += usize::from(self.remove(id, there).await?.is_some());
            }
            let gone: Vec<_> = ids.iter().map(|id| id.as_str()).collect();
            self.unlist(&namespace, &gone).await?;
        }
        Ok(removed)
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        let namespaces = match scope.namespace {
            Some(namespace) => vec![namespace.to_owned()],
            None => self.namespaces().await?,
        };
        let mut ids: Vec<Arc<str>> = Vec::new();
        for namespace in namespaces {
            let listed = self.listed(&namespace, now).await?;
            ids.extend(
                listed
                    .into_iter()
                    .filter(|id| scope.has_id(id))
                    .map(Arc::from),
            );
        }
        Ok(ids)
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        let mut live = Vec::new();
        for (namespace, id) in self.pointed_everywhere(cache, key).await? {
            if self.exists(&id, now).await? {
                live.push((namespace.into(), id.into()));
            }
        }
        Ok(live)
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        match self.load(id).await? {
            Some(framed) => self.leading_to(&framed.about).await,
            None => Ok(None),
        }
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        if self.seen.lock().contains(cache) {
            return Ok(true);
        }
        Ok(self.store.get(INDEX, &cache_key(cache)).await?.is_some())
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        let ended = self.ends.lock().take(now);
        let mut removed = 0;
        for id in ended {
            removed += usize::from(self.erase(&id, |about| !about.is_live(now)).await?);
        }
        Ok(removed)
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        Ok(self.leases.acquire(lease, seconds, now))
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        Ok(self.leases.renew(lease, token, seconds, now))
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        Ok(self.leases.release(lease, token, now))
    }
}
