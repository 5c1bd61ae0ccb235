//! [`Document`]: an immutable JSON-like value as its text, with a sparse index of its items.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::literal;
use super::notes::{Note, Notes};
use super::scan::{Item, Items};
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

/// One index mark per so many bytes of text: an index costs about 3 % of its text.
const BYTES_PER_MARK: usize = 256;

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
    fn scan(text: &str, span: Range<usize>) -> Self {
        let bytes = text.as_bytes();
        let mut marks = Vec::new();
        let mut marked = span.start;
        let mut len = 0;
        for item in Items::of(bytes, span.start) {
            let start = item.span().start;
            if start - marked >= BYTES_PER_MARK {
                marks.push((len as u32, start as u32));
                marked = start;
            }
            len += 1;
        }
        Self {
            keyed: bytes.get(span.start) == Some(&b'{'),
            span,
            len,
            marks: marks.into_boxed_slice(),
        }
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
    text: Box<str>,
    root: Option<Arc<Container>>,
    len: Option<usize>,
    notes: Notes,
    sizes: Mutex<Vec<(&'static str, usize)>>,
}

impl Document {
    /// Text that the caller made with [`super::write`]; it is trusted to be in that format.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] beyond 4 GiB.
    pub(crate) fn from_written(text: String, notes: Notes) -> Result<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a value may have at most 4 GiB of JSON text",
            ));
        }
        let root = matches!(text.as_bytes().first(), Some(b'[' | b'{'))
            .then(|| Arc::new(Container::scan(&text, 0..text.len())));
        let mut document = Self {
            text: text.into_boxed_str(),
            root,
            len: None,
            notes,
            sizes: Mutex::default(),
        };
        document.len = match document.kind() {
            Kind::List | Kind::Dict => document.root.as_ref().map(|root| root.len),
            Kind::String => Some(literal::chars(&document.text)),
            _ => None,
        };
        Ok(document)
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A part of the text.
    ///
    /// # Panics
    /// If the range does not come from this document.
    pub fn slice(&self, span: Range<usize>) -> &str {
        &self.text[span]
    }

    /// What the whole value is.
    pub fn kind(&self) -> Kind {
        self.kind_at(0)
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
        0..self.text.len()
    }

    /// What the value that starts at this offset is.
    pub fn kind_at(&self, offset: usize) -> Kind {
        match self.text.as_bytes().get(offset) {
            Some(b'[') => Kind::List,
            Some(b'{') => Kind::Dict,
            Some(b'"') if matches!(self.notes.at(offset), Some(Note::Opaque(_))) => Kind::Opaque,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// The whole value as a container, if it is a list or dict.
    pub fn root(&self) -> Option<&Arc<Container>> {
        self.root.as_ref()
    }

    /// The list or dict at this range, with an index made now (one scan of its text); `None` for
    /// other values. The whole value's is ready made.
    pub fn container(&self, span: Range<usize>) -> Option<Arc<Container>> {
        match (&self.root, self.kind_at(span.start)) {
            (Some(root), _) if root.span == span => Some(Arc::clone(root)),
            (_, Kind::List | Kind::Dict) => Some(Arc::new(Container::scan(&self.text, span))),
            _ => None,
        }
    }

    /// Items of a container from number `first` on.
    pub fn items(&self, container: &Container, first: usize) -> impl Iterator<Item = Item> + '_ {
        let bytes = self.text.as_bytes();
        let mark = container
            .marks
            .partition_point(|(item, _)| *item as usize <= first);
        let (items, skip) = match mark.checked_sub(1).map(|mark| container.marks[mark]) {
            Some((item, offset)) => (
                Items::from(bytes, offset as usize, container.keyed),
                first - item as usize,
            ),
            None => (Items::of(bytes, container.span.start), first),
        };
        items.skip(skip)
    }

    /// One item of a container.
    pub fn item(&self, container: &Container, number: usize) -> Option<Item> {
        (number < container.len).then(|| self.items(container, number).next())?
    }

    /// The same text with other notes.
    #[cfg(feature = "python")]
    pub(crate) fn with_notes(&self, notes: Notes) -> Self {
        Self {
            text: self.text.clone(),
            root: self.root.clone(),
            len: self.len,
            notes,
            sizes: Mutex::new(self.sizes.lock().clone()),
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
        self.sizes.lock().push((unit, size));
        Ok(size)
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
            .field("bytes", &self.text.len())
            .finish()
    }
}
