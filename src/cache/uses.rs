//! [`Uses`]: the entries whose values a call used, so that its result can be as restricted as they are.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::RefCache;
use super::options::Access;
use super::present::Sees;
use crate::access::{AccessPolicy, Actor};
use crate::entry::Entry;
use crate::error::{ErrorKind, Result};

/// Collects what a call uses. Clones collect into the same list, from any thread.
///
/// Hand it to everything that gives the call a value ([`ResolveOptions`](super::ResolveOptions)), and to what stores
/// its result ([`SetOptions`](super::SetOptions)): the result inherits.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> mcp_refcache::Result<()> {
/// use std::sync::Arc;
/// use mcp_refcache::value::{Document, Value};
/// use mcp_refcache::{AccessPolicy, DefaultActor, RefCache, ResolveOptions, SetOptions, Uses};
///
/// let cache = RefCache::new("payroll")?;
/// let salaries = Value::Document(Arc::new(Document::from_serialize(&[3100, 4200])?));
/// let unseen = SetOptions { policy: Some(Arc::new(AccessPolicy::execute_only())), ..Default::default() };
/// let secret = cache.set_with("salaries", salaries, unseen).await?;
///
/// let (agent, uses) = (DefaultActor::agent(None, None), Uses::new());
/// let options = ResolveOptions { uses: Some(&uses), ..ResolveOptions::server(&agent) };
/// let arguments = cache.resolve_refs(secret.ref_id.as_str().into(), &options).await?;
///
/// let same = Value::Document(Arc::new(Document::from_serialize(&arguments.value)?));
/// let stored = SetOptions { uses: Some(&uses), ..Default::default() };
/// let copy = cache.set_with("copy", same, stored).await?;
/// assert!(cache.get(copy.ref_id.as_str()).await.is_err()); // it may be used, as its source may, and not seen
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Uses(Arc<Collected>);

#[derive(Default)]
struct Collected {
    used: Mutex<List>,
    around: Option<Uses>,
}

#[derive(Default)]
struct List {
    ids: HashSet<Arc<str>>,
    used: Vec<Used>,
}

/// A value that was used.
#[derive(Clone)]
pub(crate) struct Used {
    cache: RefCache,
    /// Its reference.
    pub(crate) id: Arc<str>,
    /// The entry.
    pub(crate) entry: Arc<Entry>,
}

/// A value that was used, and that somebody may not see all of.
#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "looked at by the egress guard of the binding")
)]
pub(crate) struct Hidden {
    /// The value.
    pub(crate) used: Used,
    /// What they may see of it.
    pub(crate) seen: Option<Arc<Entry>>,
}

impl Uses {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One for a call inside this one: what it uses, this one uses as well.
    #[must_use]
    pub fn inner(&self) -> Self {
        Self(Arc::new(Collected {
            around: Some(self.clone()),
            ..Collected::default()
        }))
    }

    /// How many entries were used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.used.lock().used.len()
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// References of what was used, each once.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        let list = self.0.used.lock();
        list.used.iter().map(|used| Arc::clone(&used.id)).collect()
    }

    /// Notes that the value of an entry is given out.
    pub(crate) fn note(&self, cache: &RefCache, id: &Arc<str>, entry: &Arc<Entry>) {
        for Self(collected) in self.chain() {
            let mut list = collected.used.lock();
            if list.ids.insert(Arc::clone(id)) {
                list.used.push(Used {
                    cache: cache.clone(),
                    id: Arc::clone(id),
                    entry: Arc::clone(entry),
                });
            }
        }
    }

    /// What was used.
    pub(crate) fn used(&self) -> Vec<Used> {
        self.0.used.lock().used.clone()
    }

    /// Whether anything was used that this actor may not see: then no text of the call is for it, errors included.
    ///
    /// # Errors
    /// What user-written checkers and policies fail with.
    pub fn hides_from(&self, actor: &dyn Actor) -> Result<bool> {
        Ok(!self.hidden_from(actor)?.is_empty())
    }

    /// Of what was used, that which this actor may not see, or not all of.
    ///
    /// # Errors
    /// As [`hides_from`](Self::hides_from).
    pub(crate) fn hidden_from(&self, actor: &dyn Actor) -> Result<Vec<Hidden>> {
        let mut hidden = Vec::new();
        for used in self.used() {
            match used.cache.authorize(&used.entry, actor, Access::Read) {
                Ok(Sees::All) => {}
                Ok(Sees::Masked(masks)) => {
                    let seen = Some(used.entry.seen(masks));
                    hidden.push(Hidden { used, seen });
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    hidden.push(Hidden { used, seen: None });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(hidden)
    }

    /// The policy of a result that was made of what was used, here or by the calls around this one; see
    /// [`AccessPolicy::inherit`]. A value whose policy cannot be read lets nobody see the result.
    #[must_use]
    pub fn inherited(&self, own: &AccessPolicy) -> AccessPolicy {
        let policies: Vec<_> = self.chain().flat_map(Self::policies).collect();
        own.inherit(&policies)
    }

    /// The same without what the calls around this one used.
    #[cfg(feature = "python")]
    pub(crate) fn inherited_alone(&self, own: &AccessPolicy) -> AccessPolicy {
        own.inherit(&self.policies())
    }

    /// Whether the calls around this one used anything.
    #[cfg(feature = "python")]
    pub(crate) fn is_inside_of_uses(&self) -> bool {
        self.chain().skip(1).any(|uses| !uses.is_empty())
    }

    /// This one and those around it, from the inside out.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |uses| uses.0.around.as_ref())
    }

    fn policies(&self) -> Vec<AccessPolicy> {
        let policies = self.used().into_iter().map(|used| {
            let policy = used.entry.policy.policy();
            policy.map_or_else(|_| AccessPolicy::closed(), Cow::into_owned)
        });
        policies.collect()
    }
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uses").field("len", &self.len()).finish()
    }
}
