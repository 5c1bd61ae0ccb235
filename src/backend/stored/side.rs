//! [`Side`]: what is kept beside a large value so that it can be shown without being read: where things
//! are in its text, its sizes, and previews that were made before.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode;
use super::parts::Table;
use crate::entry::{Entry, ViewKey};
use crate::error::{Error, ErrorKind, Result};
use crate::measure::known_unit;
use crate::preview::{PreviewResult, PreviewStrategy};
use crate::value::index::{CharIndex, Index};
use crate::value::{Container, Document, Excerpt, Kind, Outline};

/// Sides of another version are not read; they are made again.
const VERSION: u8 = 2;
/// How many views are kept with a value.
const MOST_VIEWS: usize = 4;
/// Views longer than this are cheap to make compared with what it costs to read them.
const LARGEST_VIEW: usize = 64 * 1024;

/// The shortest item of a list with its separator: `0, `.
const LEAST_ITEM: u32 = 3;

/// The side of a value, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Side {
    version: u8,
    text_len: u32,
    first: u8,
    len: Option<u32>,
    sizes: Vec<(String, u64)>,
    containers: Vec<Large>,
    chars: (u32, Vec<(u32, u32)>),
    views: Vec<View>,
    /// Of a sealed value.
    pub(super) sealed: Option<SealedParts>,
}

/// What has to be known of a sealed value to read parts of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SealedParts {
    pub(super) table: Table,
    /// What its text does not tell about types.
    pub(super) types: String,
}

/// A large list or dict: its range, whether it is a dict, its items, and marks at some of them.
#[derive(Debug, Serialize, Deserialize)]
struct Large {
    start: u32,
    end: u32,
    keyed: bool,
    len: u32,
    marks: Vec<(u32, u32)>,
}

/// A preview or page.
#[derive(Debug, Serialize, Deserialize)]
struct View {
    strategy: PreviewStrategy,
    unit: String,
    max_size: u64,
    page: Option<u64>,
    page_size: Option<u64>,
    /// The masks under which it was made.
    masks: Option<u64>,
    shown_as: PreviewStrategy,
    text: String,
    types: Option<String>,
    original_size: u64,
    preview_size: u64,
    total_items: Option<u64>,
    sampled_items: Option<u64>,
    total_pages: Option<u64>,
}

impl Side {
    /// The side of a value, whose text is all here.
    pub(super) fn of(document: &Document) -> Self {
        let text = document.text();
        let index = Index::of(text);
        let chars = match document.kind() {
            Kind::String => CharIndex::of(text),
            _ => CharIndex::default(),
        };
        Self {
            version: VERSION,
            text_len: text.len() as u32,
            first: text.as_bytes().first().copied().unwrap_or_default(),
            len: document.len().map(|len| len as u32),
            sizes: Vec::new(),
            containers: index.containers().iter().map(Large::of).collect(),
            chars: (chars.len as u32, chars.marks.to_vec()),
            views: Vec::new(),
            sealed: None,
        }
    }

    /// The same side with the sizes and the latest views that are remembered of an entry.
    ///
    /// # Errors
    /// As [`Excerpt::to_document`].
    pub(super) fn with_views(mut self, entry: &Entry, document: &Document) -> Result<Self> {
        let sizes = document.sizes();
        let lasting = sizes.iter().filter(|(unit, _)| known_unit(unit).is_some());
        self.sizes = lasting
            .map(|(unit, size)| ((*unit).to_owned(), *size as u64))
            .collect();
        let latest = entry.views().latest(MOST_VIEWS);
        self.views = latest
            .iter()
            .filter(|(key, _)| known_unit(key.unit).is_some())
            .map(|(key, view)| View::of(key, view))
            .filter(|view| !matches!(view, Ok(view) if view.text.len() > LARGEST_VIEW))
            .collect::<Result<_>>()?;
        Ok(self)
    }

    /// The stored form.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`], which does not happen: it is written to memory.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "the index of a value cannot be written",
            )
            .caused_by(error)
        })
    }

    /// The side that was stored like this; `None` for what is none (any more): it will be made again.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let side: Self = postcard::from_bytes(bytes).ok()?;
        (side.version == VERSION && side.is_sound()).then_some(side)
    }

    /// Whether this can be the side of some text: stored bytes may be anybody's, and what is made of them
    /// must end.
    fn is_sound(&self) -> bool {
        let begins = self.containers.iter().map(|large| large.start);
        let ascending = begins.clone().zip(begins.skip(1)).all(|(a, b)| a < b);
        let containers = self
            .containers
            .iter()
            .all(|large| large.is_sound(self.text_len));
        let root = self.containers.first();
        let whole = match (self.first, root) {
            (b'[' | b'{', Some(root)) => root.is_whole(self),
            (b'"', _) => self.len == Some(self.chars.0) && self.chars.0 <= self.text_len,
            _ => false,
        };
        let (count, marks) = &self.chars;
        ascending && containers && whole && ascend(marks, *count, 0..self.text_len)
    }

    /// What is known of the value without its text.
    pub(super) fn outline(&self) -> Outline {
        let containers = self.containers.iter().map(Large::container).collect();
        let sizes = self.sizes.iter();
        Outline {
            text_len: self.text_len as usize,
            first: self.first,
            len: self.len.map(|len| len as usize),
            index: Index::from_containers(containers),
            chars: CharIndex {
                len: self.chars.0 as usize,
                marks: self.chars.1.clone().into(),
            },
            sizes: sizes
                .filter_map(|(unit, size)| Some((known_unit(unit)?, usize::try_from(*size).ok()?)))
                .collect(),
        }
    }

    /// Length of the value's text in bytes.
    pub(super) fn text_len(&self) -> usize {
        self.text_len as usize
    }

    /// Has an entry remember the views that were stored. What cannot be read is made again when asked for.
    pub(super) fn restore_views(&self, entry: &Entry) {
        for view in &self.views {
            if let Some((key, result)) = view.restored() {
                entry.views().remember(key, &Arc::new(result));
            }
        }
    }
}

/// Whether marks at so many things ascend, and lie within a range.
fn ascend(marks: &[(u32, u32)], count: u32, range: Range<u32>) -> bool {
    let within = |(number, at): &(u32, u32)| *number < count && range.contains(at);
    let both = |two: &[(u32, u32)]| two[0].0 < two[1].0 && two[0].1 < two[1].1;
    marks.iter().all(within) && marks.windows(2).all(both)
}

impl Large {
    fn of(container: &Arc<Container>) -> Self {
        let span = container.span();
        Self {
            start: span.start as u32,
            end: span.end as u32,
            keyed: container.is_dict(),
            len: container.len() as u32,
            marks: container.marks().to_vec(),
        }
    }

    /// Whether it lies in the text, has no more items than it has room for, and marks within it.
    fn is_sound(&self, text_len: u32) -> bool {
        let room = self.end.saturating_sub(self.start) / LEAST_ITEM + 1;
        let lies = self.start < self.end && self.end <= text_len;
        lies && self.len <= room && ascend(&self.marks, self.len, self.start + 1..self.end)
    }

    /// Whether it is all of a value with this side.
    fn is_whole(&self, side: &Side) -> bool {
        let keyed = side.first == b'{';
        (self.start, self.end, self.keyed, Some(self.len)) == (0, side.text_len, keyed, side.len)
    }

    fn container(&self) -> Arc<Container> {
        let span = self.start as usize..self.end as usize;
        Arc::new(Container::new(
            span,
            self.keyed,
            self.len as usize,
            self.marks.clone(),
        ))
    }
}

impl View {
    fn of(key: &ViewKey, view: &PreviewResult) -> Result<Self> {
        let shown = view.excerpt.to_document()?;
        Ok(Self {
            strategy: key.strategy,
            unit: key.unit.to_owned(),
            max_size: key.max_size as u64,
            page: key.page.map(|page| page as u64),
            page_size: key.page_size.map(|size| size as u64),
            masks: key.masks,
            shown_as: view.strategy,
            types: shown.types(),
            text: shown.text().to_owned(),
            original_size: view.original_size as u64,
            preview_size: view.preview_size as u64,
            total_items: view.total_items.map(|items| items as u64),
            sampled_items: view.sampled_items.map(|items| items as u64),
            total_pages: view.total_pages.map(|pages| pages as u64),
        })
    }

    fn restored(&self) -> Option<(ViewKey, PreviewResult)> {
        let number = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
        let shown = decode::document(&self.text, self.types.as_deref()).ok()?;
        let key = ViewKey {
            strategy: self.strategy,
            unit: known_unit(&self.unit)?,
            max_size: usize::try_from(self.max_size).ok()?,
            page: number(self.page),
            page_size: number(self.page_size),
            masks: self.masks,
        };
        let result = PreviewResult {
            excerpt: Excerpt::detached(Arc::new(shown)),
            strategy: self.shown_as,
            original_size: usize::try_from(self.original_size).ok()?,
            preview_size: usize::try_from(self.preview_size).ok()?,
            total_items: number(self.total_items),
            sampled_items: number(self.sampled_items),
            page: number(self.page),
            total_pages: number(self.total_pages),
        };
        Some((key, result))
    }
}
