//! Patterns of actors: `type:id`, where the id may hold wildcards.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::actor::ActorType;
use super::glob::Glob;

/// A pattern such as `user:alice` or `agent:trusted-*`.
///
/// The type is compared exactly; the id as Python's `fnmatch` does (`*`, `?`, `[seq]`, `[!seq]`).
/// An id of just `*` also matches actors without an id; every other pattern never does. A text
/// without a colon matches nobody. Parsing never fails.
///
/// ```
/// use mcp_refcache::access::{ActorPattern, ActorType};
/// let pattern = ActorPattern::parse("agent:trusted-*");
/// assert!(pattern.matches(ActorType::Agent, Some("trusted-1")));
/// assert!(!pattern.matches(ActorType::User, Some("trusted-1")));
/// assert!(!pattern.matches(ActorType::Agent, None));
/// ```
#[derive(Debug, Clone)]
pub struct ActorPattern {
    text: Box<str>,
    /// `None`: names no type there is, and so matches nobody.
    kind: Option<ActorType>,
    ids: Ids,
}

#[derive(Debug, Clone)]
enum Ids {
    Everyone,
    Matching(Glob),
}

impl ActorPattern {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (kind, id) = text.split_once(':').unwrap_or_default();
        Self {
            text: text.into(),
            kind: ActorType::from_name(kind),
            ids: match id {
                "*" => Ids::Everyone,
                id => Ids::Matching(Glob::new(id)),
            },
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one actor that a pattern without wildcards names.
    pub(super) fn label(&self) -> Option<(ActorType, &str)> {
        let (_, id) = self.text.split_once(':')?;
        let is_literal = !id.contains(['*', '?', '[']);
        self.kind.filter(|_| is_literal).map(|kind| (kind, id))
    }

    /// Whether an actor of this type and id matches; `None` is an anonymous one.
    #[must_use]
    pub fn matches(&self, kind: ActorType, id: Option<&str>) -> bool {
        self.kind == Some(kind)
            && match (&self.ids, id) {
                (Ids::Everyone, _) => true,
                (Ids::Matching(_), None) => false,
                (Ids::Matching(glob), Some(id)) => glob.matches(id),
            }
    }
}

impl fmt::Display for ActorPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for ActorPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ActorPattern {}

/// A set of patterns, compiled once; a copy shares them.
///
/// ```
/// use mcp_refcache::access::{ActorPatterns, ActorType};
/// let patterns: ActorPatterns = ["user:alice", "agent:*"].into_iter().collect();
/// assert!(patterns.matches(ActorType::Agent, None));
/// assert!(!patterns.matches(ActorType::User, Some("bob")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorPatterns(Arc<[ActorPattern]>); // sorted by text, each once

impl ActorPatterns {
    /// Whether an actor of this type and id matches any of the patterns.
    #[must_use]
    pub fn matches(&self, kind: ActorType, id: Option<&str>) -> bool {
        self.0.iter().any(|pattern| pattern.matches(kind, id))
    }

    /// Whether one of the patterns is written exactly like this.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.0
            .binary_search_by(|pattern| pattern.as_str().cmp(text))
            .is_ok()
    }

    /// Whether everybody whom a pattern names is named here: by the same pattern, or, as it names one actor, by any.
    pub(super) fn covers(&self, pattern: &ActorPattern) -> bool {
        self.contains(pattern.as_str())
            || pattern
                .label()
                .is_some_and(|(kind, id)| self.matches(kind, Some(id)))
    }

    /// The patterns, sorted by their text.
    pub fn iter(&self) -> impl Iterator<Item = &ActorPattern> {
        self.0.iter()
    }
}

impl<T: AsRef<str>> FromIterator<T> for ActorPatterns {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut patterns: Vec<ActorPattern> = texts
            .into_iter()
            .map(|text| ActorPattern::parse(text.as_ref()))
            .collect();
        patterns.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        patterns.dedup();
        Self(patterns.into())
    }
}

impl Serialize for ActorPatterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(ActorPattern::as_str))
    }
}

impl<'de> Deserialize<'de> for ActorPatterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer).map(Self::from_iter)
    }
}
