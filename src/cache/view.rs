//! Looking at an entry, and reading on in its store where the value is not all here.

use std::sync::Arc;

use super::RefCache;
use super::options::GetOptions;
use super::present::Sight;
use crate::backend::SMALL;
use crate::entry::Entry;
use crate::error::Result;
use crate::preview::{PreviewResult, PreviewStrategy};
use crate::runtime::unblock;
use crate::value::{Document, Value};

/// A look that needs more parts of a value than this many times reads all of it.
const MOST_ROUNDS: u32 = 24;

impl RefCache {
    /// The preview or page of an entry that the options ask for. The store keeps what will be asked for again: the
    /// usual preview, and the size of the value, which every page tells.
    ///
    /// # Errors
    /// As [`look`](Self::look), and what the store fails with.
    pub(crate) async fn view(
        &self,
        id: &str,
        entry: &Arc<Entry>,
        options: &GetOptions<'_>,
    ) -> Result<Arc<PreviewResult>> {
        if let Some(view) = self.remembered_view(entry, options) {
            return Ok(view);
        }
        let value = entry.value.whole();
        let was_counted = self.is_counted(value)?;
        let view = self.make_view(entry, options).await?;
        let usual = options.page.is_none() && options.max_size.is_none();
        if usual && self.remembered_view(entry, options).is_some()
            || !was_counted && self.is_counted(value)?
        {
            // a help: a store that fails to keep it does not fail the call
            let _ = self.parts.backend.remember(id, entry).await;
        }
        Ok(view)
    }

    /// The same, not remembered by the store.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub(crate) async fn make_view(
        &self,
        entry: &Arc<Entry>,
        options: &GetOptions<'_>,
    ) -> Result<Arc<PreviewResult>> {
        entry.value.ready().await?;
        let mut round = 0;
        loop {
            let sight = if self.takes_long(entry, options)? {
                let (cache, entry) = (self.clone(), Arc::clone(entry));
                let options = options.without_actor();
                unblock(move || cache.look(&entry, &options)).await
            } else {
                self.look(entry, options)
            };
            match sight? {
                Sight::Seen(view) => return Ok(view),
                Sight::Unread(document) => read_on(entry, &document, round).await?,
            }
            round += 1;
        }
    }

    /// Whether a look has to go over all of a large value, by parts of this crate alone, which any thread may
    /// do: to count its tokens, or to sum it up. Then it is worth a thread of its own.
    ///
    /// # Errors
    /// As [`Value::document`].
    fn takes_long(&self, entry: &Entry, options: &GetOptions<'_>) -> Result<bool> {
        let is_large = entry.value.total_size().is_some_and(|size| size > SMALL);
        let Some(key) = self.view_key(entry, options).filter(|_| is_large) else {
            return Ok(false);
        };
        Ok(key.strategy == PreviewStrategy::Summary || !self.is_counted(&entry.value)?)
    }

    /// Whether the size of a value is known, or costs nothing to find out. Only what this crate measures is known.
    ///
    /// # Errors
    /// As [`Value::document`].
    fn is_counted(&self, value: &Value) -> Result<bool> {
        Ok(match self.measurer().unit() {
            None | Some("characters") => true,
            Some(unit) => value.document()?.known_size(unit).is_some(),
        })
    }
}

/// Reads what a look at a value was missing.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if it was removed meanwhile, and what the store fails with.
async fn read_on(entry: &Entry, seen: &Document, round: u32) -> Result<()> {
    match &entry.value {
        Value::Remote(value) if round < MOST_ROUNDS => value.load(seen, round).await,
        value => value.load().await,
    }
}
