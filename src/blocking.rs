//! The same cache without `await`: what is ready at once is taken at once, only what has to wait
//! goes to a runtime shared by the process.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::Actor;
use crate::cache::{Access, GetOptions, Reference, Response, SetOptions};
use crate::error::Result;
use crate::runtime::{block_on, poll_once};
use crate::value::Value;

/// [`crate::RefCache`] for code that is not async. Not to be used inside an async runtime.
///
/// ```
/// use mcp_refcache::blocking::RefCache;
/// let cache = RefCache::new("demo")?;
/// let reference = cache.set("answer", &42)?;
/// assert_eq!(cache.resolve::<i32>(reference.ref_id.as_str())?, 42);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RefCache(crate::RefCache);

impl From<crate::RefCache> for RefCache {
    fn from(cache: crate::RefCache) -> Self {
        Self(cache)
    }
}

/// Each method is the one of [`crate::RefCache`] with the same name, errors included.
#[allow(clippy::missing_errors_doc, reason = "said once, on the impl block")]
impl RefCache {
    /// See [`crate::RefCache::new`].
    pub fn new(name: &str) -> Result<Self> {
        crate::RefCache::new(name).map(Self)
    }

    /// What a store in memory answers is there at once, and needs no runtime.
    fn wait<F: Future>(&self, future: F) -> F::Output {
        if self.0.backend().capabilities().waits {
            return block_on(future);
        }
        poll_once(Box::pin(future)).unwrap_or_else(block_on)
    }

    /// See [`crate::RefCache::name`].
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// See [`crate::RefCache::set`].
    pub fn set<T: Serialize + ?Sized + Sync>(&self, key: &str, value: &T) -> Result<Reference> {
        self.wait(self.0.set(key, value))
    }

    /// See [`crate::RefCache::set_with`].
    pub fn set_with(&self, key: &str, value: Value, options: SetOptions<'_>) -> Result<Reference> {
        self.wait(self.0.set_with(key, value, options))
    }

    /// See [`crate::RefCache::get`].
    pub fn get(&self, id: &str) -> Result<Response> {
        self.wait(self.0.get(id))
    }

    /// See [`crate::RefCache::get_with`].
    pub fn get_with(&self, id: &str, options: &GetOptions<'_>) -> Result<Response> {
        self.wait(self.0.get_with(id, options))
    }

    /// See [`crate::RefCache::resolve`].
    pub fn resolve<T: DeserializeOwned + Send>(&self, id: &str) -> Result<T> {
        self.wait(self.0.resolve(id))
    }

    /// See [`crate::RefCache::resolve_as`].
    pub fn resolve_as<T: DeserializeOwned + Send>(
        &self,
        id: &str,
        actor: &dyn Actor,
        access: Access,
    ) -> Result<T> {
        self.wait(self.0.resolve_as(id, actor, access))
    }

    /// See [`crate::RefCache::delete`].
    pub fn delete(&self, id: &str, actor: Option<&dyn Actor>) -> Result<bool> {
        self.wait(self.0.delete(id, actor))
    }

    /// See [`crate::RefCache::exists`].
    pub fn exists(&self, id: &str) -> Result<bool> {
        self.wait(self.0.exists(id))
    }

    /// See [`crate::RefCache::clear`].
    pub fn clear(&self, namespace: Option<&str>, actor: Option<&dyn Actor>) -> Result<usize> {
        self.wait(self.0.clear(namespace, actor))
    }
}
