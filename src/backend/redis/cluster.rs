//! The steps of a write in a Cluster, where an entry, its index and the entries that must give way lie on different
//! servers.
//!
//! The entry is written first and its name after it, so that a name never leads to an entry that is not there.

use ::redis::cmd;

use super::super::Head;
use super::errors::unexpected;
use super::link::Again;
use super::scripts::Call;
use super::write::{Change, px, set};
use super::{RedisStore, keys, layout, reply, scripts};
use crate::error::Result;

impl RedisStore {
    /// Stores the entry itself.
    pub(super) async fn store_in_cluster(
        &self,
        id: &str,
        head: &Head,
        written: &layout::Written,
        beside: &[Vec<u8>],
    ) -> Result<()> {
        let (entry, side) = (keys::entry(id), keys::side(id));
        let store = scripts::CLUSTER_STORE.call(&[&entry, &side]);
        let store = store.arg(&written.text).arg(px(head)).arg(beside);
        match self.link.run(&store, Again::Yes).await {
            Err(error) if self.is_half_moved(&error) => {
                let set = set(&entry, head, written);
                self.link.ask(&set, Again::Yes).await.map(drop)
            }
            stored => stored.map(drop),
        }
    }

    /// Brings the end of an entry forward; its size afterwards.
    async fn retire_in_cluster(&self, id: &str, call: &Call, left: u64) -> Result<Option<u64>> {
        match self.link.run(call, Again::Yes).await {
            Err(error) if self.is_half_moved(&error) => {
                // its text cannot be changed now: the server ends it all the same
                let mut expire = cmd("PEXPIRE");
                expire.arg(keys::entry(id)).arg(left);
                self.link.ask(&expire, Again::Yes).await?;
                let mut length = cmd("STRLEN");
                length.arg(keys::entry(id));
                reply::number(self.link.ask(&length, Again::Yes).await?)
            }
            answer => reply::number(answer?),
        }
    }

    /// The part of a write in a Cluster that concerns the index, and what follows from it.
    pub(super) async fn enter(
        &self,
        id: &str,
        head: &Head,
        written: &layout::Written,
        change: &Change,
    ) -> Result<()> {
        let call = scripts::CLUSTER_ENTER
            .call(&[&keys::index("known")])
            .arg(id)
            .arg(&*head.namespace)
            .arg(written.text.len())
            .arg(written.end_at)
            .arg(&written.created)
            .arg(head.expires_at.map(layout::moment).unwrap_or_default())
            .arg(&change.name)
            .arg(&*change.space)
            .arg(&change.last)
            .arg(change.token);
        let answer = self.link.run(&self.with_limits(call), Again::Yes).await?;
        let mut answer = reply::list(answer)?.into_iter();
        let mut next = || answer.next().ok_or_else(unexpected);
        let (former, at, size) = (reply::text(next()?)?, next()?, next()?);
        if let (Some(former), Some((till, left))) = (former, &change.retire) {
            let (entry, side) = (keys::entry(&former), keys::side(&former));
            let retire = scripts::CLUSTER_RETIRE.call(&[&entry, &side]);
            let retire = retire
                .arg(reply::number(at)?)
                .arg(reply::number(size)?)
                .arg(till)
                .arg(left);
            let size = self.retire_in_cluster(&former, &retire, *left).await?;
            let settle = scripts::CLUSTER_SETTLE.call(&[&keys::index("known")]);
            let settle = settle.arg(&*former).arg(size).arg(till);
            self.link.run(&settle, Again::Yes).await?;
        }
        for struck in answer {
            if let Some(struck) = reply::text(struck)? {
                self.remove_entry(&struck).await?;
            }
        }
        Ok(())
    }
}
