//! [`RefCache`]: the recipe. Fetch (storage and expiry) is async, present (permission, preview) is not.

mod answer;
mod audited;
mod builder;
mod limited;
mod lookup;
mod options;
mod present;
mod read;
mod resolution;
mod settings;
mod uses;
mod view;
mod write;

use std::fmt;
use std::sync::Arc;

use crate::access::PermissionChecker;
use crate::audit::Audit;
use crate::backend::Backend;
use crate::clock::{Clock, Timestamp};
use crate::limits::{Buckets, RateLimits};
use crate::measure::SizeMeasurer;
use crate::preview::PreviewGenerator;
use crate::reference::CacheName;

#[cfg(feature = "python")]
pub(crate) use answer::Received;
pub use answer::{Answer, AnswerOptions};
pub(crate) use audited::Act;
pub use builder::Builder;
#[cfg(feature = "python")]
pub(crate) use lookup::not_found;
#[cfg(feature = "python")]
pub(crate) use options::Asking;
pub use options::{Access, GetOptions, Reference, Response, SetOptions, Ttl};
pub use resolution::{Resolution, ResolveOptions};
#[cfg(feature = "python")]
pub(crate) use settings::checked_ttl;
pub use settings::{NamespaceRule, PreviewConfig, ResolveRequires, Settings};
pub use uses::Uses;

/// A cache of results that agents hold by reference.
///
/// Values go in with [`set`](RefCache::set); agents see [previews and pages](RefCache::get) and pass
/// the reference on; servers [`resolve`](RefCache::resolve) it. Clones share everything.
/// [`blocking::RefCache`](crate::blocking::RefCache) is the same without `await`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> mcp_refcache::Result<()> {
/// use mcp_refcache::RefCache;
///
/// let cache = RefCache::new("calculator")?;
/// let primes: Vec<u64> = (2..50_000).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).collect();
/// let reference = cache.set("primes", &primes).await?;
///
/// let shown = cache.get(reference.ref_id.as_str()).await?;
/// assert!(shown.preview_size <= 1000 && shown.total_items == Some(primes.len()));
///
/// let back: Vec<u64> = cache.resolve(reference.ref_id.as_str()).await?;
/// assert_eq!(back, primes);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RefCache {
    pub(crate) parts: Arc<Parts>,
}

/// What a cache is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) name: CacheName,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checker: Arc<dyn PermissionChecker>,
    pub(crate) measurer: Arc<dyn SizeMeasurer>,
    /// `None`: the built-in one of the strategy in question.
    pub(crate) generator: Option<Arc<dyn PreviewGenerator>>,
    /// `None`: nothing is written down.
    pub(crate) audit: Option<Audit>,
    pub(crate) settings: Settings,
    /// `None`: everybody may come as often as they like.
    pub(crate) limits: Option<Arc<RateLimits>>,
    /// For stores that keep none.
    pub(crate) buckets: Arc<Buckets>,
}

impl RefCache {
    /// A cache with the defaults: memory, one hour, sampled previews of at most 1000 tokens
    /// (characters without the feature `tokens`).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if no reference could carry the name.
    pub fn new(name: &str) -> crate::Result<Self> {
        Self::builder(name).build()
    }

    /// A cache with other parts.
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// The name, which is the part of its references before the colon.
    pub fn name(&self) -> &str {
        self.parts.name.as_str()
    }

    /// The store.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.parts.backend
    }

    /// Defaults and namespace rules.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

impl fmt::Debug for RefCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefCache")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
