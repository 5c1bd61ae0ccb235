//! The names of the keys in Redis: the original's own, and ours beside it, which it never looks at.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `mcp-refcache:entry:<id>` | string | the entry, as the original writes and reads it |
//! | `mcp-refcache:side:{mcp-refcache:entry:<id>}` | hash | head and side of a large entry; same Cluster slot |
//! | `mcp-refcache:{index}:known` | hash | id -> namespace, size, name |
//! | `mcp-refcache:{index}:of:<cache>`, `...:in:<cache>:<namespace>` | sorted set | ids by time of writing |
//! | `mcp-refcache:{index}:ends` | sorted set | ids by their end |
//! | `mcp-refcache:{index}:name:<cache>:<key>` | hash | namespace -> id |
//! | `mcp-refcache:{index}:lease:<name>` | string | the token of who holds it |
//! | `mcp-refcache:{index}:last:<name>` | string | the token that was given last, for as long as a holder may be late |
//! | `mcp-refcache:{index}:bucket:<key>` | string | the tokens of a rate limit, and when there were so many |
//! | `mcp-refcache:{index}:caches`, `:bytes`, `:token` | | known cache names, sum of sizes, last token |
//!
//! The index lies in one slot of a Cluster, so that one script changes it in one step. The Lua side says
//! the same names in `lua/index.lua`.

use crate::reference::KeyName;

/// What the original's keys begin with.
pub(super) const ENTRY: &str = "mcp-refcache:entry:";
/// What all keys of the index begin with.
const INDEX: &str = "mcp-refcache:{index}:";

/// The key of an entry.
pub(super) fn entry(id: &str) -> String {
    format!("{ENTRY}{id}")
}

/// The key of what stands beside an entry: in the same slot of a Cluster, whose rule is that the first
/// non-empty part in braces decides.
pub(super) fn side(id: &str) -> String {
    let tagged = id
        .split_once('{')
        .and_then(|(_, rest)| rest.find('}'))
        .is_some_and(|end| end > 0);
    if tagged {
        format!("mcp-refcache:side:{id}")
    } else {
        format!("mcp-refcache:side:{{{ENTRY}{id}}}")
    }
}

/// A key of the index, and what routes a script to it.
pub(super) fn index(word: &str) -> String {
    format!("{INDEX}{word}")
}

/// The ids of a cache, or of one namespace in it.
pub(super) fn members(cache: &str, namespace: Option<&str>) -> String {
    match namespace {
        None => format!("{INDEX}of:{cache}"),
        Some(namespace) => format!("{INDEX}in:{cache}:{namespace}"),
    }
}

/// Where the ids stand that a key leads to, by namespace. A cache name has no colon; one that has is
/// escaped, so that two names never meet.
pub(super) fn name(cache: &str, key: &str) -> String {
    let cache = cache.replace('%', "%25").replace(':', "%3A");
    format!("{INDEX}name:{cache}:{key}")
}

/// The same for a whole name.
pub(super) fn name_of(name: &KeyName) -> String {
    self::name(&name.cache, &name.key)
}

/// Cache, and key within it, of a key made by [`name`].
pub(super) fn named(key: &str) -> Option<(String, &str)> {
    let (cache, key) = key
        .strip_prefix(INDEX)?
        .strip_prefix("name:")?
        .split_once(':')?;
    Some((cache.replace("%3A", ":").replace("%25", "%"), key))
}

/// The key of a lease.
pub(super) fn lease(name: &str) -> String {
    format!("{INDEX}lease:{name}")
}

/// The key of the last token of a lease.
pub(super) fn last_token(name: &str) -> String {
    format!("{INDEX}last:{name}")
}

/// The key of a bucket.
pub(super) fn bucket(name: &str) -> String {
    format!("{INDEX}bucket:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_an_entry_has_its_slot() {
        assert_eq!(side("c:1"), "mcp-refcache:side:{mcp-refcache:entry:c:1}");
        assert_eq!(side("c:{x}1"), "mcp-refcache:side:c:{x}1");
        assert_eq!(side("{}"), "mcp-refcache:side:{mcp-refcache:entry:{}}");
    }

    #[test]
    fn a_name_is_read_back_from_its_key() {
        for (cache, key) in [("c", "k:1"), ("a:b", "%3A"), ("", "")] {
            assert_eq!(named(&name(cache, key)), Some((cache.to_owned(), key)));
        }
        assert_ne!(name("a", "b:c"), name("a:b", "c"));
    }
}
