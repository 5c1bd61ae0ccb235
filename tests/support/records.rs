//! A store of records in memory that counts what is read of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mcp_refcache::backend::{
    Capabilities, Head, PutOptions, Record, RecordStore, SMALL, Scope, Want,
};
use mcp_refcache::{KeyName, Result, Timestamp};
use parking_lot::Mutex;

#[derive(Default)]
pub struct Records {
    pub map: Mutex<BTreeMap<String, Record>>,
    names: Mutex<BTreeMap<(Arc<str>, Arc<str>, Arc<str>), String>>,
    pub bytes_read: AtomicU64,
    pub reads: AtomicU64,
}

impl Records {
    pub fn reset(&self) {
        self.bytes_read.store(0, Ordering::Relaxed);
        self.reads.store(0, Ordering::Relaxed);
    }

    pub fn body_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

fn slot(name: &KeyName) -> (Arc<str>, Arc<str>, Arc<str>) {
    (
        Arc::clone(&name.cache),
        Arc::clone(&name.namespace),
        Arc::clone(&name.key),
    )
}

#[async_trait::async_trait]
impl RecordStore for Records {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.persistent = true;
        capabilities
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut found = self.map.lock().get(id).cloned();
        found = found.filter(|record| record.head.expires_at.is_none_or(|end| end > now));
        if let Some(record) = &mut found {
            if want == Want::Head && record.head.body_len > SMALL as u64 {
                record.body = None;
            }
            let read = record.body.as_ref().map_or(0, Bytes::len);
            self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(found)
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        let id = self.names.lock().get(&slot(name)).cloned();
        let Some(id) = id else { return Ok(None) };
        let found = self.read(&id, now, want).await?;
        Ok(found.map(|record| (id.into(), record)))
    }

    async fn read_body(
        &self,
        id: &str,
        _head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let map = self.map.lock();
        let Some(body) = map.get(id).and_then(|record| record.body.clone()) else {
            return Ok(None);
        };
        let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        self.bytes_read.fetch_add(total, Ordering::Relaxed);
        let part = |range: &Range<u64>| body.slice(range.start as usize..range.end as usize);
        Ok(Some(ranges.iter().map(part).collect()))
    }

    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()> {
        self.map.lock().insert(id.to_owned(), record);
        if let Some(name) = options.name {
            self.names.lock().insert(slot(name), id.to_owned());
        }
        Ok(())
    }

    async fn write_side(&self, id: &str, _head: &Head, side: Bytes) -> Result<()> {
        if let Some(record) = self.map.lock().get_mut(id) {
            record.head.side = side;
        }
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.map.lock().remove(id).is_some())
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self.read(id, now, Want::Head).await?.is_some())
    }

    async fn clear(&self, _scope: Scope<'_>) -> Result<usize> {
        Ok(std::mem::take(&mut *self.map.lock()).len())
    }

    async fn keys(&self, _scope: Scope<'_>, _now: Timestamp) -> Result<Vec<Arc<str>>> {
        Ok(self.map.lock().keys().map(|id| Arc::from(&**id)).collect())
    }

    async fn find_everywhere(
        &self,
        _cache: &str,
        _key: &str,
        _now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        Ok(Vec::new())
    }

    async fn name_of(&self, _id: &str) -> Result<Option<KeyName>> {
        Ok(None)
    }

    async fn knows_cache(&self, _cache: &str) -> Result<bool> {
        Ok(false)
    }

    async fn purge(&self, _now: Timestamp) -> Result<usize> {
        Ok(0)
    }

    async fn acquire(&self, _: &str, _: f64, _: Timestamp) -> Result<Option<u64>> {
        Ok(Some(1))
    }

    async fn renew(&self, _: &str, _: u64, _: f64, _: Timestamp) -> Result<bool> {
        Ok(true)
    }

    async fn release(&self, _: &str, _: u64, _: Timestamp) -> Result<bool> {
        Ok(true)
    }
}
