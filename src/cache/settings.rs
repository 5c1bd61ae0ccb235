//! What holds for a whole cache: defaults, and rules for its namespaces.

use std::fmt;
use std::sync::Arc;

use super::options::Ttl;
use crate::access::{AccessPolicy, Glob, PolicySource};
use crate::error::{Error, Result};
use crate::preview::PreviewStrategy;

/// How previews are made where a call or a tool does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviewConfig {
    /// The most that a preview may measure, in the unit of the cache's measurer. Default 1000.
    pub max_size: usize,
    /// How a preview is chosen. Default `Sample`.
    pub strategy: PreviewStrategy,
}

impl Default for PreviewConfig {
    fn default() -> Self {
        Self {
            max_size: 1000,
            strategy: PreviewStrategy::Sample,
        }
    }
}

impl PreviewConfig {
    /// Previews of at most this size, chosen this way.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the size is 0.
    pub fn new(max_size: usize, strategy: PreviewStrategy) -> Result<Self> {
        if max_size == 0 {
            return Err(Error::invalid("max_size must be 1 or greater").with("max_size", max_size));
        }
        Ok(Self { max_size, strategy })
    }
}

/// What a caller without an actor of its own must be allowed in order to resolve a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResolveRequires {
    /// READ or EXECUTE: the server uses the value, the agent does not see it.
    #[default]
    Execute,
    /// READ: for servers whose tools hand resolved values to the agent.
    Read,
}

/// What holds for the namespaces that a pattern matches (`session:*`).
#[derive(Clone)]
pub struct NamespaceRule {
    pattern: Glob,
    ttl: Ttl,
    policy: Option<Arc<dyn PolicySource>>,
}

impl NamespaceRule {
    /// A rule for one namespace, or for all that a pattern (`*`, `?`, `[seq]`) matches.
    pub fn new(pattern: &str) -> Self {
        Self {
            pattern: Glob::new(pattern),
            ttl: Ttl::Default,
            policy: None,
        }
    }

    /// How long entries live there unless the call says otherwise.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// The policy of entries there unless the call says otherwise.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn PolicySource>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }
}

impl fmt::Debug for NamespaceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamespaceRule")
            .field("pattern", &self.pattern())
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// Defaults and namespace rules of a cache.
#[derive(Clone)]
pub struct Settings {
    pub(crate) default_policy: Arc<dyn PolicySource>,
    pub(crate) default_ttl: Option<f64>,
    pub(crate) default_namespace: Arc<str>,
    pub(crate) preview: PreviewConfig,
    pub(crate) resolve_requires: ResolveRequires,
    /// Names of other caches whose references are followed although this store never saw them.
    pub(crate) trusted: Vec<String>,
    /// Declared namespaces; empty = any.
    pub(crate) declared: Vec<NamespaceRule>,
    /// Rules that declare nothing.
    pub(crate) rules: Vec<NamespaceRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_policy: Arc::new(AccessPolicy::default()),
            default_ttl: Some(3600.0),
            default_namespace: "public".into(),
            preview: PreviewConfig::default(),
            resolve_requires: ResolveRequires::default(),
            trusted: Vec::new(),
            declared: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl Settings {
    /// The rule that says most about a namespace: its own name before any pattern, a longer
    /// pattern before a shorter one.
    fn rules_for<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a NamespaceRule> {
        let mut matching: Vec<_> = self
            .rules
            .iter()
            .chain(&self.declared)
            .filter(|rule| rule.pattern.matches(namespace))
            .collect();
        matching.sort_by_key(|rule| {
            (
                rule.pattern() != namespace,
                std::cmp::Reverse(rule.pattern().len()),
            )
        });
        matching.into_iter()
    }

    /// Refuses a namespace that was not declared: a typo must not open one that isolates nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument), listing the declared ones.
    pub fn check_namespace(&self, namespace: &str) -> Result<()> {
        if namespace.is_empty() {
            return Err(Error::invalid("namespace must not be empty"));
        }
        if self.declared.is_empty()
            || self
                .declared
                .iter()
                .any(|rule| rule.pattern.matches(namespace))
        {
            return Ok(());
        }
        let declared: Vec<_> = self.declared.iter().map(NamespaceRule::pattern).collect();
        Err(Error::invalid(format!(
            "namespace {namespace:?} is not declared; declared are: {}",
            declared.join(", ")
        )))
    }

    /// Seconds that an entry lives: call, then namespace, then default; `None` = for ever.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the number is negative or not finite.
    pub(crate) fn lifetime(&self, ttl: Ttl, namespace: &str) -> Result<Option<f64>> {
        let ttl = match ttl {
            Ttl::Default => {
                let ruled = self
                    .rules_for(namespace)
                    .map(|rule| rule.ttl)
                    .find(|ttl| *ttl != Ttl::Default);
                ruled.unwrap_or(self.default_ttl.map_or(Ttl::Never, Ttl::Seconds))
            }
            ttl => ttl,
        };
        match ttl {
            Ttl::Seconds(seconds) => checked_ttl("ttl", Some(seconds)),
            Ttl::Default | Ttl::Never => Ok(None),
        }
    }

    /// Refuses settings that no call could use.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a TTL that is negative or not
    /// finite, and for an empty default namespace.
    pub(super) fn check(&self) -> Result<()> {
        if self.default_namespace.is_empty() {
            return Err(Error::invalid("default_namespace must not be empty"));
        }
        checked_ttl("default_ttl", self.default_ttl)?;
        for rule in self.rules.iter().chain(&self.declared) {
            if let Ttl::Seconds(seconds) = rule.ttl {
                let name = format!("ttl of namespace '{}'", rule.pattern());
                checked_ttl(&name, Some(seconds))?;
            }
        }
        Ok(())
    }

    /// The policy of an entry: call, then namespace, then default.
    pub(crate) fn policy(
        &self,
        policy: Option<Arc<dyn PolicySource>>,
        namespace: &str,
    ) -> Arc<dyn PolicySource> {
        policy
            .or_else(|| {
                self.rules_for(namespace)
                    .find_map(|rule| rule.policy.clone())
            })
            .unwrap_or_else(|| Arc::clone(&self.default_policy))
    }
}

/// Seconds that something may live; `None` = for ever.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the number is negative or not finite.
pub(crate) fn checked_ttl(name: &str, seconds: Option<f64>) -> Result<Option<f64>> {
    match seconds {
        Some(seconds) if !seconds.is_finite() || seconds < 0.0 => Err(Error::invalid(format!(
            "{name} must be a finite number of seconds, 0 or greater, or NEVER"
        ))
        .with("ttl", seconds)),
        seconds => Ok(seconds),
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("default_ttl", &self.default_ttl)
            .field("default_namespace", &self.default_namespace)
            .field("preview", &self.preview)
            .field("declared", &self.declared)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
