//! [`import`]: the entries of an export, put into a cache.

use std::io::BufRead;
use std::sync::Arc;

use super::Progress;
use super::line::{self, Line, Named, bad};
use crate::audit::Action;
use crate::backend::{PutOptions, Want, stored};
use crate::cache::{Act, RefCache};
use crate::error::{Error, ErrorKind, Result};
use crate::reference::cache_of;
use crate::runtime::block_on;

/// What becomes of an entry whose reference or key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// What is there stays.
    #[default]
    Skip,
    /// The imported one takes its place; a key leads to the imported one.
    Overwrite,
}

/// How entries are imported.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions<'a> {
    /// What becomes of an entry whose reference or key is there already.
    pub conflict: Conflict,
    /// Namespaces that get another name: (before, after).
    pub rename_namespaces: &'a [(&'a str, &'a str)],
    /// Checks all lines and counts, but stores nothing.
    pub dry_run: bool,
}

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Imported {
    /// Entries that were stored.
    pub entries: usize,
    /// Entries that were left out, as what was there stays.
    pub skipped: usize,
    /// Entries that were left out, as they had ended.
    pub expired: usize,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Puts the entries of an export into a cache of the same name, with their references, values, policies,
/// ends, keys and metadata.
///
/// Every line is checked before its entry is stored, whole or not at all; those of earlier lines stay when
/// a later one is bad. A dry run before tells whether all are good. `progress` is called after each entry;
/// its error stops the import.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a file that is no export, or of a cache of another name, or with a
/// namespace that this cache does not declare; [`ErrorKind::Codec`] with the number of a line that is
/// damaged, also if the end is missing; [`ErrorKind::Io`] if the stream fails, and what the store or `progress`
/// fails with.
pub fn import(
    cache: &RefCache,
    reader: &mut dyn BufRead,
    options: &ImportOptions<'_>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Imported> {
    let mut number = 0;
    let mut done = Imported::default();
    let first = line::next(reader, &mut done.bytes, &mut number)?;
    let first = line::first(first.as_deref())?;
    if first.cache != cache.name() {
        let message = format!(
            "the export is of the cache '{}', and references keep the name of their cache: import it into one of that name",
            first.cache
        );
        return Err(Error::invalid(message).with("cache", cache.name()));
    }
    let mut entries = 0;
    loop {
        let at = |error: Error, number: usize| match error.kind() {
            ErrorKind::Codec | ErrorKind::InvalidArgument => error.with("line", number),
            _ => error,
        };
        let text = line::next(reader, &mut done.bytes, &mut number);
        let Some(text) = text.map_err(|error| at(error, number))? else {
            let message = "the export has no last line: it was cut, or never finished";
            return Err(at(Error::new(ErrorKind::Codec, message), number));
        };
        match line::line(&text).map_err(|error| at(error, number))? {
            Line::Entry(named) => {
                drop(text);
                block_on(store(cache, *named, options, &mut done))
                    .map_err(|error| at(error, number))?;
                entries += 1;
                progress(Progress {
                    entries,
                    total: None,
                    bytes: done.bytes,
                })?;
            }
            Line::Last(last) if last.entries == entries => break,
            Line::Last(last) => {
                let message = format!(
                    "the export had {} entries, and {entries} are left: lines were lost or added",
                    last.entries
                );
                return Err(at(Error::new(ErrorKind::Codec, message), number));
            }
        }
    }
    if line::next(reader, &mut done.bytes, &mut number)?.is_some() {
        return Err(bad("it stands behind the last one").with("line", number));
    }
    Ok(done)
}

async fn store(
    cache: &RefCache,
    named: Named,
    options: &ImportOptions<'_>,
    done: &mut Imported,
) -> Result<()> {
    let Named {
        ref_id,
        key,
        mut record,
    } = named;
    if cache_of(&ref_id) != Some(cache.name()) {
        return Err(bad("its reference is not one of this cache"));
    }
    let head = &mut record.head;
    let mut renamed = options.rename_namespaces.iter();
    if let Some((_, after)) = renamed.find(|(before, _)| *before == &*head.namespace) {
        head.namespace = Arc::from(*after);
    }
    cache.settings().check_namespace(&head.namespace)?;
    let named = key.map(|key| cache.key_name(Arc::clone(&head.namespace), &key));
    let entry = stored::from_plain(record)?;
    let (now, backend) = (cache.now(), cache.backend());
    if entry.is_expired(now) {
        done.expired += 1;
        return Ok(());
    }
    if options.conflict == Conflict::Skip {
        let taken = match &named {
            Some(name) => backend.find(name, now, Want::Head).await?.is_some(),
            None => false,
        };
        if taken || backend.exists(&ref_id, now).await? {
            done.skipped += 1;
            return Ok(());
        }
    }
    if !options.dry_run {
        cache.record(Action::Imported, Act::on(&ref_id, &entry, None))?;
        let options = PutOptions {
            name: named.as_ref(),
            ..PutOptions::default()
        };
        backend.put(&ref_id, Arc::new(entry), options).await?;
    }
    done.entries += 1;
    Ok(())
}
