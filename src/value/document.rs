//! [`Document`]: an immutable JSON-like value as its text, with a sparse index of its items.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::index::{CharIndex, Index};
use super::items::Items;
use super::literal;
use super::notes::{Note, Notes};
use super::scan::Item;
use super::sparse::Sparse;
use crate::error::{Error, ErrorKind, Result};

/// What a value in a document is, as generators tell values apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// An integer of any size, a float, `NaN`, `Infinity` or `-Infinity`.
    Number,
    /// Text.
    String,
    /// A list (or a tuple).
    List,
    /// A dict, in insertion order.
    Dict,
    /// Something that is no JSON; its text is a string that describes it.
    Opaque,
}

fn kind_of(first: u8, offset: usize, notes: &Notes) -> Kind {
    match first {
        b'[' => Kind::List,
        b'{' => Kind::Dict,
        b'"' if matches!(notes.at(offset), Some(Note::Opaque(_))) => Kind::Opaque,
        b'"' => Kind::String,
        b't' | b'f' => Kind::Bool,
        b'n' => Kind::Null,
        _ => Kind::Number,
    }
}

/// The items of the outermost list or dict, as its writer saw them.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    /// Number of items.
    pub(crate) len: usize,
    /// Number and offset of some, ascending.
    pub(crate) marks: Vec<(u32, u32)>,
}

impl Marked {
    /// One mark per so many bytes of text: an index costs about 3 % of its text.
    pub(crate) const STRIDE: usize = 256;
}

/// A list or dict inside a document: where it is, how many items it has, and marks to find them.
#[derive(Debug, Clone)]
pub struct Container {
    span: Range<usize>,
    keyed: bool,
    len: usize,
    /// (item, offset of its start), ascending, sparse
    marks: Box<[(u32, u32)]>,
}

impl Container {
    /// A container whose items were counted, with marks at some of them.
    pub(crate) fn new(span: Range<usize>, keyed: bool, len: usize, marks: Vec<(u32, u32)>) -> Self {
        Self {
            span,
            keyed,
            len,
            marks: marks.into_boxed_slice(),
        }
    }

    /// The container at this range of a document's text, by one scan of it.
    fn scan(document: &Document, span: Range<usize>) -> Self {
        let keyed = document.slice(span.start..span.start + 1) == "{";
        let mut found = Marked::default();
        let mut last = span.start;
        for item in Items::of(document, span.clone(), keyed) {
            let start = item.span().start;
            if start - last >= Marked::STRIDE {
                found.marks.push((found.len as u32, start as u32));
                last = start;
            }
            found.len += 1;
        }
        Self::new(span, keyed, found.len, found.marks)
    }

    /// Number and offset of some of its items, ascending.
    pub(crate) fn marks(&self) -> &[(u32, u32)] {
        &self.marks
    }

    /// The part of the text, between two marks, in which an offset lies.
    pub(super) fn between_marks(&self, offset: usize) -> Range<usize> {
        let next = self.marks.partition_point(|(_, at)| *at as usize <= offset);
        let start = next
            .checked_sub(1)
            .map_or(self.span.start, |mark| self.marks[mark].1 as usize);
        start
            ..self
                .marks
                .get(next)
                .map_or(self.span.end, |(_, at)| *at as usize)
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether this is a dict.
    pub fn is_dict(&self) -> bool {
        self.keyed
    }

    /// Where it stands in the text, brackets included.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// An immutable JSON-like value: its text exactly as Python's `json.dumps` writes it (ASCII,
/// separators `", "` and `": "`, insertion order, bare `NaN` and `Infinity`), and where its items begin.
///
/// A page, a sample or a path is served from the byte ranges it needs; the rest is not parsed.
///
/// ```
/// use mcp_refcache::value::{Document, Kind};
/// let document = Document::from_serialize(&vec![("é", 1), ("b", 2)])?;
/// assert_eq!(document.text(), r#"[["\u00e9", 1], ["b", 2]]"#);
/// assert_eq!((document.kind(), document.len()), (Kind::List, Some(2)));
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
pub struct Document {
    text: Text,
    kind: Kind,
    root: Option<Arc<Container>>,
    /// Large containers, known without reading their text; of a text that is here, none need be.
    index: Arc<Index>,
    len: Option<usize>,
    notes: Arc<Notes>,
    sizes: Arc<Mutex<Vec<(&'static str, usize)>>>,
}

#[derive(Clone)]
enum Text {
    Whole(Arc<Box<str>>),
    Sparse(Arc<Sparse>, Arc<CharIndex>),
}

/// What is known of a value whose text stays in a store.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Length of the text.
    pub(crate) text_len: usize,
    /// The byte that the text begins with.
    pub(crate) first: u8,
    /// Items of a list or dict, characters of a text.
    pub(crate) len: Option<usize>,
    /// Its large lists and dicts.
    pub(crate) index: Index,
    /// Its characters, if it is a text.
    pub(crate) chars: CharIndex,
    /// Its sizes, by unit.
    pub(crate) sizes: Vec<(&'static str, usize)>,
}

impl Document {
    /// Text that the caller made with [`super::write`]; it is trusted to be in that format.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] beyond 4 GiB.
    pub(crate) fn from_written(text: String, notes: Notes) -> Result<Self> {
        Self::from_marked(text, notes, None)
    }

    /// The same; `marked` spares the scan for the items of a list or dict.
    ///
    /// # Errors
    /// As [`Document::from_written`].
    pub(crate) fn from_marked(text: String, notes: Notes, marked: Option<Marked>) -> Result<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a value may have at most 4 GiB of JSON text",
            ));
        }
        let mut document = Self {
            text: Text::Whole(Arc::new(text.into_boxed_str())),
            kind: Kind::Null,
            root: None,
            index: Arc::default(),
            len: None,
            notes: Arc::new(notes),
            sizes: Arc::default(),
        };
        document.kind = document.kind_at(0);
        document.len = match document.kind {
            Kind::List | Kind::Dict => {
                let (span, keyed) = (document.span(), document.kind == Kind::Dict);
                let root = match marked {
                    Some(found) => Container::new(span, keyed, found.len, found.marks),
                    None => Container::scan(&document, span),
                };
                let len = root.len;
                document.root = Some(Arc::new(root));
                Some(len)
            }
            Kind::String => Some(literal::chars(document.text())),
            _ => None,
        };
        Ok(document)
    }

    /// A value whose text is to be read in parts, and its [`Document::types`].
    ///
    /// # Errors
    /// [`ErrorKind::Codec`] for types that cannot be those of a text of this length.
    pub(crate) fn outlined(outline: Outline, types: Option<&str>) -> Result<Self> {
        let notes = match types {
            Some(types) => super::types::notes(types, outline.text_len)?,
            None => Notes::default(),
        };
        let kind = kind_of(outline.first, 0, &notes);
        Ok(Self {
            text: Text::Sparse(
                Arc::new(Sparse::new(outline.text_len)),
                Arc::new(outline.chars),
            ),
            kind,
            root: outline.index.at(0).cloned(),
            index: Arc::new(outline.index),
            len: outline.len,
            notes: Arc::new(notes),
            sizes: Arc::new(Mutex::new(outline.sizes)),
        })
    }

    /// About so many bytes are taken by the index of a text of this length, and by its notes.
    pub(crate) fn index_bytes(text_len: usize) -> usize {
        text_len * size_of::<(u32, u32)>() / Marked::STRIDE
    }

    /// About so many bytes are taken by what is known without the text. The marks of an outline are few however long
    /// its text is; notes may be many.
    pub(crate) fn outline_bytes(&self) -> usize {
        let notes = match self.notes.as_slice().is_empty() {
            true => 0,
            false => Self::index_bytes(self.text_len()),
        };
        let marks = match &self.text {
            Text::Whole(_) => 0,
            Text::Sparse(_, chars) => size_of_val(&*chars.marks),
        };
        notes + marks + self.index.bytes()
    }

    /// The same value for another look at it; what is not here has not been asked for.
    pub(crate) fn fork(&self) -> Option<Self> {
        let Text::Sparse(text, chars) = &self.text else {
            return None;
        };
        Some(self.with_text(Text::Sparse(Arc::new(text.fork()), Arc::clone(chars))))
    }

    /// The same value with more of its text, stretches and the offsets where they begin.
    pub(crate) fn with_stretches(&self, more: Vec<(usize, String)>) -> Option<Self> {
        let Text::Sparse(text, chars) = &self.text else {
            return None;
        };
        Some(self.with_text(Text::Sparse(Arc::new(text.with(more)), Arc::clone(chars))))
    }

    /// The same value with all of its text.
    pub(crate) fn with_whole(&self, text: String) -> Self {
        self.with_text(Text::Whole(Arc::new(text.into_boxed_str())))
    }

    /// Whether all of the text is here.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.text, Text::Whole(_))
    }

    fn with_text(&self, text: Text) -> Self {
        Self {
            text,
            kind: self.kind,
            root: self.root.clone(),
            index: Arc::clone(&self.index),
            len: self.len,
            notes: Arc::clone(&self.notes),
            sizes: Arc::clone(&self.sizes),
        }
    }

    /// Ranges of the text that were asked for and are not here: what was made of it means nothing then.
    /// A single one is given `ahead` bytes longer.
    pub(crate) fn missing_with(&self, ahead: usize) -> Vec<Range<usize>> {
        match &self.text {
            Text::Whole(_) => Vec::new(),
            Text::Sparse(text, _) => text.missing(ahead),
        }
    }

    /// Whether [`Document::missing_with`] has anything to tell.
    pub(crate) fn lacks_some(&self) -> bool {
        match &self.text {
            Text::Whole(_) => false,
            Text::Sparse(text, _) => text.lacks_some(),
        }
    }

    /// Whether so much is missing that work had better stop and start again.
    pub(super) fn lacks_much(&self) -> bool {
        match &self.text {
            Text::Whole(_) => false,
            Text::Sparse(text, _) => text.lacks_much(),
        }
    }

    /// Where the characters of a text are whose text stays in a store.
    pub(crate) fn char_index(&self) -> Option<&CharIndex> {
        match &self.text {
            Text::Sparse(_, chars) if self.kind == Kind::String => Some(chars),
            _ => None,
        }
    }

    /// The large containers that are known without reading their text.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The text around an offset, and where it begins; at least up to `end` if that much is here.
    pub(super) fn stretch(&self, offset: usize) -> Option<(usize, &str)> {
        match &self.text {
            Text::Whole(text) => (offset < text.len()).then_some((0, &**text)),
            Text::Sparse(text, _) => text.stretch(offset),
        }
    }

    /// Notes that a part was looked for that is not here.
    pub(super) fn note_missing(&self, span: Range<usize>) {
        if let Text::Sparse(text, _) = &self.text {
            text.note(span);
        }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        match &self.text {
            Text::Whole(text) => text,
            Text::Sparse(text, _) => text.slice(0..text.len()),
        }
    }

    /// Length of the whole text.
    pub fn text_len(&self) -> usize {
        match &self.text {
            Text::Whole(text) => text.len(),
            Text::Sparse(text, _) => text.len(),
        }
    }

    /// A part of the text.
    ///
    /// # Panics
    /// If the range does not come from this document.
    pub fn slice(&self, span: Range<usize>) -> &str {
        match &self.text {
            Text::Whole(text) => &text[span],
            Text::Sparse(text, _) => text.slice(span),
        }
    }

    /// What the whole value is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Items of a list or dict, characters of a text, else `None`.
    pub fn len(&self) -> Option<usize> {
        self.len
    }

    /// Whether [`Document::len`] is zero.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Characters (code points) of the text value at this range, by one scan of it.
    ///
    /// # Panics
    /// If the range does not come from this document.
    pub fn string_chars(&self, span: Range<usize>) -> usize {
        literal::chars(self.slice(span))
    }

    /// The whole value as a range.
    pub fn span(&self) -> Range<usize> {
        0..self.text_len()
    }

    /// What the value that starts at this offset is.
    pub fn kind_at(&self, offset: usize) -> Kind {
        let end = (offset + 1).min(self.text_len());
        let first = match self.index.at(offset) {
            Some(container) if container.keyed => b'{',
            Some(_) => b'[',
            None => self
                .slice(offset.min(end)..end)
                .bytes()
                .next()
                .unwrap_or(b'0'),
        };
        kind_of(first, offset, &self.notes)
    }

    /// The whole value as a container, if it is a list or dict.
    pub fn root(&self) -> Option<&Arc<Container>> {
        self.root.as_ref()
    }

    /// The list or dict at this range, with an index made now (one scan of its text); `None` for
    /// other values. The whole value's is ready made.
    pub fn container(&self, span: Range<usize>) -> Option<Arc<Container>> {
        match &self.root {
            Some(root) if root.span == span => return Some(Arc::clone(root)),
            _ => {}
        }
        if let Some(known) = self.index.at(span.start) {
            return Some(Arc::clone(known));
        }
        match self.kind_at(span.start) {
            Kind::List | Kind::Dict => Some(Arc::new(Container::scan(self, span))),
            _ => None,
        }
    }

    /// Items of a container from number `first` on.
    pub fn items<'a>(
        &'a self,
        container: &'a Container,
        first: usize,
    ) -> impl Iterator<Item = Item> + 'a {
        let mark = container
            .marks
            .partition_point(|(item, _)| *item as usize <= first);
        let (items, skip) = match mark.checked_sub(1).map(|mark| container.marks[mark]) {
            Some((item, offset)) => (
                Items::from(self, container, offset as usize),
                first - item as usize,
            ),
            None => (
                Items::from(self, container, container.span.start + 1),
                first,
            ),
        };
        items.skip(skip)
    }

    /// One item of a container.
    pub fn item(&self, container: &Container, number: usize) -> Option<Item> {
        (number < container.len).then(|| self.items(container, number).next())?
    }

    /// These items of a container, `None` for those that are not here; what follows the one before is not searched for.
    pub(crate) fn picked<'a>(
        &'a self,
        container: &'a Container,
        picks: &'a [usize],
    ) -> impl Iterator<Item = Option<Item>> + 'a {
        let mut behind = None;
        picks.iter().map(move |&number| {
            let mut items = match behind.take() {
                Some((next, items)) if next == number => items,
                _ => self.items(container, number),
            };
            let item = items.next().filter(|_| number < container.len())?;
            behind = Some((number + 1, items));
            Some(item)
        })
    }

    /// The same text with other notes.
    #[cfg(feature = "python")]
    pub(crate) fn with_notes(&self, notes: Notes) -> Self {
        Self {
            notes: Arc::new(notes),
            ..self.with_text(self.text.clone())
        }
    }

    /// What the text does not tell about types.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// The size of the whole in this unit, counted once.
    pub(crate) fn size_once(
        &self,
        unit: &'static str,
        count: impl FnOnce() -> Result<usize>,
    ) -> Result<usize> {
        if let Some((_, size)) = self.sizes.lock().iter().find(|(known, _)| *known == unit) {
            return Ok(*size);
        }
        let size = count()?;
        if !self.lacks_some() {
            self.sizes.lock().push((unit, size));
        }
        Ok(size)
    }

    /// The sizes of the whole that were counted, by unit.
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        self.sizes.lock().clone()
    }

    /// The size of the whole in this unit, if it was counted before.
    pub(crate) fn known_size(&self, unit: &'static str) -> Option<usize> {
        self.sizes
            .lock()
            .iter()
            .find(|(known, _)| *known == unit)
            .map(|(_, size)| *size)
    }
}

impl fmt::Debug for Document {
    /// Shape only: a stored value does not belong into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("kind", &self.kind())
            .field("len", &self.len)
            .field("bytes", &self.text_len())
            .finish()
    }
}
