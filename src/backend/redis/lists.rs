//! Operations over many entries. Ours are in the index; those of the original are found by walking over all
//! keys of the database, and entered into the index when they are first seen.

use std::collections::HashSet;
use std::sync::Arc;

use ::redis::cmd;
use bytes::Bytes;

use super::super::Scope;
use super::errors::unexpected;
use super::link::Again;
use super::options::Node;
use super::{RedisStore, keys, layout, reply, scripts};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::reference::KeyName;

/// How many ids one script looks at: about a millisecond, in which the server does nothing else.
const AT_ONCE: usize = 500;
/// How many keys one step of a walk looks at.
const STEP: usize = 2000;

impl RedisStore {
    pub(super) async fn live_ids(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        let known = self.known_ids(scope).await?;
        let mut live = Vec::with_capacity(known.len());
        for some in known.chunks(AT_ONCE) {
            live.extend(self.live_among(some, now).await?);
        }
        if self.link.options().shared_with_original {
            for (id, foreign) in self.foreign(scope, true).await? {
                let listed =
                    foreign.is_some_and(|head| head.expires_at.is_none_or(|end| now < end));
                if listed {
                    live.push(id);
                }
            }
        }
        Ok(live)
    }

    pub(super) async fn clear_scope(&self, scope: Scope<'_>) -> Result<usize> {
        let mut ids = self.known_ids(scope).await?;
        if self.link.options().shared_with_original {
            let by_namespace = scope.namespace.is_some();
            let foreign = self.foreign(scope, by_namespace).await?;
            ids.extend(foreign.into_iter().map(|(id, _)| id));
        }
        let mut count = 0;
        for some in ids.chunks(AT_ONCE) {
            count += self.remove(some).await?;
        }
        Ok(count)
    }

    pub(super) async fn remove_ended(&self, now: Timestamp) -> Result<usize> {
        let mut count = 0;
        loop {
            let call = scripts::ENDED.call(&[&keys::index("known")]);
            let call = call.arg(layout::moment(now)).arg(AT_ONCE);
            let ended = reply::texts(self.link.run(&call, Again::No).await?)?;
            if ended.is_empty() {
                return Ok(count);
            }
            count += ended.len();
            self.remove(&ended).await?;
        }
    }

    pub(super) async fn is_live(&self, id: &str, now: Timestamp) -> Result<bool> {
        let entry = keys::entry(id);
        if self.link.options().is_cluster() {
            return Ok(!self.live_among(&[id.into()], now).await?.is_empty());
        }
        let call = scripts::EXISTS
            .call(&[&entry])
            .arg(id)
            .arg(layout::moment(now));
        reply::yes(self.link.run(&call, Again::Yes).await?)
    }

    pub(super) async fn holders(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        let answer = self
            .link
            .ask(cmd("HGETALL").arg(keys::name(cache, key)), Again::Yes)
            .await?;
        let texts = reply::texts(answer)?;
        let pairs = texts
            .chunks_exact(2)
            .map(|pair| (Arc::clone(&pair[0]), Arc::clone(&pair[1])));
        let mut holders: Vec<_> = pairs.collect();
        if holders.is_empty() {
            return Ok(holders);
        }
        let ids: Vec<_> = holders.iter().map(|(_, id)| Arc::clone(id)).collect();
        let live: HashSet<_> = self.live_among(&ids, now).await?.into_iter().collect();
        holders.retain(|(_, id)| live.contains(id));
        holders.sort_unstable();
        Ok(holders)
    }

    pub(super) async fn name_leading_to(&self, id: &str) -> Result<Option<KeyName>> {
        let call = scripts::NAME_OF.call(&[&keys::index("known")]).arg(id);
        let Some([key, namespace]) = reply::some(self.link.run(&call, Again::Yes).await?)? else {
            return Ok(None);
        };
        let (key, namespace) = (reply::text(key)?, reply::text(namespace)?);
        let (key, namespace) = key.zip(namespace).ok_or_else(unexpected)?;
        let (cache, key) = keys::named(&key).ok_or_else(unexpected)?;
        Ok(Some(KeyName {
            cache: cache.into(),
            namespace,
            key: key.into(),
        }))
    }

    pub(super) async fn has_seen(&self, cache: &str) -> Result<bool> {
        let mut asked = cmd("SISMEMBER");
        asked.arg(keys::index("caches")).arg(cache);
        reply::yes(self.link.ask(&asked, Again::Yes).await?)
    }

    /// Those of the ids whose entries are live.
    async fn live_among(&self, ids: &[Arc<str>], now: Timestamp) -> Result<Vec<Arc<str>>> {
        let now = layout::moment(now);
        if !self.link.options().is_cluster() {
            let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
            let call = scripts::LIVE.call(&[]).arg(now).arg(&ids);
            return reply::texts(self.link.run(&call, Again::Yes).await?);
        }
        let lengths = ids.iter().map(|id| {
            let mut length = cmd("STRLEN");
            length.arg(keys::entry(id));
            length
        });
        let lengths = self.link.ask_each(lengths.collect()).await;
        let mut call = scripts::CLUSTER_LIVE
            .call(&[&keys::index("known")])
            .arg(now);
        for (id, length) in ids.iter().zip(lengths) {
            // a value of another type has no length, and is no entry
            let length = length.map_or(Ok(Some(0)), reply::number)?;
            call = call.arg(&**id).arg(length);
        }
        reply::texts(self.link.run(&call, Again::Yes).await?)
    }

    /// The ids that the index has for a scope.
    async fn known_ids(&self, scope: Scope<'_>) -> Result<Vec<Arc<str>>> {
        let caches = match scope.cache {
            Some(cache) => vec![cache.into()],
            None => {
                let mut all = cmd("SMEMBERS");
                all.arg(keys::index("caches"));
                reply::texts(self.link.ask(&all, Again::Yes).await?)?
            }
        };
        let mut ids = Vec::new();
        for cache in caches {
            let members = keys::members(&cache, scope.namespace);
            let mut range = cmd("ZRANGE");
            range.arg(members).arg(0).arg(-1);
            ids.extend(reply::texts(self.link.ask(&range, Again::Yes).await?)?);
        }
        Ok(ids)
    }

    /// Entries of the scope that the index does not know. If they are to be read, they are entered into it, and
    /// what is no entry is left out.
    async fn foreign(
        &self,
        scope: Scope<'_>,
        read: bool,
    ) -> Result<Vec<(Arc<str>, Option<super::super::Head>)>> {
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
