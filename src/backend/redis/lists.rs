//! Operations over many entries: those of the index, and those that `foreign` finds besides.

use std::collections::HashSet;
use std::sync::Arc;

use ::redis::cmd;

use super::super::Scope;
use super::errors::unexpected;
use super::link::Again;
use super::{RedisStore, keys, layout, reply, scripts};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::reference::KeyName;

/// How many ids one script looks at: about a millisecond, in which the server does nothing else.
pub(super) const AT_ONCE: usize = 500;

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
}
