//! The documents that lead to records: which namespaces there are, which ids they have, which id a name means.
//!
//! Each is a small JSON object with an end for every line, so that it forgets what has ended whenever it
//! is written, and goes by itself with its last line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BlobStore, Blobs, INDEX, damaged, key_of, seconds_to_live};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::KeyName;

/// Documents that the ids of a namespace are spread over; only those are read that were ever written.
const SHARDS: u64 = 64;
/// Documents that the namespaces are spread over.
const ROOTS: u64 = 16;
/// Documents that the namespaces of a key are spread over: few, as a lookup that fails reads all.
const NAMES: u64 = 4;
/// A namespace is noted for so much longer than its last entry, so that not every write has to note it.
const SLACK: f64 = 3600.0;

/// A document.
#[derive(Default, Serialize, Deserialize)]
struct Listing {
    /// When a line was last added: "now" for whoever takes some out and is not told the time.
    at: Timestamp,
    lines: BTreeMap<String, Line>,
}

/// What stands in a document about one id, namespace or key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    /// When it is not needed any more; `None` = never.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    end: Option<Timestamp>,
    /// Of a namespace: which shards have ids, as bits in hex. Of a name: the id.
    #[serde(rename = "v", default, skip_serializing_if = "String::is_empty")]
    value: String,
}

impl Line {
    fn is_live(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

/// The later of two ends.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}

fn shard_of(text: &str, shards: u64) -> u64 {
    let digits = &key_of(&[text])[..8];
    u64::from_str_radix(digits, 16).unwrap_or(0) % shards
}

fn root_key(number: u64) -> String {
    format!("namespaces-{number:02x}")
}

fn ids_key(namespace: &str, shard: u64) -> String {
    format!("ids-{}-{shard:02x}", key_of(&[namespace]))
}

fn name_key(cache: &str, key: &str, shard: u64) -> String {
    format!("name-{}-{shard:02x}", key_of(&[cache, key]))
}

impl<B: BlobStore> Blobs<B> {
    /// Notes that a namespace has this id until then.
    pub(super) async fn list(
        &self,
        namespace: &str,
        id: &str,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let shard = shard_of(id, SHARDS);
        let root = root_key(shard_of(namespace, ROOTS));
        let bit = 1_u64 << shard;
        self.amend(&root, Some(now), |namespaces| {
            let known = namespaces.get(namespace);
            let shards = known.map_or(0, |line| bits(&line.value));
            let enough = known.is_some_and(|line| later(line.end, end) == line.end);
            if enough && shards & bit != 0 {
                return false;
            }
            let end = end.map(|end| end + SLACK.max(end - now));
            let line = Line {
                end: known.map_or(end, |line| later(line.end, end)),
                value: format!("{:x}", shards | bit),
            };
            namespaces.insert(namespace.to_owned(), line);
            true
        })
        .await?;
        self.amend(&ids_key(namespace, shard), Some(now), |ids| {
            let value = String::new();
            ids.insert(id.to_owned(), Line { end, value });
            true
        })
        .await
    }

    /// Takes ids out of a namespace's list.
    pub(super) async fn unlist(&self, namespace: &str, ids: &[&str]) -> Result<()> {
        let mut by_shard: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for id in ids {
            by_shard.entry(shard_of(id, SHARDS)).or_default().push(id);
        }
        for (shard, gone) in by_shard {
            self.amend(&ids_key(namespace, shard), None, |ids| {
                let before = ids.len();
                gone.iter().for_each(|id| drop(ids.remove(*id)));
                ids.len() != before
            })
            .await?;
        }
        Ok(())
    }

    /// Ids that a namespace has at `now`.
    pub(super) async fn listed(&self, namespace: &str, now: Timestamp) -> Result<Vec<String>> {
        let root = self.listing(&root_key(shard_of(namespace, ROOTS))).await?;
        let mut found = Vec::new();
        let shards = root
            .lines
            .get(namespace)
            .map_or(0, |line| bits(&line.value));
        for shard in (0..SHARDS).filter(|shard| shards >> shard & 1 == 1) {
            let ids = self.listing(&ids_key(namespace, shard)).await?;
            let live = ids.lines.into_iter().filter(|(_, line)| line.is_live(now));
            found.extend(live.map(|(id, _)| id));
        }
        Ok(found)
    }

    /// All namespaces that may have entries.
    pub(super) async fn namespaces(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for number in 0..ROOTS {
            found.extend(self.listing(&root_key(number)).await?.lines.into_keys());
        }
        Ok(found)
    }

    /// Points a name at an id; the id it pointed at before, if another.
    pub(super) async fn point(
        &self,
        name: &KeyName,
        id: &str,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let mut former = None;
        let line = Line {
            end,
            value: id.to_owned(),
        };
        self.amend(&Self::document_of(name), Some(now), |names| {
            former = names.insert(name.namespace.to_string(), line);
            true
        })
        .await?;
        let former = former.filter(|line| line.value != id);
        Ok(former.map(|line| line.value))
    }

    /// Forgets a name if it leads to this id.
    pub(super) async fn unpoint(&self, name: &KeyName, id: &str) -> Result<()> {
        self.amend(&Self::document_of(name), None, |names| {
            let leads = names
                .get(&*name.namespace)
                .is_some_and(|line| line.value == id);
            leads && names.remove(&*name.namespace).is_some()
        })
        .await
    }

    /// The id that a name leads to, whether or not it is still there.
    pub(super) async fn pointed(&self, name: &KeyName) -> Result<Option<String>> {
        let mut names = self.listing(&Self::document_of(name)).await?;
        Ok(names.lines.remove(&*name.namespace).map(|line| line.value))
    }

    /// Namespace and id of a key in all namespaces that have it, sorted.
    pub(super) async fn pointed_everywhere(
        &self,
        cache: &str,
        key: &str,
    ) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for shard in 0..NAMES {
            let names = self.listing(&name_key(cache, key, shard)).await?;
            found.extend(
                names
                    .lines
                    .into_iter()
                    .map(|(namespace, line)| (namespace, line.value)),
            );
        }
        found.sort();
        Ok(found)
    }

    fn document_of(name: &KeyName) -> String {
        name_key(&name.cache, &name.key, shard_of(&name.namespace, NAMES))
    }

    async fn listing(&self, key: &str) -> Result<Listing> {
        match self.store.get(INDEX, key).await? {
            Some(blob) => serde_json::from_slice(&blob).map_err(|_| damaged("an index")),
            None => Ok(Listing::default()),
        }
    }

    /// Reads a document, lets `change` say whether it changed the lines, and writes it back.
    async fn amend(
        &self,
        key: &str,
        now: Option<Timestamp>,
        change: impl FnOnce(&mut BTreeMap<String, Line>) -> bool + Send,
    ) -> Result<()> {
        let _ours = self.locks.document(key).await;
        let mut listing = self.listing(key).await?;
        if !change(&mut listing.lines) {
            return Ok(());
        }
        let now = now.unwrap_or(listing.at);
        listing.at = now;
        listing.lines.retain(|_, line| line.is_live(now));
        let ends = listing.lines.values().map(|line| line.end);
        let Some(end) = ends.reduce(later) else {
            return self.store.delete(INDEX, key).await.map(drop);
        };
        let blob = serde_json::to_vec(&listing).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "an index could not be written").caused_by(error)
        })?;
        let seconds = seconds_to_live(end, now);
        self.store.put(INDEX, key, blob.into(), seconds).await
    }
}

fn bits(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).unwrap_or(0)
}
