//! [`export`]: a cache's entries, written as JSON Lines.

use std::io::Write;

use super::Progress;
use super::line::{First, Last, Lines, Named};
use crate::audit::Action;
use crate::backend::{Scope, Want, stored};
use crate::cache::{Act, RefCache};
use crate::error::{ErrorKind, Result};
use crate::runtime::block_on;

/// What is exported.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions<'a> {
    /// Only entries of exactly this namespace.
    pub namespace: Option<&'a str>,
    /// Leaves entries out whose value another process could not read (live objects), instead of failing.
    pub skip_unportable: bool,
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Exported {
    /// Entries that were written.
    pub entries: usize,
    /// Entries that were left out, as their value could not be written.
    pub skipped: usize,
    /// Bytes that were written.
    pub bytes: u64,
}

/// Writes the live entries of a cache, with values, policies, ends, keys and metadata.
///
/// The file holds every value in plain text, whoever may read it and however the store keeps it: guard
/// it like the store. `progress` is called before the first entry and after each; its error stops the export.
///
/// # Errors
/// [`ErrorKind::Codec`] with the reference of an entry whose value cannot be written, [`ErrorKind::Io`] if
/// the stream fails, and what the store or `progress` fails with. What is written by then has no
/// last line and is not imported unnoticed.
pub fn export(
    cache: &RefCache,
    writer: &mut dyn Write,
    options: &ExportOptions<'_>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Exported> {
    let backend = cache.backend();
    let scope = Scope {
        cache: Some(cache.name()),
        namespace: options.namespace,
    };
    let now = cache.now();
    let ids = block_on(backend.keys(scope, now))?;
    let mut lines = Lines::new(writer);
    lines.write(&First::new(cache.name(), now, options.namespace))?;
    let mut done = Exported::default();
    let mut report = |entries, bytes| {
        progress(Progress {
            entries,
            total: Some(ids.len()),
            bytes,
        })
    };
    report(0, lines.bytes)?;
    for (number, id) in ids.iter().enumerate() {
        // one that ended meanwhile is no more
        if let Some(named) = block_on(read(cache, id, options, &mut done.skipped))? {
            lines.write_entry(&named)?;
            done.entries += 1;
        }
        report(number + 1, lines.bytes)?;
    }
    lines.write(&Last::new(done.entries))?;
    lines.flush()?;
    done.bytes = lines.bytes;
    Ok(done)
}

async fn read(
    cache: &RefCache,
    id: &str,
    options: &ExportOptions<'_>,
    skipped: &mut usize,
) -> Result<Option<Named>> {
    let backend = cache.backend();
    let Some(entry) = backend.get(id, cache.now(), Want::Value).await? else {
        return Ok(None);
    };
    let record = match stored::to_plain(id, &entry) {
        Ok(record) => record,
        Err(error) if error.kind() == ErrorKind::Codec && options.skip_unportable => {
            *skipped += 1;
            return Ok(None);
        }
        Err(error) => return Err(error.with("reference", id)),
    };
    cache.record(Action::Exported, Act::on(id, &entry, None))?;
    let name = backend.name_of(id).await?;
    Ok(Some(Named {
        ref_id: id.to_owned(),
        key: name.map(|name| name.key),
        record,
    }))
}
