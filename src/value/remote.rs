//! [`Remote`]: a large value that stays in its store, to be read as far as it is looked at.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::Document;
use crate::error::{Error, ErrorKind, Result};

/// How much more than what is missing is read, by the how-manieth time it is: who reads on and on is
/// given more each time.
const READ_AHEAD: usize = 16 * 1024;

/// Where the text of a [`Remote`] value can be read.
#[async_trait]
pub(crate) trait TextSource: Send + Sync + 'static {
    /// Parts of the text, each of exactly the length asked for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the value is not there any more, and what the store fails with.
    async fn read(&self, parts: &[Range<usize>]) -> Result<Vec<String>>;
}

/// A value whose text is read in parts.
pub struct Remote {
    source: Arc<dyn TextSource>,
    /// With all that was read so far.
    document: Mutex<Arc<Document>>,
}

impl Remote {
    /// A value of which nothing is here but what the document knows without its text.
    pub(crate) fn new(document: Document, source: Arc<dyn TextSource>) -> Self {
        Self {
            source,
            document: Mutex::new(Arc::new(document)),
        }
    }

    /// The same value for one more reader, who reads on for itself.
    pub(crate) fn apart(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            document: Mutex::new(self.document()),
        }
    }

    /// The value as far as it is here, for one look at it.
    pub(crate) fn document(&self) -> Arc<Document> {
        let document = Arc::clone(&self.document.lock());
        document.fork().map_or(document, Arc::new)
    }

    /// Whether all of the text is here.
    pub(crate) fn is_whole(&self) -> bool {
        self.document.lock().is_whole()
    }

    /// Length of the whole text.
    pub(crate) fn text_len(&self) -> usize {
        self.document.lock().text_len()
    }

    /// About so many bytes are taken by what is known of it without its text.
    pub(crate) fn outline_bytes(&self) -> usize {
        self.document.lock().outline_bytes()
    }

    /// Reads what a look at the document was missing; `round` counts the looks so far.
    ///
    /// # Errors
    /// As [`TextSource::read`].
    pub(crate) async fn load(&self, seen: &Document, round: u32) -> Result<()> {
        let ahead = match round {
            0 => 0,
            round => READ_AHEAD.saturating_mul(4usize.saturating_pow(round - 1)),
        };
        let parts: Vec<Range<usize>> = seen.missing_with(ahead);
        if parts.is_empty() {
            let what = "a value is asked for parts that it has";
            return Err(Error::new(ErrorKind::Unexpected, what));
        }
        let texts = self.source.read(&parts).await?;
        let starts = parts.iter().map(|part| part.start);
        let more = starts.zip(texts).collect();
        let mut document = self.document.lock();
        if let Some(fuller) = document.with_stretches(more) {
            *document = Arc::new(fuller);
        }
        Ok(())
    }

    /// Reads all of the text.
    ///
    /// # Errors
    /// As [`TextSource::read`].
    pub(crate) async fn load_all(&self) -> Result<()> {
        if self.is_whole() {
            return Ok(());
        }
        let len = self.text_len();
        let whole = std::slice::from_ref(&(0..len)).to_vec();
        let mut texts = self.source.read(&whole).await?;
        let mut document = self.document.lock();
        *document = Arc::new(document.with_whole(texts.pop().unwrap_or_default()));
        Ok(())
    }
}

impl fmt::Debug for Remote {
    /// Never shows the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.document.lock().fmt(f)
    }
}
