//! Writing and removing. On one server each is one script, so it happens whole or not at all.
//!
//! In a Cluster it takes several steps (see `cluster`); if one fails, the entry is taken away again.

use std::sync::Arc;

use ::redis::{Cmd, cmd};
use bytes::Bytes;

use super::super::{Head, PutOptions, Record, SMALL};
use super::link::Again;
use super::scripts::Call;
use super::{RedisStore, keys, layout, reply, scripts};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// A longer text goes to the server beside its script, in one transaction: through it, it would be copied three times
/// (measured: 500 KB take 0.85 ms instead of 0.15).
const LARGE: usize = 16 * 1024;
/// Times to live beyond this are for ever: three thousand years in milliseconds.
const FOR_EVER: f64 = 1e14;

impl RedisStore {
    pub(super) async fn write_record(
        &self,
        id: &str,
        record: Record,
        options: PutOptions<'_>,
    ) -> Result<()> {
        let Record { head, body } = record;
        let body =
            body.ok_or_else(|| Error::new(ErrorKind::Unexpected, "a record without a body"))?;
        let written = layout::write(&head, &body);
        self.check_size(written.text.len())?;
        let beside = beside(&head, &written);
        let change = Change {
            name: options.name.map(keys::name_of).unwrap_or_default(),
            space: options
                .name
                .map(|name| Arc::clone(&name.namespace))
                .unwrap_or_default(),
            last: options
                .fence
                .map(|fence| keys::last_token(fence.lease))
                .unwrap_or_default(),
            token: options.fence.map(|fence| fence.token).unwrap_or_default(),
            retire: options.retire_at.map(|moment| {
                (
                    layout::moment(moment),
                    until(moment, head.created_at).unwrap_or(FOR_EVER as u64),
                )
            }),
        };
        let (entry, side) = (keys::entry(id), keys::side(id));
        if self.link.options().is_cluster() {
            self.store_in_cluster(id, &head, &written, &beside).await?;
            let entered = self.enter(id, &head, &written, &change).await;
            if entered.is_err() {
                let _ = self.remove_entry(id).await;
            }
            return entered;
        }
        let apart = written.text.len() > LARGE;
        let (till, left) = change.retire.unwrap_or_default();
        let call = scripts::WRITE
            .call(&[&entry, &side])
            .arg(id)
            .arg(if apart { &[] } else { &written.text[..] })
            .arg(written.text.len())
            .arg(px(&head))
            .arg(&*head.namespace)
            .arg(written.end_at)
            .arg(&written.created)
            .arg(head.expires_at.map(layout::moment).unwrap_or_default())
            .arg(change.name)
            .arg(&*change.space)
            .arg(change.last)
            .arg(change.token)
            .arg(till)
            .arg(left);
        let call = self.with_limits(call).arg(&beside);
        if apart {
            let set = set(&entry, &head, &written);
            return self.link.run_after(set, &call).await;
        }
        self.link.run(&call, Again::Yes).await.map(drop)
    }

    pub(super) async fn replace_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()> {
        let (entry, beside) = (keys::entry(id), keys::side(id));
        let call = scripts::WRITE_SIDE
            .call(&[&entry, &beside])
            .arg(head.body_len)
            .arg(layout::moment(head.created_at))
            .arg(layout::start(head.plain))
            .arg(&side[..]);
        match self.link.run(&call, Again::Yes).await {
            Err(error) if self.is_half_moved(&error) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes entries and strikes them off the index; how many were there.
    pub(super) async fn remove(&self, ids: &[Arc<str>]) -> Result<usize> {
        let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
        if !self.link.options().is_cluster() {
            let call = scripts::DELETE.call(&[]).arg(&ids);
            let count = reply::number(self.link.run(&call, Again::No).await?)?;
            return Ok(count.unwrap_or(0) as usize);
        }
        let mut count = 0;
        for id in &ids {
            count += usize::from(self.remove_entry(id).await?);
        }
        let forget = scripts::CLUSTER_FORGET
            .call(&[&keys::index("known")])
            .arg(&ids);
        self.link.run(&forget, Again::Yes).await?;
        Ok(count)
    }

    pub(super) async fn remove_entry(&self, id: &str) -> Result<bool> {
        let removed = self
            .link
            .ask(cmd("UNLINK").arg(keys::entry(id)), Again::No)
            .await?;
        self.link
            .ask(cmd("UNLINK").arg(keys::side(id)), Again::Yes)
            .await?;
        reply::yes(removed)
    }

    pub(super) fn with_limits(&self, call: Call) -> Call {
        let options = self.link.options();
        call.arg(options.max_entries.unwrap_or(0))
            .arg(options.max_bytes.unwrap_or(0))
    }

    fn check_size(&self, size: usize) -> Result<()> {
        match self.link.options().max_bytes {
            Some(most) if size as u64 > most => Err(Error::new(
                ErrorKind::Backend,
                "the entry alone is larger than all entries may be; raise max_bytes",
            )
            .with("bytes", size)
            .with("max_bytes", most)),
            _ => Ok(()),
        }
    }
}

/// The plain command that stores an entry.
pub(super) fn set(entry: &str, head: &Head, written: &layout::Written) -> Cmd {
    let mut set = cmd("SET");
    set.arg(entry).arg(&written.text);
    if let Some(left) = head.expires_at.and_then(|end| until(end, head.created_at)) {
        set.arg("PX").arg(left);
    }
    set
}

/// What a write means for the index.
pub(super) struct Change {
    pub(super) name: String,
    pub(super) space: Arc<str>,
    pub(super) last: String,
    pub(super) token: u64,
    /// Until when the former holder of the name lives, and how long that is in milliseconds.
    pub(super) retire: Option<(String, u64)>,
}

/// The fields that stand beside an entry, if it is large or has a side.
fn beside(head: &Head, written: &layout::Written) -> Vec<Vec<u8>> {
    let body = written.tail.start - layout::start(head.plain);
    if body <= SMALL && head.side.is_empty() {
        return Vec::new();
    }
    let fields: [(&str, &[u8]); 5] = [
        ("body", &body.to_string().into_bytes()),
        ("created", written.created.as_bytes()),
        ("at", &written.tail.start.to_string().into_bytes()),
        ("tail", &written.text[written.tail.clone()]),
        ("side", &head.side),
    ];
    let flat = fields
        .into_iter()
        .flat_map(|(name, value)| [name.as_bytes().to_vec(), value.to_vec()]);
    flat.collect()
}

/// The time to live of an entry, as the argument of a script: empty for none.
pub(super) fn px(head: &Head) -> String {
    let left = head.expires_at.and_then(|end| until(end, head.created_at));
    left.map(|left| left.to_string()).unwrap_or_default()
}

/// Milliseconds from one moment to another; `None` for ever. Counted from the moment of writing by our clock,
/// so that a server whose clock differs keeps entries for as long as they were meant to live.
fn until(end: Timestamp, from: Timestamp) -> Option<u64> {
    let left = ((end - from) * 1000.0).ceil();
    (left < FOR_EVER).then(|| left.max(1.0) as u64)
}
