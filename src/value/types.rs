//! What JSON text does not tell, as JSON text of its own: [`Document::types`] and back.
//!
//! `{"v": 1, "notes": [[code, offset, step, -times, step, ...], ...], "objects": [...]}`. A note has a
//! code; its offsets stand as the first one and the steps from one to the next, where `-n` repeats the
//! step before it n times. Objects are whatever the language that wrote them understands; notes refer
//! to them by number.

use std::fmt::Write as _;
use std::sync::Arc;

use hashbrown::HashMap;

use super::Document;
use super::notes::{KeyType, Note, Notes};
use super::scan::Items;
use crate::error::{Error, ErrorKind, Result};

/// What `v` says; a later version of the format has another.
const VERSION: &str = "1";

/// Texts that stand for the objects of another language, by number. Each is one JSON value in the
/// format of documents.
pub(crate) struct PortableObjects(pub(crate) Box<[Box<str>]>);

impl Document {
    /// What the text does not tell about types (tuples, keys that are no text, objects of a language) as
    /// JSON text for [`Document::with_types`]; `None` if it tells everything.
    ///
    /// Live objects of this process are not part of it: [`Value::portable`](super::Value::portable) makes
    /// them texts first.
    pub fn types(&self) -> Option<String> {
        let notes = self.notes();
        let objects = notes.objects.as_ref();
        let objects = objects.and_then(|objects| objects.downcast_ref::<PortableObjects>());
        let told = notes.iter().filter(|(_, note)| match note {
            Note::Tuple | Note::Key(_) => true,
            Note::Instance(_) | Note::Opaque(_) => objects.is_some(),
        });
        let groups = grouped(told);
        if groups.is_empty() {
            return None;
        }
        let mut out = format!("{{\"v\": {VERSION}, \"notes\": [");
        for (i, (code, offsets)) in groups.iter().enumerate() {
            out.push_str(if i == 0 { "[" } else { ", [" });
            let _ = write!(out, "{code}");
            write_steps(offsets, &mut out);
            out.push(']');
        }
        out.push(']');
        if let Some(PortableObjects(objects)) = objects {
            out.push_str(", \"objects\": [");
            out.push_str(&objects.join(", "));
            out.push(']');
        }
        out.push('}');
        Some(out)
    }

    /// A document from its text and its [`Document::types`], both as they were written.
    ///
    /// ```
    /// use mcp_refcache::value::Document;
    /// let document = Document::with_types("[[1], 2]".to_owned(), r#"{"v": 1, "notes": [[0, 1]]}"#)?;
    /// assert_eq!(document.types().as_deref(), Some(r#"{"v": 1, "notes": [[0, 1]]}"#));
    /// # Ok::<(), mcp_refcache::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Codec`] for types that are damaged, of a later version or not of this text, and for
    /// text that is not in the format of documents; [`ErrorKind::Unsupported`] beyond 4 GiB.
    pub fn with_types(text: String, types: &str) -> Result<Self> {
        let notes = notes(types, text.len())?;
        Self::from_noted(text, notes)
    }
}

/// The notes that types tell on a text of this length, which is not looked at.
///
/// # Errors
/// [`ErrorKind::Codec`] for types that are damaged, of a later version or of a longer text.
pub(super) fn notes(types: &str, text_len: usize) -> Result<Notes> {
    let types = Document::parse(types).map_err(|why| damaged("are no JSON").caused_by(why))?;
    read(&types, text_len)
}

/// The offsets of each kind of note, by code, in the order of their first.
fn grouped(notes: impl Iterator<Item = (usize, Note)>) -> Vec<(u64, Vec<usize>)> {
    let mut groups: Vec<(u64, Vec<usize>)> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (offset, note) in notes {
        let code = code_of(note);
        let place = *places.entry(code).or_insert_with(|| {
            groups.push((code, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(offset);
    }
    groups
}

fn code_of(note: Note) -> u64 {
    match note {
        Note::Tuple => 0,
        Note::Key(KeyType::Int) => 1,
        Note::Key(KeyType::Float) => 2,
        Note::Key(KeyType::Bool) => 3,
        Note::Key(KeyType::Null) => 4,
        Note::Instance(number) => 5 + 2 * u64::from(number),
        Note::Opaque(number) => 6 + 2 * u64::from(number),
    }
}

/// The note of a code, if it refers to none or to one of so many objects.
fn note_of(code: i64, objects: usize) -> Option<Note> {
    Some(match code {
        0 => Note::Tuple,
        1 => Note::Key(KeyType::Int),
        2 => Note::Key(KeyType::Float),
        3 => Note::Key(KeyType::Bool),
        4 => Note::Key(KeyType::Null),
        _ => {
            let code = u64::try_from(code).ok()? - 5;
            let number = u32::try_from(code / 2).ok()?;
            if number as usize >= objects {
                return None;
            }
            match code % 2 {
                0 => Note::Instance(number),
                _ => Note::Opaque(number),
            }
        }
    })
}

fn write_steps(offsets: &[usize], out: &mut String) {
    let mut last = 0;
    let steps = offsets.iter().map(|offset| {
        let step = offset - last;
        last = *offset;
        step
    });
    let steps: Vec<usize> = steps.collect();
    for same in steps.chunk_by(|a, b| a == b) {
        let _ = write!(out, ", {}", same[0]);
        if same.len() > 1 {
            let _ = write!(out, ", -{}", same.len() - 1);
        }
    }
}

/// The notes that types tell on a text of this length.
fn read(types: &Document, text_len: usize) -> Result<Notes> {
    let root = types.root().filter(|root| root.is_dict());
    let root = root.ok_or_else(|| damaged("are no object"))?;
    let (mut version, mut groups, mut objects) = (None, Vec::new(), Vec::new());
    for item in types.items(root, 0) {
        let value = types.slice(item.value);
        match item.key.map(|key| types.slice(key)) {
            Some("\"v\"") => version = Some(value),
            Some("\"notes\"") => groups = list(value)?,
            Some("\"objects\"") => objects = list(value)?,
            _ => return Err(damaged("have a key that is not known")),
        }
    }
    if version != Some(VERSION) {
        let message = "the types of a stored value were written by a later version of mcp-refcache";
        return Err(Error::new(ErrorKind::Codec, message));
    }
    let mut told = Vec::new();
    for group in groups {
        let numbers = list(group)?.into_iter().map(str::parse);
        let numbers: Vec<i64> = numbers
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| damaged("hold what is no offset"))?;
        let [code, steps @ ..] = &*numbers else {
            return Err(damaged("have a note without a code"));
        };
        let note =
            note_of(*code, objects.len()).ok_or_else(|| damaged("have a note of no known kind"))?;
        read_steps(steps, text_len, |offset| {
            told.push((offset, note));
            // notes are on different offsets, so there are no more of them than bytes
            told.len() <= text_len
        })?;
    }
    told.sort_unstable_by_key(|(offset, _)| *offset);
    let mut notes = Notes::default();
    for (offset, note) in told {
        notes.push(offset as usize, note);
    }
    if !objects.is_empty() {
        let objects = objects.into_iter().map(Box::from).collect();
        notes.objects = Some(Arc::new(PortableObjects(objects)));
    }
    Ok(notes)
}

/// Hands out the offsets that steps lead to, for as long as they are wanted and within the text.
fn read_steps(steps: &[i64], text_len: usize, mut found: impl FnMut(u32) -> bool) -> Result<()> {
    let (mut offset, mut step) = (0u64, 0u64);
    for (i, number) in steps.iter().enumerate() {
        let times = if *number < 0 {
            number.unsigned_abs()
        } else {
            1
        };
        if *number >= 0 {
            step = *number as u64;
        }
        if step == 0 && (i > 0 || times > 1) {
            return Err(damaged("have steps of no length"));
        }
        for _ in 0..times {
            offset = offset.saturating_add(step);
            if offset >= text_len as u64 || !found(offset as u32) {
                return Err(damaged("point behind the text"));
            }
        }
    }
    Ok(())
}

/// The items of a list.
fn list(text: &str) -> Result<Vec<&str>> {
    if !text.starts_with('[') {
        return Err(damaged("hold something else where a list is due"));
    }
    let items = Items::of(text.as_bytes(), 0);
    Ok(items.map(|item| &text[item.value]).collect())
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Codec,
        format!("the types of a stored value {what}"),
    )
}

/// The error for types that do not go with a text.
pub(super) fn foreign() -> Error {
    damaged("were not written for its text")
}

/// Notes that wait for their values and keys while a text is parsed from its beginning.
pub(super) struct Noted<'n> {
    notes: &'n [(u32, Note)],
}

impl<'n> Noted<'n> {
    pub(super) fn new(notes: &'n Notes) -> Self {
        Self {
            notes: notes.as_slice(),
        }
    }

    /// A value starts here.
    pub(super) fn value(&mut self, offset: usize, text: &str) -> Result<()> {
        let first = text.as_bytes().get(offset);
        match self.next(offset)? {
            None | Some(Note::Instance(_)) => Ok(()),
            Some(Note::Tuple) if first == Some(&b'[') => Ok(()),
            Some(Note::Opaque(_)) if first == Some(&b'"') => Ok(()),
            Some(_) => Err(foreign()),
        }
    }

    /// This key starts here.
    pub(super) fn key(&mut self, offset: usize, quoted: &str) -> Result<()> {
        let inside = &quoted[1..quoted.len() - 1];
        let digits = inside.strip_prefix('-').unwrap_or(inside);
        let fits = match self.next(offset)? {
            None | Some(Note::Instance(_)) => true,
            Some(Note::Key(KeyType::Int)) => {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            Some(Note::Key(KeyType::Float)) => {
                matches!(inside, "NaN" | "Infinity" | "-Infinity")
                    || digits.starts_with(|c: char| c.is_ascii_digit())
                        && inside.parse::<f64>().is_ok()
            }
            Some(Note::Key(KeyType::Bool)) => matches!(inside, "true" | "false"),
            Some(Note::Key(KeyType::Null)) => inside == "null",
            Some(Note::Tuple | Note::Opaque(_)) => false,
        };
        if fits { Ok(()) } else { Err(foreign()) }
    }

    /// The text has ended.
    pub(super) fn end(&self) -> Result<()> {
        if self.notes.is_empty() {
            Ok(())
        } else {
            Err(foreign())
        }
    }

    /// The note on what starts here; what nothing started at is an error.
    fn next(&mut self, offset: usize) -> Result<Option<Note>> {
        match self.notes.split_first() {
            Some(((at, note), rest)) if *at as usize <= offset => {
                if (*at as usize) < offset {
                    return Err(foreign());
                }
                self.notes = rest;
                Ok(Some(*note))
            }
            _ => Ok(None),
        }
    }
}
