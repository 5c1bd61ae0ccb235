//! The chain: each line holds the hash of the one before, and its own over all that stands in it.

use std::cmp::Ordering;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::AuditRecord;
use crate::error::{Error, ErrorKind, Result};

/// What the first record names as the one before it.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;

/// The fewest bytes that a key may have.
const SHORTEST_KEY: usize = 16;

/// Where a chain stands: how many records it has, and the hash of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) n: u64,
    pub(super) hash: String,
}

impl Head {
    /// Where a chain stands that ends so, for a writer who knows that it once stood here.
    ///
    /// # Errors
    /// Why that cannot be, as a sentence: records are gone.
    pub(super) fn followed_by(&self, found: Self) -> std::result::Result<Self, &'static str> {
        match found.n.cmp(&self.n) {
            Ordering::Greater => Ok(found),
            Ordering::Equal if found.hash == self.hash => Ok(found),
            Ordering::Equal => Err("it is not the one that was written"),
            Ordering::Less => Err("later ones, which were written, are missing"),
        }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self {
            n: 0,
            hash: GENESIS.into(),
        }
    }
}

/// How lines are closed: by SHA-256, which anybody can compute, or by HMAC-SHA-256 under a key.
pub(super) struct Seal {
    key: Option<Box<[u8]>>,
}

#[derive(Serialize)]
struct Body<'a> {
    n: u64,
    #[serde(flatten)]
    record: &'a AuditRecord,
    /// The hash of the line before, which a crash left unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    torn: Option<&'a str>,
    prev: &'a str,
}

impl Seal {
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a key that is too short to protect anything.
    pub(super) fn new(key: Option<&[u8]>) -> Result<Self> {
        match key {
            Some(key) if key.len() < SHORTEST_KEY => Err(Error::invalid(format!(
                "the key of an audit log must have {SHORTEST_KEY} bytes or more, better 32 random ones"
            ))),
            key => Ok(Self {
                key: key.map(Into::into),
            }),
        }
    }

    /// The line of a record, and where the chain stands after it.
    ///
    /// # Errors
    /// [`Audit`](ErrorKind::Audit) for a time that JSON cannot say.
    pub(super) fn line(
        &self,
        head: &Head,
        record: &AuditRecord,
        torn: Option<&str>,
    ) -> Result<(String, Head)> {
        let n = head.n + 1;
        let body = Body {
            n,
            record,
            torn,
            prev: &head.hash,
        };
        let mut line = serde_json::to_string(&body).map_err(|error| {
            Error::new(ErrorKind::Audit, "the record has no JSON text").caused_by(error)
        })?;
        let hash = self.close(line.as_bytes());
        line.pop();
        line.push_str(",\"");
        line.push_str(self.name());
        line.push_str("\":\"");
        line.push_str(&hash);
        line.push_str("\"}");
        Ok((line, Head { n, hash }))
    }

    /// Reads a line that this seal closed.
    ///
    /// # Errors
    /// Why it is none, as a sentence.
    pub(super) fn open(&self, line: &[u8]) -> std::result::Result<Opened, &'static str> {
        let Some((body, name, hash)) = split(line) else {
            return Err("it is no record of an audit log");
        };
        match (name, self.name()) {
            ("mac", "hash") => {
                return Err("it was written with a key, which is needed here as well");
            }
            ("hash", "mac") => return Err("it was written without the key"),
            _ => {}
        }
        if self.close(&body) != hash {
            return Err("it was changed, or written with another key");
        }
        let fields: serde_json::Value =
            serde_json::from_slice(&body).map_err(|_| "it is no record of an audit log")?;
        let text = |name| fields.get(name).and_then(serde_json::Value::as_str);
        let (Some(n), Some(prev)) = (
            fields.get("n").and_then(serde_json::Value::as_u64),
            text("prev"),
        ) else {
            return Err("it is no record of an audit log");
        };
        Ok(Opened {
            prev: prev.to_owned(),
            torn: text("torn").map(str::to_owned),
            head: Head {
                n,
                hash: hash.to_owned(),
            },
        })
    }

    fn name(&self) -> &'static str {
        if self.key.is_some() { "mac" } else { "hash" }
    }

    fn close(&self, body: &[u8]) -> String {
        match &self.key {
            None => sha256(body),
            Some(key) => {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.update(body);
                hex(&mac.finalize().into_bytes())
            }
        }
    }
}

/// A line whose hash is right.
pub(super) struct Opened {
    pub(super) prev: String,
    pub(super) torn: Option<String>,
    /// Where the chain stands after it.
    pub(super) head: Head,
}

/// The line without its hash, and that hash with its name.
fn split(line: &[u8]) -> Option<(Vec<u8>, &'static str, &str)> {
    let text = std::str::from_utf8(line).ok()?;
    let rest = text.strip_suffix("\"}")?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let (body, name) = match rest.strip_suffix(",\"hash\":\"") {
        Some(body) => (body, "hash"),
        None => (rest.strip_suffix(",\"mac\":\"")?, "mac"),
    };
    let mut body = body.as_bytes().to_vec();
    body.push(b'}');
    Some((body, name, hash))
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes
        .iter()
        .flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}
