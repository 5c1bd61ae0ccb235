//! Where the text of a large stored value is read in parts.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::parts::{Label, Table};
use crate::backend::record::{Head, RecordStore};
use crate::backend::seal::Seal;
use crate::error::{Error, ErrorKind, Result};
use crate::value::TextSource;

/// A body that is the text.
pub(super) struct Plain {
    pub(super) store: Arc<dyn RecordStore>,
    pub(super) id: Arc<str>,
    pub(super) head: Head,
}

#[async_trait]
impl TextSource for Plain {
    async fn read(&self, parts: &[Range<usize>]) -> Result<Vec<String>> {
        let ranges: Vec<_> = parts
            .iter()
            .map(|part| part.start as u64..part.end as u64)
            .collect();
        let bodies = body_parts(&*self.store, &self.id, &self.head, &ranges).await?;
        bodies.into_iter().map(text).collect()
    }
}

/// A body that is sealed in parts.
pub(super) struct Sealed {
    pub(super) store: Arc<dyn RecordStore>,
    pub(super) id: Arc<str>,
    pub(super) head: Head,
    pub(super) seal: Arc<dyn Seal>,
    pub(super) table: Table,
}

#[async_trait]
impl TextSource for Sealed {
    async fn read(&self, parts: &[Range<usize>]) -> Result<Vec<String>> {
        let ranges: Vec<_> = parts
            .iter()
            .map(|part| self.table.body_range(&self.table.parts_of(part)))
            .collect();
        let bodies = body_parts(&*self.store, &self.id, &self.head, &ranges).await?;
        let label = Label {
            id: &self.id,
            head: &self.head,
        };
        let opened = parts.iter().zip(&bodies);
        opened
            .map(|(part, body)| self.table.open_text(&*self.seal, &label, part, body))
            .collect()
    }
}

async fn body_parts(
    store: &dyn RecordStore,
    id: &str,
    head: &Head,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>> {
    if ranges
        .iter()
        .any(|range| range.start > range.end || range.end > head.body_len)
    {
        return Err(changed()); // what stands beside the value is not its own
    }
    store.read_body(id, head, ranges).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("Reference '{id}' not found: it was removed while it was read"),
        )
    })
}

/// Text of the format of documents, which is ASCII.
fn text(body: Bytes) -> Result<String> {
    let text = String::from_utf8(body.into())
        .ok()
        .filter(|text| text.is_ascii());
    text.ok_or_else(changed)
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Backend,
        "a stored value was changed by something else than this program",
    )
}
