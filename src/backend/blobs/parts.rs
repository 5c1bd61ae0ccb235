//! [`Stowed`]: bytes that stand in their record's blob if they are few, else beside it in parts.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{BlobStore, Blobs, PARTS};
use crate::backend::SMALL;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a part. As base64 it is still below the 400 KB that an item of DynamoDB may have.
const PART: u64 = 256 * 1024;

/// Where bytes are.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stowed {
    /// How many there are.
    pub(super) len: u64,
    /// What the keys of their parts begin with; `None`: they stand in the record's blob.
    parts: Option<String>,
}

impl Stowed {
    /// How many stand in the record's blob.
    pub(super) fn here(&self) -> u64 {
        if self.parts.is_none() { self.len } else { 0 }
    }

    /// Keys of the parts that hold this range.
    fn keys(&self, range: Range<u64>) -> impl Iterator<Item = (u64, String)> {
        let numbers = range.start / PART..range.end.div_ceil(PART);
        let parts = self.parts.iter();
        parts.flat_map(move |parts| {
            numbers
                .clone()
                .map(move |number| (number, format!("{parts}-{number}")))
        })
    }
}

impl<B: BlobStore> Blobs<B> {
    /// Writes bytes into parts if they are many; where they are, and what stays for the record's blob.
    /// Parts are never written twice, so that who reads an older record finds its own or none.
    pub(super) async fn stow(
        &self,
        bytes: Bytes,
        seconds_to_live: Option<f64>,
    ) -> Result<(Stowed, Bytes)> {
        let len = bytes.len() as u64;
        if bytes.len() <= SMALL {
            return Ok((Stowed { len, parts: None }, bytes));
        }
        let parts = Some(fresh()?);
        let stowed = Stowed { len, parts };
        for (number, key) in stowed.keys(0..len) {
            let start = number * PART;
            let part = bytes.slice(start as usize..(start + PART).min(len) as usize);
            if let Err(error) = self.store.put(PARTS, &key, part, seconds_to_live).await {
                // what failed is told; that tidying up fails as well is no news
                let _ = self.unstow(&stowed).await;
                return Err(error);
            }
        }
        Ok((stowed, Bytes::new()))
    }

    /// Removes the parts.
    pub(super) async fn unstow(&self, stowed: &Stowed) -> Result<()> {
        for (_, key) in stowed.keys(0..stowed.len) {
            self.store.delete(PARTS, &key).await?;
        }
        Ok(())
    }

    /// All of the bytes; `None` if parts are gone.
    pub(super) async fn fetch(&self, stowed: &Stowed, here: &Bytes) -> Result<Option<Bytes>> {
        let all = 0..stowed.len;
        let ranges = self.fetch_ranges(stowed, here, &[all]).await?;
        Ok(ranges.and_then(|mut ranges| ranges.pop()))
    }

    /// Ranges of the bytes; `None` if parts are gone. A part that several ranges in a row lie in is
    /// read once.
    pub(super) async fn fetch_ranges(
        &self,
        stowed: &Stowed,
        here: &Bytes,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        let mut fetched = Vec::with_capacity(ranges.len());
        let mut last: Option<(u64, Bytes)> = None;
        for range in ranges {
            if range.start > range.end || range.end > stowed.len {
                return Err(super::damaged("the index of an entry"));
            }
            if range.is_empty() {
                fetched.push(Bytes::new());
                continue;
            }
            if stowed.parts.is_none() {
                fetched.push(here.slice(range.start as usize..range.end as usize));
                continue;
            }
            let mut pieces = Vec::new();
            for (number, key) in stowed.keys(range.clone()) {
                let part = match &last {
                    Some((known, part)) if *known == number => part.clone(),
                    _ => match self.store.get(PARTS, &key).await? {
                        Some(part) => part,
                        None => return Ok(None),
                    },
                };
                let start = number * PART;
                if part.len() as u64 != PART.min(stowed.len - start) {
                    return Err(super::damaged("a part of an entry"));
                }
                let (from, to) = (range.start.max(start), range.end.min(start + PART));
                pieces.push(part.slice((from - start) as usize..(to - start) as usize));
                last = Some((number, part));
            }
            fetched.push(joined(pieces));
        }
        Ok(Some(fetched))
    }
}

/// One piece without a copy, several as one.
fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() < 2 {
        return pieces.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces
        .iter()
        .for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

/// A name that nobody has: 128 random bits.
fn fresh() -> Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| {
        let message = "the operating system gave no random bits";
        Error::new(ErrorKind::Unexpected, message).caused_by(error.to_string())
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}
