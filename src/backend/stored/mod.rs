//! [`Stored`]: makes a backend of a store of records. What a record means is decided here, for all stores.

mod decode;
mod encode;
mod metadata;
mod parts;
mod side;
mod source;

use std::sync::Arc;

use async_trait::async_trait;

use self::decode::Decoder;
use self::side::Side;
use super::record::{Record, RecordStore, SMALL};
use super::seal::Seal;
use super::{Backend, Capabilities, Near, PutOptions, Removals, Scope, Want};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Demand, Take};
use crate::reference::KeyName;
use crate::runtime::unblock;

/// What a body begins with that is not JSON text.
pub const SEALED: &[u8; 8] = b"!rcseal1";

/// A backend over a store of records.
///
/// Large values are stored with an index, their sizes and the previews that were made of them, so that
/// later previews and pages read only what they show.
pub struct Stored {
    store: Arc<dyn RecordStore>,
    seals: Arc<Seals>,
    /// Whether entries are kept near, if the store has a place for that.
    keeps_near: bool,
}

impl Stored {
    /// Values as plain JSON text, which the original reads, too.
    pub fn new(store: impl RecordStore) -> Self {
        Self::shared(Arc::new(store))
    }

    /// The same over a store that others use as well.
    pub fn shared(store: Arc<dyn RecordStore>) -> Self {
        Self {
            keeps_near: store.near().is_some_and(Near::claim),
            store,
            seals: Arc::default(),
        }
    }

    /// Seals values whose JSON text is longer than `above` bytes; the original cannot read those. A seal
    /// that [protects](Seal::protects) seals all of them, and nothing that it opened is kept near.
    #[must_use]
    pub fn sealed(self, seal: Arc<dyn Seal>, above: usize) -> Self {
        Self {
            keeps_near: self.keeps_near && !seal.protects(),
            seals: Arc::new(Seals {
                seal: Some(seal),
                above,
            }),
            ..self
        }
    }

    /// The store of records.
    pub fn store(&self) -> &Arc<dyn RecordStore> {
        &self.store
    }

    /// The entry of a record. One without its body needs an index, which entries of the original lack:
    /// those are read whole.
    async fn entry(
        &self,
        id: &str,
        mut record: Record,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<Arc<Entry>>> {
        let decoder = self.decoder(id);
        let side = decoder.side(&record.head)?;
        if side.is_some() && want == Want::Head {
            record.body = None; // what is shown is not worth opening all of it
        }
        let record = match record.body.is_some() || side.is_some() {
            true => Some(record),
            false => self.store.read(id, now, Want::Value).await?,
        };
        let Some(record) = record else {
            return Ok(None);
        };
        let entry = match record.body.as_ref().is_some_and(|body| body.len() > SMALL) {
            true => unblock(move || decoder.entry(record, side)).await?,
            false => decoder.entry(record, side)?,
        };
        Ok(Some(Arc::new(entry)))
    }

    /// Where entries are kept near.
    fn near(&self) -> Option<&Near> {
        self.store.near().filter(|_| self.keeps_near)
    }

    /// The same while everything in it is as it is in the store.
    fn near_now(&self) -> Option<&Near> {
        self.near().filter(|_| self.store.hears_all())
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Arc<Entry>>> {
        match self.store.read(id, now, want).await? {
            Some(record) => self.entry(id, record, now, want).await,
            None => Ok(None),
        }
    }

    async fn look_up(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Arc<Entry>)>> {
        let Some((id, record)) = self.store.find(name, now, want).await? else {
            return Ok(None);
        };
        let entry = self.entry(&id, record, now, want).await?;
        Ok(entry.map(|entry| (id, entry)))
    }

    fn decoder(&self, id: &str) -> Decoder {
        Decoder {
            seals: Arc::clone(&self.seals),
            store: Arc::clone(&self.store),
            id: id.into(),
        }
    }
}

/// How values are sealed, if they are.
#[derive(Default)]
struct Seals {
    seal: Option<Arc<dyn Seal>>,
    above: usize,
}

impl Seals {
    fn seal(&self) -> Option<&dyn Seal> {
        self.seal.as_deref()
    }

    /// The seal for a text of this length.
    fn seal_for(&self, len: usize) -> Option<&dyn Seal> {
        self.seal()
            .filter(|seal| seal.protects() || len > self.above)
    }

    /// Whether nothing of a value may be readable in the store.
    fn protect(&self) -> bool {
        self.seal().is_some_and(Seal::protects)
    }

    /// The seal that a sealed entry needs.
    fn required(&self) -> Result<&dyn Seal> {
        self.seal().ok_or_else(unopened)
    }

    fn shared(&self) -> Result<Arc<dyn Seal>> {
        self.seal.clone().ok_or_else(unopened)
    }
}

fn unopened() -> Error {
    Error::new(
        ErrorKind::Backend,
        "an entry is compressed or encrypted: open the store with the compression or the key it was written with",
    )
}

#[async_trait]
impl Backend for Stored {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Arc<Entry>>> {
        let Some(near) = self.near_now() else {
            return self.read(id, now, want).await;
        };
        if let Some(entry) = near.get(id, now, want) {
            return Ok(Some(entry));
        }
        let since = near.moment();
        let found = self.read(id, now, want).await?;
        if let Some(entry) = &found {
            near.keep(since, &id.into(), entry, None);
        }
        Ok(found)
    }

    async fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Result<()> {
        let record = match entry.value.total_size().is_some_and(|size| size > SMALL) {
            true => {
                let (seals, id) = (Arc::clone(&self.seals), Arc::<str>::from(id));
                unblock(move || encode::record(&seals, &id, &entry)).await?
            }
            false => encode::record(&self.seals, id, &entry)?,
        };
        let written = self.store.write(id, record, options).await;
        if let Some(near) = self.near() {
            near.changed(id);
            if let Some(name) = options.name {
                near.renamed(&name.cache, &name.key);
            }
        }
        written
    }

    async fn remember(&self, id: &str, entry: &Entry) -> Result<()> {
        let value = entry.value.whole();
        if value.total_size().is_none_or(|size| size <= SMALL) {
            return Ok(());
        }
        let Some(Record { head, .. }) = self
            .store
            .read(id, f64::NEG_INFINITY, Want::Head)
            .await?
            .filter(|record| record.head.created_at == entry.created_at)
        else {
            return Ok(());
        };
        let decoder = self.decoder(id);
        let document = value.document()?;
        let side = match decoder.side(&head)? {
            Some(side) => side.with_views(entry, &document)?,
            // written by the original: only with the whole text at hand an index can be made
            None if document.is_whole()
                && head.plain
                && head.body_len == document.text_len() as u64 =>
            {
                Side::of(&document).with_views(entry, &document)?
            }
            None => return Ok(()),
        };
        let side = encode::seal_side(&self.seals, id, &head, &side)?;
        self.store.write_side(id, &head, side).await
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        let deleted = self.store.delete(id).await;
        if let Some(near) = self.near() {
            near.changed(id);
        }
        deleted
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        self.store.exists(id, now).await
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        let cleared = self.store.clear(scope).await;
        if let Some(near) = self.near() {
            near.all_changed();
        }
        cleared
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        self.store.keys(scope, now).await
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Arc<Entry>)>> {
        let Some(near) = self.near_now() else {
            return self.look_up(name, now, want).await;
        };
        if let Some(found) = near.find(name, now, want) {
            return Ok(Some(found));
        }
        let since = near.moment();
        let found = self.look_up(name, now, want).await?;
        if let Some((id, entry)) = &found {
            near.keep(since, id, entry, Some(name));
        }
        Ok(found)
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        self.store.find_everywhere(cache, key, now).await
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        self.store.name_of(id).await
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        self.store.knows_cache(cache).await
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        self.store.purge(now).await
    }

    fn removals(&self) -> Option<&Removals> {
        self.store.removals()
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        self.store.acquire(lease, seconds, now).await
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        self.store.renew(lease, token, seconds, now).await
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        self.store.release(lease, token, now).await
    }

    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        self.store.take(demands, now).await
    }
}

/// The entry as a record of plain JSON text.
///
/// # Errors
/// [`ErrorKind::Codec`] for a value that no store can keep.
pub(crate) fn to_plain(id: &str, entry: &Entry) -> Result<Record> {
    encode::record(&Seals::default(), id, entry)
}

/// The entry of a record of plain JSON text.
///
/// # Errors
/// [`ErrorKind::Codec`] for one that is damaged.
pub(crate) fn from_plain(record: Record) -> Result<Entry> {
    decode::plain_entry(record)
}
