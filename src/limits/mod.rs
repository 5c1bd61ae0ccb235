//! Rate limits: how often somebody may come back, as token buckets.
//!
//! Everything here is a function from values to values and handed-in time; only [`Buckets`], for stores in
//! this process, holds a lock. A bucket holds `burst` tokens, each use takes one, and they come back at the
//! rate: within any time `t` there are at most `burst + rate * t` uses.

mod bucket;
mod buckets;
mod rate;
mod rule;

pub use bucket::{Bucket, Demand, Take, take_of};
pub use buckets::Buckets;
pub use rate::Rate;
pub use rule::{RateLimit, RateLimited};

pub(crate) use rule::RateLimits;
