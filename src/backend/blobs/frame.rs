//! [`Framed`]: a record as one blob: what it begins with, the head as JSON, side and body as they are.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::damaged;
use super::parts::Stowed;
use crate::backend::Head;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::KeyName;

/// What the blob of a record begins with; the last byte counts the forms.
const BEGIN: &[u8; 4] = b"RCB\x01";

/// A record and what only this store knows of it.
#[derive(Clone)]
pub(super) struct Framed {
    pub(super) about: About,
    pub(super) side: Bytes,
    /// Empty if it stands beside the record.
    pub(super) body: Bytes,
}

/// The head of a record as it is written.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) policy: String,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) metadata: String,
    pub(super) plain: bool,
    pub(super) side: Stowed,
    pub(super) body: Stowed,
    /// Cache and key of the name that led here when it was written.
    pub(super) name: Option<(String, String)>,
}

impl About {
    /// The record's head; the side is elsewhere.
    pub(super) fn head(&self, side: Bytes) -> Head {
        Head {
            namespace: self.namespace.as_str().into(),
            policy: self.policy.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            metadata: self.metadata.clone(),
            side,
            body_len: self.body.len,
            plain: self.plain,
        }
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it is still the record that this head was read from.
    pub(super) fn is(&self, head: &Head) -> bool {
        self.created_at == head.created_at && self.body.len == head.body_len
    }

    pub(super) fn key_name(&self) -> Option<KeyName> {
        let (cache, key) = self.name.as_ref()?;
        Some(KeyName {
            cache: Arc::from(cache.as_str()),
            namespace: Arc::from(self.namespace.as_str()),
            key: Arc::from(key.as_str()),
        })
    }
}

impl Framed {
    /// The blob.
    pub(super) fn to_blob(&self) -> Result<Bytes> {
        let about = serde_json::to_vec(&self.about).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "an entry's head could not be written",
            )
            .caused_by(error)
        })?;
        let length = u32::try_from(about.len()).map_err(|_| {
            Error::new(
                ErrorKind::Unsupported,
                "policy and metadata of an entry have more than 4 GB",
            )
        })?;
        let rest = about.len() + self.side.len() + self.body.len();
        let mut blob = BytesMut::with_capacity(BEGIN.len() + 4 + rest);
        blob.put_slice(BEGIN);
        blob.put_u32_le(length);
        blob.put_slice(&about);
        blob.put_slice(&self.side);
        blob.put_slice(&self.body);
        Ok(blob.freeze())
    }

    /// The record with this id in a blob.
    ///
    /// # Errors
    /// [`ErrorKind::Backend`] if the blob is anything else.
    pub(super) fn from_blob(blob: &Bytes, id: &str) -> Result<Self> {
        Self::parse(blob, id).ok_or_else(|| damaged("an entry"))
    }

    fn parse(blob: &Bytes, id: &str) -> Option<Self> {
        let rest = blob.strip_prefix(BEGIN.as_slice())?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (about, rest) = rest.split_at_checked(length)?;
        let about: About = serde_json::from_slice(about).ok()?;
        let rest = blob.slice_ref(rest);
        let side = usize::try_from(about.side.here()).ok()?;
        let body = usize::try_from(about.body.here()).ok()?;
        if about.id != id || side.checked_add(body)? != rest.len() {
            return None;
        }
        let (side, body) = (rest.slice(..side), rest.slice(side..));
        Some(Self { about, side, body })
    }
}
