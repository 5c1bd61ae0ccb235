//! [`Masked`]: a value as those see it from whom parts of it are hidden.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::notes::{Note, Notes};
use super::scan::{string_end, value_end};
use super::{Document, Value, literal};
use crate::error::{Error, ErrorKind, Result};

/// What stands in place of what is hidden, as JSON text.
const MARKER: &str = "\"[masked]\"";

/// Says what is hidden, to who walks along a value from the outermost in. Places are numbers of its own.
pub(crate) trait Hide {
    /// The place of the whole value.
    fn root(&self) -> u32;
    /// The place of a key's value.
    fn key(&mut self, place: u32, name: &str) -> u32;
    /// The place of a list's item.
    fn item(&mut self, place: u32, number: usize) -> u32;
    /// Whether what stands there is hidden, but for what may be shown below.
    fn hides(&self, place: u32) -> bool;
    /// Whether it may be otherwise with something below.
    fn differs_below(&self, place: u32) -> bool;
}

/// Makes of a document the one that is seen; `None` if nothing of it is hidden.
type Hider = dyn Fn(&Document) -> Result<Option<Document>> + Send + Sync;

/// A value with parts hidden: a document of its own, made when it is first looked at.
///
/// Of a value that is still in its store, all has to be [loaded](Value::load) first.
pub struct Masked {
    whole: Value,
    hider: Box<Hider>,
    seen: OnceLock<Arc<Document>>,
}

impl Masked {
    /// The value as this hider leaves it.
    pub(crate) fn new(whole: Value, hider: Box<Hider>) -> Self {
        Self {
            whole,
            hider,
            seen: OnceLock::new(),
        }
    }

    /// Items of the list or dict that is seen, as far as the value is here.
    pub(crate) fn total_items(&self) -> Option<usize> {
        self.document().ok()?.root()?;
        self.whole.total_items()
    }

    /// Characters of the JSON text that is seen, as far as the value is here.
    pub(crate) fn total_size(&self) -> Option<usize> {
        self.document().ok().map(|seen| seen.text_len())
    }

    /// The value with nothing hidden.
    pub(crate) fn whole(&self) -> &Value {
        &self.whole
    }

    /// What is seen of it, if that was made before.
    pub(crate) fn made(&self) -> Option<&Arc<Document>> {
        self.seen.get()
    }

    /// What is seen of it.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`] if the value has no JSON text, [`ErrorKind::Unexpected`] if it was not loaded.
    pub(crate) fn document(&self) -> Result<Arc<Document>> {
        if let Some(seen) = self.seen.get() {
            return Ok(Arc::clone(seen));
        }
        let whole = self.whole.document()?;
        if !whole.is_whole() {
            let what = "a value with hidden parts is looked at before it was read";
            return Err(Error::new(ErrorKind::Unexpected, what));
        }
        let seen = match (self.hider)(&whole)? {
            Some(document) => Arc::new(document),
            None => whole,
        };
        Ok(Arc::clone(self.seen.get_or_init(|| seen)))
    }
}

impl fmt::Debug for Masked {
    /// Never shows the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Masked").field(&self.whole).finish()
    }
}

/// The document with the marker in place of what is hidden; `None` if nothing is. One pass over its text.
///
/// Something that is no JSON (a set, an object) is shown as a text that describes all of it: it is hidden
/// where a part of it would be. A hidden list or dict on the way to something shown keeps its shape, if
/// there really is something shown in it.
///
/// # Errors
/// [`ErrorKind::Unsupported`] beyond 4 GiB.
pub(crate) fn hide(document: &Document, by: &mut dyn Hide) -> Result<Option<Document>> {
    let mut copy = Copy {
        text: document.text(),
        at: 0,
        noted: document.notes().as_slice(),
        out: String::new(),
        notes: Vec::new(),
        open: Vec::new(),
        outcome: Outcome::default(),
    };
    if copy.run(by).is_none() {
        // damaged text: who knows what stands where
        return Document::from_written(MARKER.to_owned(), Notes::default()).map(Some);
    }
    if !copy.outcome.hid {
        return Ok(None);
    }
    let mut notes = Notes::default();
    for (at, note) in copy.notes {
        if let Some(note) = note {
            notes.push(at, note);
        }
    }
    notes.objects = document.notes().objects.clone();
    Document::from_written(copy.out, notes).map(Some)
}

/// What became of a value.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// Something of it was hidden.
    hid: bool,
    /// Something of it was shown.
    showed: bool,
}

/// A list or dict that is being copied.
struct Open {
    place: u32,
    keyed: bool,
    /// Items that were begun.
    items: usize,
    /// Where it begins in what is written: text, and notes.
    out: usize,
    notes: usize,
    outcome: Outcome,
}

/// A document on its way into one that shows less. Every step is `None` where the text is damaged.
struct Copy<'a> {
    text: &'a str,
    /// How far the text was read.
    at: usize,
    /// The notes on what is still to come.
    noted: &'a [(u32, Note)],
    out: String,
    /// The notes on what is written; one that turned out wrong is taken back.
    notes: Vec<(usize, Option<Note>)>,
    open: Vec<Open>,
    /// Of the whole value, in the end.
    outcome: Outcome,
}

impl Copy<'_> {
    fn run(&mut self, by: &mut dyn Hide) -> Option<()> {
        let mut place = by.root();
        loop {
            self.value(place, by)?;
            while matches!(self.byte(), Some(b']' | b'}')) {
                self.close(by)?;
            }
            if self.open.is_empty() {
                return (self.at == self.text.len()).then_some(());
            }
            place = self.next_item(by)?;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Copies or hides the value that begins here, or opens it.
    fn value(&mut self, place: u32, by: &dyn Hide) -> Option<()> {
        let (hides, differs) = (by.hides(place), by.differs_below(place));
        let first = self.byte()?;
        if differs && matches!(first, b'[' | b'{') {
            self.open.push(Open {
                place,
                keyed: first == b'{',
                items: 0,
                out: self.out.len(),
                notes: self.notes.len(),
                outcome: Outcome::default(),
            });
            return self.copy_to(self.at + 1);
        }
        let end = value_end(self.text.as_bytes(), self.at);
        if end == self.at {
            return None;
        }
        let hid = hides || (differs && self.is_opaque());
        if hid {
            self.out.push_str(MARKER);
            self.at = end;
        } else {
            self.copy_to(end)?;
        }
        self.ended(Outcome { hid, showed: !hid });
        Some(())
    }

    /// Goes to the next item of the innermost container: its place.
    fn next_item(&mut self, by: &mut dyn Hide) -> Option<u32> {
        let (text, start) = (self.text, self.at);
        let open = self.open.last_mut()?;
        let begins = start + if open.items > 0 { ", ".len() } else { 0 };
        let (place, number, keyed) = (open.place, open.items, open.keyed);
        open.items += 1;
        if !keyed {
            self.copy_to(begins)?;
            return Some(by.item(place, number));
        }
        let end = string_end(text.as_bytes(), begins);
        let key = text.get(begins..end)?;
        self.copy_to(end + ": ".len())?;
        Some(by.key(place, &literal::unescape(key)))
    }

    /// Ends the innermost container.
    fn close(&mut self, by: &dyn Hide) -> Option<()> {
        self.copy_to(self.at + 1)?;
        let Open {
            place,
            out,
            notes,
            mut outcome,
            ..
        } = self.open.pop()?;
        if by.hides(place) && !outcome.showed {
            self.out.truncate(out);
            self.notes.truncate(notes);
            self.out.push_str(MARKER);
            outcome.hid = true;
        } else if outcome.hid
            && let Some((at, note @ Some(Note::Instance(_)))) = self.notes.get_mut(notes)
            && *at == out
        {
            // the object that the note refers to is the one with nothing hidden
            *note = None;
        }
        self.ended(outcome);
        Some(())
    }

    /// Tells what the value is part of what became of it.
    fn ended(&mut self, outcome: Outcome) {
        let around = match self.open.last_mut() {
            Some(open) => &mut open.outcome,
            None => &mut self.outcome,
        };
        around.hid |= outcome.hid;
        around.showed |= outcome.showed;
    }

    /// Copies the text up to `end` with the notes on it.
    fn copy_to(&mut self, end: usize) -> Option<()> {
        self.skip_notes();
        let count = self.noted.partition_point(|(at, _)| (*at as usize) < end);
        let (here, rest) = self.noted.split_at(count);
        let (from, to) = (self.at, self.out.len());
        let moved = here
            .iter()
            .map(|(at, note)| (*at as usize - from + to, Some(*note)));
        self.notes.extend(moved);
        self.noted = rest;
        self.out.push_str(self.text.get(self.at..end)?);
        self.at = end;
        Some(())
    }

    /// Leaves out the notes on what was hidden before here.
    fn skip_notes(&mut self) {
        let passed = self
            .noted
            .iter()
            .take_while(|(at, _)| (*at as usize) < self.at);
        self.noted = &self.noted[passed.count()..];
    }

    /// Whether what begins here is no JSON.
    fn is_opaque(&mut self) -> bool {
        self.skip_notes();
        matches!(self.noted.first(), Some((at, Note::Opaque(_))) if *at as usize == self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hides the values of keys that begin with `s`, but for what stands under `ok` in them.
    struct Secrets;

    impl Hide for Secrets {
        fn root(&self) -> u32 {
            0
        }
        fn key(&mut self, place: u32, name: &str) -> u32 {
            match (place, name) {
                (1, "ok") => 2,
                (0, name) if name.starts_with('s') => 1,
                (place, _) => place,
            }
        }
        fn item(&mut self, place: u32, _: usize) -> u32 {
            place
        }
        fn hides(&self, place: u32) -> bool {
            place == 1
        }
        fn differs_below(&self, place: u32) -> bool {
            place < 2
        }
    }

    fn seen(text: &str, types: Option<&str>) -> Option<(String, Option<String>)> {
        let document = match types {
            Some(types) => Document::with_types(text.to_owned(), types).unwrap(),
            None => Document::parse(text).unwrap(),
        };
        let seen = hide(&document, &mut Secrets).unwrap()?;
        Some((seen.text().to_owned(), seen.types()))
    }

    #[test]
    fn what_is_hidden_is_replaced_in_its_place() {
        let text = r#"{"a": [1, {"s": "x, ]"}], "\u0073": {"b": 1, "ok": [2], "c": []}, "s2": {}, "z": []}"#;
        let shown = r#"{"a": [1, {"s": "[masked]"}], "s": {"b": "[masked]", "ok": [2], "c": "[masked]"}, "s2": "[masked]", "z": []}"#;
        assert_eq!(seen(text, None).unwrap().0, shown);
        assert_eq!(seen(r#"{"a": [1, {}, [[]]]}"#, None), None);
        assert_eq!(seen("1", None), None);
    }

    #[test]
    fn types_of_what_is_shown_stay_with_it() {
        // a tuple that is hidden; one that is shown, behind it
        let text = r#"{"s": [1], "t": [2]}"#;
        let types = r#"{"v": 1, "notes": [[0, 6, 10]]}"#;
        let shown = r#"{"s": "[masked]", "t": [2]}"#.to_owned();
        let kept = r#"{"v": 1, "notes": [[0, 23]]}"#.to_owned();
        assert_eq!(seen(text, Some(types)), Some((shown, Some(kept))));
    }

    #[test]
    fn an_object_is_hidden_where_a_part_of_it_would_be() {
        let text = r#"{"a": "{1}", "b": {"c": 1, "s": 2}}"#;
        let types = r#"{"v": 1, "notes": [[6, 6], [7, 18]], "objects": [{"set": [1]}, {"my": 1}]}"#;
        let (shown, types) = seen(text, Some(types)).unwrap();
        assert_eq!(
            shown,
            r#"{"a": "[masked]", "b": {"c": 1, "s": "[masked]"}}"#
        );
        assert!(types.is_none_or(|types| !types.contains(", 1")));
    }
}
