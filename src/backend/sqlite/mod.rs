//! [`SqliteStore`]: records in a SQLite file, which the original package may use at the same time.

mod buckets;
mod connection;
mod fault;
mod file;
mod home;
mod index;
mod keeper;
mod leases;
mod limits;
mod many;
mod options;
mod pool;
mod read;
mod schema;
mod write;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::Connection;

use self::file::Place;
use self::home::Files;
use self::keeper::Keeper;
use self::many::{BATCH, Condition};
use self::schema::OVERHEAD;
use self::write::Write;
use super::{
    Capabilities, Head, Near, PutOptions, Record, RecordStore, Removal, Removals, Scope, Want,
};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Demand, Take};
use crate::reference::KeyName;
use crate::runtime::unblock;

pub use limits::Totals;
pub use options::SqliteOptions;

/// Bytes that a small write is taken to be.
const SLIGHT: usize = 1024;

/// Records in a SQLite file, or in memory for the path `:memory:`.
///
/// Other processes may use the file at the same time, those with the original package included. What is
/// written is there after the process is killed; after a loss of power the last moments may be missing
/// (`synchronous=NORMAL`), the file is sound. New files are readable by their owner only. A file that is
/// removed or exchanged while it is open is noticed and opened anew. Expired records are removed by a thread
/// of the store within about a second (by its clock). Clones share the connections.
///
/// A program must not open the file by other means in the same process (another copy of SQLite, a plain
/// read): when that is closed, the operating system drops the locks that this store relies on.
#[derive(Clone)]
pub struct SqliteStore {
    files: Arc<Files>,
    keeper: Arc<Keeper>,
    near: Option<Arc<Near>>,
}

impl SqliteStore {
    /// Opens a file, which is made if it is missing, with its folders. `:memory:` is a database of this store alone.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be made or opened, [`Busy`](ErrorKind::Busy) if another
    /// process locks it for longer than the timeout, [`Backend`](ErrorKind::Backend) if it is damaged, no
    /// SQLite file, or one for something else.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        let files = Arc::new(Files::new(Place::new(path.as_ref())?, options));
        files.open()?;
        let keeper = Arc::new(Keeper::new(&files));
        keeper.watch();
        let room = files.options.near_cache;
        let keeps = room > 0 && files.place != Place::Memory;
        let near = keeps.then(|| Arc::new(Near::new(room)));
        Ok(Self {
            files,
            keeper,
            near,
        })
    }

    /// The file, or `:memory:`.
    pub fn path(&self) -> &Path {
        self.files.place.path()
    }

    /// How much is stored, expired entries that are not yet removed included.
    ///
    /// # Errors
    /// As those of any operation: [`open`](Self::open).
    pub async fn totals(&self) -> Result<Totals> {
        self.reading(limits::totals).await
    }

    /// Waits for what is going on and closes the file; the next use opens it again. What is in `:memory:` is gone.
    pub fn close(&self) {
        self.files.close();
    }

    /// Closes the file and holds off all uses of this store until [`after_fork`](Self::after_fork): to be
    /// called before a fork, as SQLite's locks do not survive one. A child that was forked without it opens
    /// connections of its own, but cannot know of locks that its parent held in that moment.
    pub fn before_fork(&self) {
        self.files.pause();
    }

    /// Ends what [`before_fork`](Self::before_fork) began, in the parent; a child has nothing to end.
    pub fn after_fork(&self) {
        self.files.resume();
    }

    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let files = Arc::clone(&self.files);
        unblock(move || files.read(work)).await
    }

    async fn writing<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.keeper.watch();
        let files = Arc::clone(&self.files);
        unblock(move || files.write(bytes, work)).await
    }

    /// Writes, and tells what went by itself; how much that was.
    async fn losing(
        &self,
        bytes: usize,
        work: impl FnMut(&Connection) -> rusqlite::Result<Vec<Removal>> + Send + 'static,
    ) -> Result<usize> {
        self.keeper.watch();
        let files = Arc::clone(&self.files);
        unblock(move || files.lose(bytes, work)).await
    }

    /// A value that alone is more than the limit would only drive out all others.
    fn check_size(&self, body: usize) -> Result<()> {
        let needed = body as u64 + OVERHEAD;
        match self.files.options.limits.bytes {
            Some(most) if needed > most => Err(Error::new(
                ErrorKind::Backend,
                "the value is larger than all that the store may hold; raise max_bytes",
            )
            .with("max_bytes", most)
            .with("bytes", needed)
            .with("path", self.path().display())),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path())
            .field("limits", &self.files.options.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl RecordStore for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        let on_disk = self.files.place != Place::Memory;
        Capabilities {
            persistent: on_disk,
            shared: on_disk,
            waits: true,
        }
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>> {
        let id = id.to_owned();
        self.reading(move |db| read::by_id(db, &id, now, want))
            .await
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        let name = name.clone();
        self.reading(move |db| read::by_name(db, &name, now, want))
            .await
    }

    async fn read_body(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        let (id, ranges) = (id.to_owned(), ranges.to_vec());
        let (made, length) = (head.created_at, head.body_len);
        self.reading(move |db| read::parts(db, &id, made, length, &ranges))
            .await
    }

    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()> {
        let bytes = record.body.as_ref().map_or(0, Bytes::len);
        self.check_size(bytes + record.head.side.len())?;
        let write = Write {
            id: id.to_owned(),
            record,
            name: options.name.cloned(),
            retire_at: options.retire_at,
            fence: options
                .fence
                .map(|fence| (fence.lease.to_owned(), fence.token)),
            limits: self.files.options.limits,
        };
        self.losing(bytes, move |db| write.run(db)).await.map(drop)
    }

    async fn write_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()> {
        let id = id.to_owned();
        let (made, length) = (head.created_at, head.body_len);
        self.writing(side.len(), move |db| {
            write::side(db, &id, made, length, &side)
        })
        .await
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.writing(SLIGHT, move |db| write::delete(db, &id)).await
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.reading(move |db| read::exists(db, &id, now)).await
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        let condition = Condition::from(scope);
        let condition = self.reading(move |db| condition.until_now(db)).await?;
        let mut cleared = 0;
        loop {
            let condition = condition.clone();
            let some = self
                .writing(usize::MAX / 2, move |db| condition.clear_some(db))
                .await?;
            cleared += some;
            if some < BATCH {
                return Ok(cleared);
            }
        }
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        let condition = Condition::from(scope);
        self.reading(move |db| condition.ids(db, now)).await
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        let (cache, key) = (cache.to_owned(), key.to_owned());
        self.reading(move |db| read::everywhere(db, &cache, &key, now))
            .await
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        let id = id.to_owned();
        self.reading(move |db| read::name_of(db, &id)).await
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        let cache = cache.to_owned();
        self.reading(move |db| read::knows_cache(db, &cache)).await
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        let mut purged = 0;
        while self.reading(move |db| many::has_ended(db, now)).await? {
            purged += self
                .losing(usize::MAX / 2, move |db| many::purge_some(db, now))
                .await?;
        }
        Ok(purged)
    }

    fn removals(&self) -> Option<&Removals> {
        Some(&self.files.removals)
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        let name = lease.to_owned();
        // who waits for a lease asks often: that should not keep writers waiting
        if self
            .reading(move |db| leases::is_held(db, &name, now))
            .await?
        {
            return Ok(None);
        }
        let lease = lease.to_owned();
        self.writing(SLIGHT, move |db| leases::acquire(db, &lease, seconds, now))
            .await
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        let lease = lease.to_owned();
        self.writing(SLIGHT, move |db| {
            leases::end_at(db, &lease, token, now, now + seconds)
        })
        .await
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        let lease = lease.to_owned();
        self.writing(SLIGHT, move |db| {
            leases::end_at(db, &lease, token, now, now)
        })
        .await
    }

    fn near(&self) -> Option<&Near> {
        self.near.as_deref()
    }

    fn hears_all(&self) -> bool {
        let near = self.near.as_deref();
        near.is_some_and(|near| self.files.is_up_to_date(near))
    }

    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        let demands = demands.to_vec();
        self.writing(SLIGHT, move |db| buckets::take(db, &demands, now))
            .await
    }
}
