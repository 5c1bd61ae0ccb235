//! Reference-based result cache for MCP servers.
//!
//! A tool's large result is stored; the agent gets a **reference** and a **preview**. It pages
//! through the value, or hands the reference to another tool, where the server puts the value in.
//! With the EXECUTE permission it can use a value that it may never see.
//!
//! ```
//! use mcp_refcache::blocking::RefCache;
//! use mcp_refcache::GetOptions;
//!
//! let cache = RefCache::new("cities")?;
//! let rows: Vec<_> = (0..10_000).map(|i| serde_json::json!({"id": i, "name": format!("city {i}")})).collect();
//! let reference = cache.set("all", &rows)?;
//!
//! let preview = cache.get(reference.ref_id.as_str())?;
//! println!("{} of {:?} tokens: {}", preview.preview_size, preview.original_size, preview.preview());
//! let page = cache.get_with(reference.ref_id.as_str(), &GetOptions { page: Some(2), ..Default::default() })?;
//! assert_eq!(page.total_pages, Some(500));
//! # Ok::<(), mcp_refcache::Error>(())
//! ```
//!
//! Each module may use only what stands above it:
//! `error`, `clock`, `process`, `file` < `runtime` < `access`, `value` < `audit`, `limits`, `measure`, `egress` < `preview` < `entry` < `backend` < `cache` <
//! `portable` < `blocking`.

pub mod access;
pub mod audit;
pub mod backend;
pub mod blocking;
mod cache;
mod clock;
pub mod egress;
mod entry;
mod error;
mod file;
pub mod limits;
pub mod measure;
pub mod portable;
pub mod preview;
mod process;
mod reference;
mod runtime;
pub mod value;

pub use access::{
    AccessPolicy, Actor, ActorType, DefaultActor, Namespace, Permission, PermissionChecker,
};
pub use backend::{Backend, MemoryBackend};
pub use cache::{
    Access, Answer, AnswerOptions, Builder, GetOptions, NamespaceRule, PreviewConfig, RefCache,
    Reference, Resolution, ResolveOptions, ResolveRequires, Response, SetOptions, Settings, Ttl,
    Uses,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use entry::{Details, Entry};
pub use error::{Error, ErrorKind, Result};
pub use limits::RateLimit;
pub use preview::PreviewStrategy;
pub use reference::{CacheName, KeyName, RefId, cache_of, is_ref_id};

#[cfg(feature = "python")]
mod python;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
