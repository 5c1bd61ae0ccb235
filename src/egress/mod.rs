//! What must not get out: [`SecretIndex`] finds the parts of a value in texts that are on their way to an agent.
//!
//! It is a net, for tools that return what they were only allowed to use: it finds a value, its texts and its long
//! numbers wherever they stand, also escaped, percent-encoded or in base64. What is computed from them it cannot know.
//!
//! Time is linear in the texts and memory in the value, whoever wrote them; the index keeps hashes, not texts.

mod decode;
mod hash;
mod index;
mod leaves;
mod needles;
mod numbers;

pub use index::{Limits, SecretIndex, Seen};
