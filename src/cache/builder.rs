//! [`Builder`]: a cache with other parts than the defaults.

use std::sync::Arc;

use super::settings::{NamespaceRule, PreviewConfig, ResolveRequires, Settings};
use super::{Parts, RefCache};
use crate::access::{DefaultPermissionChecker, PermissionChecker, PolicySource};
use crate::audit::Audit;
use crate::backend::{Backend, MemoryBackend};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::limits::{Buckets, RateLimit, RateLimits};
use crate::measure::SizeMeasurer;
use crate::preview::PreviewGenerator;
use crate::reference::CacheName;

/// Collects the parts of a [`RefCache`].
///
/// ```
/// use mcp_refcache::{Namespace, NamespaceRule, PreviewConfig, PreviewStrategy, RefCache, Ttl};
/// let cache = RefCache::builder("weather")
///     .preview(PreviewConfig::new(500, PreviewStrategy::Summary)?)
///     .default_ttl(Some(900.0))
///     .namespace(NamespaceRule::new("session:*").ttl(Ttl::Seconds(60.0)))
///     .namespace(NamespaceRule::new(Namespace::PUBLIC))
///     .build()?;
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
pub struct Builder {
    name: String,
    backend: Option<Arc<dyn Backend>>,
    clock: Option<Arc<dyn Clock>>,
    checker: Option<Arc<dyn PermissionChecker>>,
    measurer: Option<Arc<dyn SizeMeasurer>>,
    generator: Option<Arc<dyn PreviewGenerator>>,
    max_entries: Option<usize>,
    audit: Option<Audit>,
    settings: Settings,
    limits: Vec<RateLimit>,
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            backend: None,
            clock: None,
            checker: None,
            measurer: None,
            generator: None,
            max_entries: None,
            audit: None,
            settings: Settings::default(),
            limits: Vec::new(),
        }
    }

    /// The store. Default: memory.
    #[must_use]
    pub fn backend(self, backend: impl Backend) -> Self {
        self.shared_backend(Arc::new(backend))
    }

    /// A store that others use too.
    #[must_use]
    pub fn shared_backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// The most entries that the default store keeps. Default: no limit.
    #[must_use]
    pub fn max_entries(mut self, limit: usize) -> Self {
        self.max_entries = Some(limit);
        self
    }

    /// Where "now" comes from. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who decides on permissions. Default: [`DefaultPermissionChecker`].
    #[must_use]
    pub fn checker(mut self, checker: Arc<dyn PermissionChecker>) -> Self {
        self.checker = Some(checker);
        self
    }

    /// What sizes are counted in. Default: o200k_base tokens, or characters without the feature `tokens`.
    #[must_use]
    pub fn measurer(mut self, measurer: Arc<dyn SizeMeasurer>) -> Self {
        self.measurer = Some(measurer);
        self
    }

    /// A generator of one's own. Default: the built-in one of the strategy.
    #[must_use]
    pub fn generator(mut self, generator: Arc<dyn PreviewGenerator>) -> Self {
        self.generator = Some(generator);
        self
    }

    /// Where it is written down who did what. Default: nowhere.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Size and strategy of previews.
    #[must_use]
    pub fn preview(mut self, preview: PreviewConfig) -> Self {
        self.settings.preview = preview;
        self
    }

    /// The policy of entries for which nothing else is said. Default: users FULL, agents READ and EXECUTE.
    #[must_use]
    pub fn default_policy(mut self, policy: Arc<dyn PolicySource>) -> Self {
        self.settings.default_policy = policy;
        self
    }

    /// Seconds that entries live for which nothing else is said; `None` = for ever. Default: one hour.
    #[must_use]
    pub fn default_ttl(mut self, seconds: Option<f64>) -> Self {
        self.settings.default_ttl = seconds;
        self
    }

    /// The namespace of entries for which nothing else is said. Default: `public`.
    #[must_use]
    pub fn default_namespace(mut self, namespace: &str) -> Self {
        self.settings.default_namespace = namespace.into();
        self
    }

    /// Declares a namespace or a pattern of them. As soon as one is declared, others are refused.
    #[must_use]
    pub fn namespace(mut self, rule: NamespaceRule) -> Self {
        self.settings.declared.push(rule);
        self
    }

    /// TTL and policy for the namespaces of a pattern, without declaring it.
    #[must_use]
    pub fn namespace_rule(mut self, rule: NamespaceRule) -> Self {
        self.settings.rules.push(rule);
        self
    }

    /// Adds a limit on how often callers may come. All that match hold; processes on one SQLite file or Redis share
    /// their buckets, and while such a store fails, so does what is limited. What counts: reading, resolving, storing
    /// and deleting by an actor, in vain or not. A call without an actor ([`resolve`](RefCache::resolve) too) is the
    /// server's own and does not count, and neither does the system.
    ///
    /// ```
    /// use mcp_refcache::{DefaultActor, ErrorKind, GetOptions, RateLimit, blocking::RefCache};
    /// let limit = RateLimit::new("actor:agent:*", "1/min".parse()?)?;
    /// let cache = RefCache::from(mcp_refcache::RefCache::builder("demo").rate_limit(limit).build()?);
    /// let id = cache.set("answer", &42)?.ref_id;
    /// let agent = DefaultActor::agent("claude", None);
    /// let options = GetOptions { actor: Some(&agent), ..GetOptions::default() };
    /// assert!(cache.get_with(id.as_str(), &options).is_ok());
    /// let refused = cache.get_with(id.as_str(), &options).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::RateLimited);
    /// # Ok::<(), mcp_refcache::Error>(())
    /// ```
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Names of other caches whose references are to be recognised although this store never saw them.
    #[must_use]
    pub fn trusted_caches<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.trusted = names.into_iter().map(Into::into).collect();
        self
    }

    /// What resolving without an actor needs. Default: READ or EXECUTE.
    #[must_use]
    pub fn resolve_requires(mut self, requires: ResolveRequires) -> Self {
        self.settings.resolve_requires = requires;
        self
    }

    /// The cache.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that no reference could carry, a limit
    /// of 0, a limit for a store that is not the default one, a bad TTL, or an empty default namespace.
    pub fn build(self) -> Result<RefCache> {
        let name = CacheName::new(self.name)?;
        let settings = self.settings;
        settings.check()?;
        for name in &settings.trusted {
            CacheName::new(name.as_str())?;
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let backend = match (self.backend, self.max_entries) {
            (Some(_), Some(limit)) => {
                return Err(
                    Error::invalid("give the limit to the backend itself, it has its own")
                        .with("max_entries", limit),
                );
            }
            (Some(backend), None) => backend,
            (None, limit) => Arc::new(MemoryBackend::assembled(limit, Arc::clone(&clock))?),
        };
        let checker = self
            .checker
            .unwrap_or_else(|| Arc::new(<DefaultPermissionChecker>::default()));
        let measurer = self
            .measurer
            .unwrap_or_else(crate::measure::default_measurer);
        let parts = Parts {
            name,
            backend,
            clock,
            checker,
            measurer,
            generator: self.generator,
            audit: self.audit,
            settings,
            limits: (!self.limits.is_empty()).then(|| Arc::new(RateLimits(self.limits))),
            buckets: Arc::new(Buckets::default()),
        };
        Ok(RefCache {
            parts: Arc::new(parts),
        })
    }
}
