//! What a call may ask for, and what it gets.

use std::sync::Arc;

use super::uses::Uses;
use crate::access::{Actor, PolicySource};
use crate::backend::{Fence, Want};
use crate::clock::Timestamp;
use crate::preview::{PreviewResult, PreviewStrategy};
use crate::reference::RefId;

/// How long an entry lives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Ttl {
    /// As the namespace or the cache says.
    #[default]
    Default,
    /// For ever.
    Never,
    /// So many seconds; 0 is born expired.
    Seconds(f64),
}

/// What an actor wants to do with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// See it: READ, and the namespace must admit the actor.
    Read,
    /// Let the server use it: READ or EXECUTE. A namespace that the author wrote as a literal is not
    /// checked, one that was filled from an identity is.
    Use,
    /// See what it just made: READ, whatever the namespace.
    Receive,
    /// Remove it: DELETE, and the namespace must admit the actor.
    Delete,
}

/// How somebody asks for an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    /// What for.
    pub(crate) access: Access,
    /// How much of the entry is needed.
    pub(crate) want: Want,
    /// Whether it counts against the limits of rates; the server itself may come as often as it likes.
    pub(crate) counted: bool,
    /// Whether what is forbidden is answered as what is missing.
    pub(crate) alike: bool,
}

impl Asking {
    /// Somebody who is told why not.
    pub(crate) fn openly(access: Access, want: Want, counted: bool) -> Self {
        Self {
            access,
            want,
            counted,
            alike: false,
        }
    }
}

/// Options of [`RefCache::set_with`](super::RefCache::set_with).
#[derive(Clone, Default)]
pub struct SetOptions<'a> {
    /// Where to store it; `None` = the default namespace.
    pub namespace: Option<&'a str>,
    /// Who may do what; `None` = as the namespace or the cache says.
    pub policy: Option<Arc<dyn PolicySource>>,
    /// How long it lives.
    pub ttl: Ttl,
    /// The tool that made the value.
    pub tool_name: Option<&'a str>,
    /// What the value was made of: the policy inherits from it.
    pub uses: Option<&'a Uses>,
    /// Who stores it: needs WRITE, or UPDATE where the key exists. `None` = the server itself.
    pub actor: Option<&'a dyn Actor>,
    /// Whose call made the value, for the audit log; not asked for permission.
    pub caller: Option<&'a dyn Actor>,
    /// Preview size remembered with the entry.
    pub max_size: Option<usize>,
    /// Preview strategy remembered with the entry.
    pub strategy: Option<PreviewStrategy>,
    /// Whether the namespace was filled from a template or an identity.
    pub bound: bool,
    /// Whether the preview is made at once and stored with a large value: it will be asked for.
    pub prepare: bool,
    /// The reference that was promised for the value before it was made; `None` = a new one.
    pub promised: Option<RefId>,
    /// The lease under which the value was made; see [`PutOptions::fence`](crate::backend::PutOptions).
    pub fence: Option<Fence<'a>>,
}

/// Options of [`RefCache::get_with`](super::RefCache::get_with).
#[derive(Clone, Copy, Default)]
pub struct GetOptions<'a> {
    /// A page instead of the preview, from 1.
    pub page: Option<usize>,
    /// Items (of text: characters) a page.
    pub page_size: Option<usize>,
    /// The most the preview may measure; `None` = as the entry or the cache says.
    pub max_size: Option<usize>,
    /// How to choose what is shown; `None` = as the entry or the cache says.
    pub strategy: Option<PreviewStrategy>,
    /// Who reads; `None` = an anonymous agent.
    pub actor: Option<&'a dyn Actor>,
}

impl GetOptions<'_> {
    /// The same for whoever was found to be allowed.
    pub(crate) fn without_actor(&self) -> GetOptions<'static> {
        GetOptions {
            actor: None,
            page: self.page,
            page_size: self.page_size,
            max_size: self.max_size,
            strategy: self.strategy,
        }
    }
}

/// What [`RefCache::set`](super::RefCache::set) gives back: the reference and facts about the value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reference {
    /// What the agent holds.
    pub ref_id: RefId,
    /// The cache it belongs to.
    pub cache_name: Arc<str>,
    /// Where the entry lives.
    pub namespace: Arc<str>,
    /// The tool that made the value.
    pub tool_name: Option<Arc<str>>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Items of a collection.
    pub total_items: Option<usize>,
    /// Characters of the JSON text.
    pub total_size: Option<usize>,
}

/// A preview or page of an entry; derefs to the [`PreviewResult`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// The entry's reference, also when it was asked for by key.
    pub ref_id: Arc<str>,
    /// Where the entry lives.
    pub namespace: Arc<str>,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What is shown.
    pub result: Arc<PreviewResult>,
}

impl std::ops::Deref for Response {
    type Target = PreviewResult;

    fn deref(&self) -> &PreviewResult {
        &self.result
    }
}
