//! What a tool that stored its result answers: all of it if it is small, else a preview; nothing of
//! it to an actor that may only use it.

use std::sync::Arc;

use super::RefCache;
use super::audited::Act;
use super::options::{Access, GetOptions};
use crate::access::Actor;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::preview::PreviewResult;
use crate::value::Value;

/// Options of [`RefCache::answer`].
#[derive(Clone, Copy)]
pub struct AnswerOptions<'a> {
    /// Who receives the answer.
    pub actor: &'a dyn Actor,
    /// Whether it just made the value; then the namespace is not checked.
    pub producer: bool,
    /// Whether it counts against limits of rates: what was found does, what was just made does not.
    pub counted: bool,
}

/// What a tool answers in place of its result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Answer {
    /// The value fits: show it.
    Complete {
        /// The value as the receiver sees it.
        value: Value,
        /// Its size in the cache's unit.
        size: usize,
    },
    /// The value is too large: show this of it.
    Preview(Arc<PreviewResult>),
    /// The actor may not see the value.
    Hidden {
        /// Whether it may hand the reference to a tool that uses it.
        usable: bool,
    },
}

/// What the receiver of a result gets to see.
pub(crate) enum Received {
    /// The entry, as it sees it.
    Seen(Arc<Entry>),
    /// Nothing; it may hand the reference on, or not even that.
    Hidden { usable: bool },
}

impl RefCache {
    /// What to show of an entry to the receiver of a tool's result. Sizes decide as previews do:
    /// whole if it fits the size of the tool (else of the cache).
    ///
    /// # Errors
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) if the receiver did not make the value and may
    /// neither see nor use it, [`RateLimited`](ErrorKind::RateLimited); what user-written parts fail with.
    pub async fn answer(
        &self,
        id: &str,
        entry: &Arc<Entry>,
        options: &AnswerOptions<'_>,
    ) -> Result<Answer> {
        match self.receive(id, entry, options).await? {
            Received::Seen(entry) => self.show(id, &entry).await,
            Received::Hidden { usable } => Ok(Answer::Hidden { usable }),
        }
    }

    /// The answer to a receiver who sees the entry like this.
    ///
    /// # Errors
    /// What user-written parts and the store fail with.
    pub(crate) async fn show(&self, id: &str, entry: &Arc<Entry>) -> Result<Answer> {
        let preview = GetOptions::default();
        // a remembered preview that shows less than all says that the value does not fit
        if let Some(view) = self.remembered_view(entry, &preview)
            && !view.excerpt.is_whole()
        {
            return Ok(Answer::Preview(view));
        }
        if let Some(size) = self.complete_size(entry).await? {
            // all of it is going to be shown
            entry.value.load().await?;
            let value = entry.value.clone();
            return Ok(Answer::Complete { value, size });
        }
        Ok(Answer::Preview(self.view(id, entry, &preview).await?))
    }

    /// The entry as its receiver sees it, if it may; counts.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(crate) async fn receive(
        &self,
        id: &str,
        entry: &Arc<Entry>,
        options: &AnswerOptions<'_>,
    ) -> Result<Received> {
        if options.counted {
            self.count_attempt(options.actor).await?;
        }
        let access = if options.producer || !entry.details.bound {
            Access::Receive
        } else {
            Access::Read
        };
        let act = Act::on(id, entry, Some(options.actor));
        let received = self
            .judge(entry, options, access)
            .map_err(|error| self.denied(error, act))?;
        if options.counted {
            self.count_use(&entry.namespace, Some(id), Some(options.actor))
                .await?;
        }
        match received {
            Received::Seen(_) => self.admitted(access, act)?,
            Received::Hidden { usable: true } => self.admitted(Access::Use, act)?,
            Received::Hidden { usable: false } => {}
        }
        Ok(received)
    }

    fn judge(
        &self,
        entry: &Arc<Entry>,
        options: &AnswerOptions<'_>,
        access: Access,
    ) -> Result<Received> {
        let denied = |error: &Error| error.kind() == ErrorKind::PermissionDenied;
        match self.authorize(entry, options.actor, access) {
            Ok(sees) => return Ok(Received::Seen(sees.of(entry))),
            Err(error) if denied(&error) => {}
            Err(error) => return Err(error),
        }
        match self.authorize(entry, options.actor, Access::Use) {
            Ok(_) => Ok(Received::Hidden { usable: true }),
            // never an error after the function has run
            Err(error) if denied(&error) && options.producer => {
                Ok(Received::Hidden { usable: false })
            }
            Err(error) => Err(error),
        }
    }

    /// The size of a value that fits its preview, else `None`. Counted once where it may be.
    ///
    /// # Errors
    /// What user-written parts fail with.
    pub(crate) async fn complete_size(&self, entry: &Entry) -> Result<Option<usize>> {
        let (limit, measurer) = (self.preview_size(entry), self.measurer());
        if let (Some((counted, size)), Some(unit)) = (entry.size().get(), measurer.unit())
            && *counted == unit
        {
            return Ok(Some(*size).filter(|size| *size <= limit));
        }
        entry.value.ready().await?;
        let mut whole = entry.value.excerpt()?;
        let mut fits = measurer.fits(&whole, limit);
        if whole.document().lacks_some() {
            entry.value.load().await?;
            whole = entry.value.excerpt()?;
            fits = measurer.fits(&whole, limit);
        }
        if !fits? {
            return Ok(None);
        }
        let size = measurer.measure(&whole)?;
        if let Some(unit) = measurer.unit() {
            // another thread may have counted as well, to the same end
            let _ = entry.size().set((unit, size));
        }
        Ok(Some(size))
    }
}
