//! Entries of the original: they stand in no index, so a walk over all keys of the database finds them. Seen once, they
//! are entered into the index.

use std::collections::HashSet;
use std::sync::Arc;

use ::redis::cmd;
use bytes::Bytes;

use super::super::{Head, Scope};
use super::errors::unexpected;
use super::link::Again;
use super::lists::AT_ONCE;
use super::options::Node;
use super::{RedisStore, keys, layout, reply, scripts};
use crate::error::Result;

/// How many keys one step of a walk looks at.
const STEP: usize = 1000;

impl RedisStore {
    /// Entries of the scope that the index does not know. If they are to be read, they are entered into it, and
    /// what is no entry is left out.
    pub(super) async fn foreign(
        &self,
        scope: Scope<'_>,
        read: bool,
    ) -> Result<Vec<(Arc<str>, Option<Head>)>> {
        let mut found = Vec::new();
        for id in self.walk(scope).await? {
            if !read {
                found.push((id, None));
                continue;
            }
            let text = self
                .link
                .ask(cmd("GET").arg(keys::entry(&id)), Again::Yes)
                .await;
            let Some(text) = text.ok().and_then(|text| reply::bytes(text).ok()).flatten() else {
                continue;
            };
            let size = text.len();
            let Ok(record) = layout::read(&id, text, None, Bytes::new()) else {
                continue;
            };
            let head = record.head;
            let adopt = scripts::ADOPT
                .call(&[&keys::index("known")])
                .arg(&*id)
                .arg(&*head.namespace)
                .arg(size)
                .arg(layout::moment(head.created_at))
                .arg(head.expires_at.map(layout::moment).unwrap_or_default());
            self.link.run(&adopt, Again::Yes).await?;
            if scope
                .namespace
                .is_none_or(|namespace| *head.namespace == *namespace)
            {
                found.push((id, Some(head)));
            }
        }
        Ok(found)
    }

    /// Ids under the original's prefix that the index does not know, by a walk over all keys.
    async fn walk(&self, scope: Scope<'_>) -> Result<HashSet<Arc<str>>> {
        let mut unknown = HashSet::new();
        if self.link.options().is_cluster() {
            for node in self.masters().await? {
                self.walk_node(&node, &mut unknown).await?;
            }
        } else {
            let mut cursor: Arc<str> = "0".into();
            loop {
                let call = scripts::WALK
                    .call(&[])
                    .arg(&*cursor)
                    .arg(keys::ENTRY)
                    .arg(STEP);
                let page = reply::texts(self.link.run(&call, Again::Yes).await?)?;
                let mut page = page.into_iter();
                cursor = page.next().ok_or_else(unexpected)?;
                unknown.extend(page);
                if &*cursor == "0" {
                    break;
                }
            }
        }
        unknown.retain(|id| scope.has_id(id));
        Ok(unknown)
    }

    /// The same for one node of a Cluster; the index lies on another.
    async fn walk_node(&self, node: &Node, unknown: &mut HashSet<Arc<str>>) -> Result<()> {
        let mut cursor = 0;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(format!("{}*", keys::ENTRY));
            scan.arg("COUNT").arg(STEP);
            let page = self.link.ask_at(&scan, node).await?;
            let [next, page] = reply::some(page)?.ok_or_else(unexpected)?;
            let page = reply::texts(page)?;
            let ids = page.iter().filter_map(|key| key.strip_prefix(keys::ENTRY));
            let ids: Vec<&str> = ids.collect();
            for some in ids.chunks(AT_ONCE) {
                let call = scripts::CLUSTER_UNKNOWN
                    .call(&[&keys::index("known")])
                    .arg(some);
                unknown.extend(reply::texts(self.link.run(&call, Again::Yes).await?)?);
            }
            cursor = reply::number(next)?.ok_or_else(unexpected)?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// The masters of a Cluster.
    async fn masters(&self) -> Result<HashSet<Node>> {
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let mut nodes = HashSet::new();
        for range in reply::list(self.link.ask(&slots, Again::Yes).await?)? {
            let master = reply::list(range)?
                .into_iter()
                .nth(2)
                .ok_or_else(unexpected)?;
            let mut master = reply::list(master)?.into_iter();
            let host = reply::text(master.next().ok_or_else(unexpected)?)?;
            let port = reply::number(master.next().ok_or_else(unexpected)?)?;
            let (host, port) = host.zip(port).ok_or_else(unexpected)?;
            nodes.insert((host.to_string(), port as u16));
        }
        Ok(nodes)
    }
}
