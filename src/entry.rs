//! [`Entry`]: one stored value with its namespace, policy, times and what is remembered about it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::access::{Masks, PolicySource, Walk};
use crate::clock::Timestamp;
use crate::egress::{Limits, SecretIndex};
use crate::error::Result;
use crate::preview::{PreviewResult, PreviewStrategy};
#[cfg(feature = "python")]
use crate::value::Excerpt;
use crate::value::{Hide, Made, Masked, Value, hide};

/// How many previews and pages an entry remembers.
const REMEMBERED_VIEWS: usize = 16;

/// One stored value. Entries are immutable: storing again makes a new one.
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where it lives.
    pub namespace: Arc<str>,
    /// Who may do what with it.
    pub policy: Arc<dyn PolicySource>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ceases to exist; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What else is known about it.
    pub details: Details,
    /// Most entries of a full store are never looked at.
    remembered: OnceLock<Box<Remembered>>,
}

/// What is remembered of an entry that was looked at.
#[derive(Default)]
struct Remembered {
    /// Shared with the same entry as others see it.
    views: Arc<Views>,
    size: OnceLock<(&'static str, usize)>,
    /// The masks under which it is seen.
    masks: Option<Masks>,
    /// The same entry as those see it who see it masked, with the masks of the last reader.
    masked: Mutex<Option<Arc<Entry>>>,
    secrets: OnceLock<(Limits, Option<Arc<SecretIndex>>)>,
    /// What a language binding made of the whole value; a place for it is there once somebody counts its bytes.
    made: OnceLock<Made>,
}

/// What is known about an entry besides its value.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Details {
    /// The tool that made the value.
    pub tool_name: Option<Arc<str>>,
    /// Number of items of a collection.
    pub total_items: Option<usize>,
    /// Characters of the JSON text, `None` where the value has none.
    pub total_size: Option<usize>,
    /// Preview size that the tool asked for.
    pub max_size: Option<usize>,
    /// Preview strategy that the tool asked for.
    pub strategy: Option<PreviewStrategy>,
    /// Whether the namespace was filled from a template or an identity; `false`: the author's
    /// code wrote it as a literal, so the server's own tools may use the value.
    pub bound: bool,
    /// Whether its reference was given out while the value was still being made.
    pub promised: bool,
    /// Metadata of an entry that was written to a backend directly.
    pub extra: Option<Value>,
}

impl Entry {
    /// An entry with these parts.
    pub fn new(
        value: Value,
        namespace: Arc<str>,
        policy: Arc<dyn PolicySource>,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
        details: Details,
    ) -> Self {
        Self {
            value,
            namespace,
            policy,
            created_at,
            expires_at,
            details,
            remembered: OnceLock::new(),
        }
    }

    fn remembered(&self) -> &Remembered {
        self.remembered.get_or_init(Box::default)
    }

    /// The same entry with a value that is the same in another shape; views of it are shared.
    fn reshaped(&self, value: Value, masks: Option<Masks>) -> Arc<Self> {
        let remembered = Remembered {
            views: Arc::clone(&self.remembered().views),
            masks,
            ..Remembered::default()
        };
        Arc::new(Self {
            remembered: OnceLock::from(Box::new(remembered)),
            ..self.with_value(value)
        })
    }

    /// The same entry with an earlier end.
    #[must_use]
    pub fn expiring_at(&self, expires_at: Timestamp) -> Self {
        let expires_at = self
            .expires_at
            .map_or(expires_at, |own| own.min(expires_at));
        Self {
            expires_at: Some(expires_at),
            ..self.with_value(self.value.clone())
        }
    }

    /// The same entry with this value; nothing is remembered of it.
    fn with_value(&self, value: Value) -> Self {
        Self::new(
            value,
            Arc::clone(&self.namespace),
            Arc::clone(&self.policy),
            self.created_at,
            self.expires_at,
            self.details.clone(),
        )
    }

    /// The entry as it is seen under masks. Views of it are remembered by their masks, so that a look under
    /// some never finds what was made under others.
    pub(crate) fn seen(&self, masks: Masks) -> Arc<Self> {
        let mut known = self.remembered().masked.lock();
        if let Some(masked) = known.as_ref().filter(|known| known.masks() == Some(&masks)) {
            return Arc::clone(masked);
        }
        let hider = masks.clone();
        let hider = Box::new(move |document: &_| hide(document, &mut hider.walk()));
        let masked = Value::Masked(Arc::new(Masked::new(self.value.clone(), hider)));
        let masked = self.reshaped(masked, Some(masks));
        let former = known.replace(Arc::clone(&masked));
        drop(known);
        // after the lock: its destructor may be anybody's code
        drop(former);
        masked
    }

    /// The same entry for one more reader: what it reads of a large value that stays in its store is its own, and
    /// what is remembered of the entry is shared.
    pub(crate) fn apart(self: &Arc<Self>) -> Arc<Self> {
        let Value::Remote(value) = &self.value else {
            return Arc::clone(self);
        };
        self.reshaped(Value::Remote(Arc::new(value.apart())), None)
    }

    /// Bytes of what is remembered of the entry besides its value.
    pub(crate) fn remembered_bytes(&self) -> usize {
        let Some(remembered) = self.remembered.get() else {
            return 0;
        };
        let masked = remembered.masked.lock();
        let masked = masked.as_ref().and_then(|_| self.value.total_size());
        let made = remembered.made.get().map_or(0, Made::bytes);
        masked.unwrap_or(0) + remembered.views.bytes() + made
    }

    /// From now on somebody counts the bytes of what is remembered, so that there may be more of it.
    pub(crate) fn count_remembered(&self) {
        self.remembered().made.get_or_init(Made::default);
    }

    /// The place for what is made of the whole value and cannot be changed, if its bytes are counted.
    #[cfg(feature = "python")]
    pub(crate) fn made(&self) -> Option<&Made> {
        self.remembered.get()?.made.get()
    }

    /// The masks under which it is seen.
    pub(crate) fn masks(&self) -> Option<&Masks> {
        self.remembered.get()?.masks.as_ref()
    }

    /// Number of items of a collection, as far as that may be told.
    #[cfg(feature = "python")]
    pub(crate) fn total_items(&self) -> Option<usize> {
        match &self.value {
            Value::Masked(value) => value.total_items(),
            _ => self.details.total_items,
        }
    }

    /// Characters of the JSON text, as far as that may be told.
    #[cfg(feature = "python")]
    pub(crate) fn total_size(&self) -> Option<usize> {
        match &self.value {
            Value::Masked(value) => value.total_size(),
            _ => self.details.total_size,
        }
    }

    /// The same entry as if it had another policy.
    #[cfg(feature = "python")]
    pub(crate) fn under(&self, policy: Arc<dyn PolicySource>) -> Self {
        Self {
            policy,
            ..self.with_value(self.value.clone())
        }
    }

    /// The same entry in a form that another process can read: a document and a policy of this crate.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) for a value that cannot be kept, and what a policy of
    /// the user's own fails with.
    pub(crate) fn portable(self) -> Result<Self> {
        let value = match self.value {
            Value::Foreign(value) => Value::Document(value.portable()?),
            value => value,
        };
        let policy = self.policy.policy()?.into_owned();
        Ok(Self {
            value,
            policy: Arc::new(policy),
            ..self
        })
    }

    /// Whether the entry has ceased to exist by `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }

    /// The size of a value that fits its preview, counted once; the unit is the measurer's.
    pub(crate) fn size(&self) -> &OnceLock<(&'static str, usize)> {
        &self.remembered().size
    }

    /// What of the value must not get out, found out once; `None` if the index takes more memory than
    /// allowed. The value has to be [loaded](Value::load).
    ///
    /// # Errors
    /// As [`Value::document`].
    pub fn secrets(&self, limits: &Limits) -> Result<Option<Arc<SecretIndex>>> {
        let secrets = &self.remembered().secrets;
        if let Some((known, index)) = secrets.get()
            && known == limits
        {
            return Ok(index.clone());
        }
        let index = SecretIndex::of(&*self.value.document()?, limits).map(Arc::new);
        // another cache's limits are not remembered beside the first's
        let _ = secrets.set((limits.clone(), index.clone()));
        Ok(index)
    }

    pub(crate) fn views(&self) -> &Views {
        &self.remembered().views
    }
}

impl fmt::Debug for Entry {
    /// Never shows the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("namespace", &self.namespace)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Calls `visit` with what only this entry's remembered views show, if they can be looked at without
    /// waiting.
    #[cfg(feature = "python")]
    pub(crate) fn visit_viewed(&self, mut visit: impl FnMut(&Excerpt)) {
        let views = self.remembered.get().map(|remembered| &remembered.views);
        let Some(views) = views.and_then(|views| views.0.try_lock()) else {
            return;
        };
        let own = views
            .iter()
            .filter(|(_, view)| Arc::strong_count(view) == 1);
        own.for_each(|(_, view)| visit(&view.excerpt));
    }
}

/// What decides how a view looks; only views by built-in parts are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ViewKey {
    pub(crate) strategy: PreviewStrategy,
    pub(crate) unit: &'static str,
    pub(crate) max_size: usize,
    pub(crate) page: Option<usize>,
    pub(crate) page_size: Option<usize>,
    /// The masks under which it was made, by their [`id`](Masks::id).
    pub(crate) masks: Option<u64>,
}

impl Hide for Walk<'_> {
    fn root(&self) -> u32 {
        Walk::root(self)
    }

    fn key(&mut self, place: u32, name: &str) -> u32 {
        Walk::key(self, place, name)
    }

    fn item(&mut self, place: u32, number: usize) -> u32 {
        Walk::item(self, place, number)
    }

    fn hides(&self, place: u32) -> bool {
        Walk::hides(self, place)
    }

    fn differs_below(&self, place: u32) -> bool {
        Walk::differs_below(self, place)
    }
}

/// Previews and pages that were made before, the latest last.
#[derive(Default)]
pub(crate) struct Views(Mutex<Vec<(ViewKey, Arc<PreviewResult>)>>);

impl Views {
    pub(crate) fn get(&self, key: &ViewKey) -> Option<Arc<PreviewResult>> {
        self.0
            .lock()
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, view)| Arc::clone(view))
    }

    /// Bytes of the texts that only the views hold, and of what was made of them.
    pub(crate) fn bytes(&self) -> usize {
        let views = self.0.lock();
        let excerpts = views.iter().map(|(_, view)| &view.excerpt);
        let bytes = excerpts.map(|excerpt| {
            let text = match excerpt.is_detached() {
                true => excerpt.document().text_len(),
                false => 0,
            };
            text + excerpt.made_bytes()
        });
        bytes.sum()
    }

    /// The latest views, at most so many.
    pub(crate) fn latest(&self, most: usize) -> Vec<(ViewKey, Arc<PreviewResult>)> {
        self.0
            .lock()
            .iter()
            .rev()
            .take(most)
            .rev()
            .cloned()
            .collect()
    }

    pub(crate) fn remember(&self, key: ViewKey, view: &Arc<PreviewResult>) {
        let mut views = self.0.lock();
        let forgotten = (views.len() == REMEMBERED_VIEWS).then(|| views.remove(0));
        views.push((key, Arc::clone(view)));
        drop(views);
        // after the lock: its destructor may be anybody's code
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::AccessPolicy;
    use crate::measure::CharacterMeasurer;
    use crate::preview::{PreviewRequest, default_generator};
    use crate::value::Document;

    #[test]
    fn what_was_made_of_a_view_counts_as_remembered() {
        let document = Arc::new(Document::from_serialize(&[1, 2, 3]).unwrap());
        let value = Value::Document(Arc::clone(&document));
        let policy = Arc::new(AccessPolicy::public());
        let entry = Entry::new(
            value,
            "public".into(),
            policy,
            0.0,
            None,
            Details::default(),
        );
        let view = default_generator(PreviewStrategy::Sample)
            .generate(&PreviewRequest {
                document: &document,
                max_size: 100,
                measurer: &CharacterMeasurer,
                page: None,
                page_size: None,
            })
            .map(Arc::new)
            .unwrap();
        let key = ViewKey {
            strategy: PreviewStrategy::Sample,
            unit: "characters",
            max_size: 100,
            page: None,
            page_size: None,
            masks: None,
        };
        entry.views().remember(key, &view);
        assert_eq!(entry.remembered_bytes(), 0);
        view.excerpt.made().keep("objects", 45);
        assert_eq!(entry.remembered_bytes(), 45);
    }
}
