#![doc = "Reference-based result cache for MCP servers."]

pub mod access;
mod clock;
mod error;
pub mod measure;
pub mod preview;
pub mod value;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result};

#[cfg(feature = "python")]
mod python;
