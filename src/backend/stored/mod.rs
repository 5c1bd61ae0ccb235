//! [`Stored`]: makes a backend of a store of records. What a record means is decided here, for all stores.

/// What a body begins with that is not JSON text.
pub const SEALED: &[u8; 8] = b"!rcseal1";
