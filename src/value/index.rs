//! [`Index`]: where the large lists and dicts of a long text are and where their items begin, so that
//! parts of it can be read without the rest.

use std::sync::Arc;

use super::document::Container;
use super::scan;

/// Containers shorter than this are found by reading them.
const LARGE: usize = 64 * 1024;
/// Marks lie at least so far apart ...
const LEAST_STRIDE: usize = 4096;
/// ... and there are about so many over the length of a text at most.
const MOST_MARKS: usize = 2048;

/// Large containers of a text in the order of their beginnings, the outermost first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index(Vec<Arc<Container>>);

/// A container whose end was not seen yet.
struct Open {
    start: usize,
    keyed: bool,
    len: usize,
    marks: Vec<(u32, u32)>,
    marked: usize,
}

impl Index {
    /// The index of a text in the format of documents, by one pass over it.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let stride = LEAST_STRIDE.max(bytes.len() / MOST_MARKS);
        let mut found = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut at = 0;
        let mut item_begins = false;
        while let Some(byte) = bytes.get(at) {
            if item_begins
                && !matches!(byte, b']' | b'}')
                && let Some(inner) = open.last_mut()
            {
                if at - inner.marked >= stride {
                    inner.marks.push((inner.len as u32, at as u32));
                    inner.marked = at;
                }
                inner.len += 1;
            }
            item_begins = false;
            match byte {
                b'"' => {
                    at = scan::string_end(bytes, at);
                    continue;
                }
                b'[' | b'{' => {
                    open.push(Open {
                        start: at,
                        keyed: *byte == b'{',
                        len: 0,
                        marks: Vec::new(),
                        marked: at,
                    });
                    item_begins = true;
                }
                b']' | b'}' => {
                    let Some(closed) = open.pop() else { break };
                    if at + 1 - closed.start >= LARGE {
                        found.push(Arc::new(Container::new(
                            closed.start..at + 1,
                            closed.keyed,
                            closed.len,
                            closed.marks,
                        )));
                    }
                }
                b',' => {
                    item_begins = true;
                    at += 2;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found.sort_by_key(|container| container.span().start);
        Self(found)
    }

    /// These containers; they must come from [`Index::containers`] of one index.
    pub(crate) fn from_containers(containers: Vec<Arc<Container>>) -> Self {
        Self(containers)
    }

    /// All containers, in the order of their beginnings.
    pub(crate) fn containers(&self) -> &[Arc<Container>] {
        &self.0
    }

    /// Bytes that the marks take.
    pub(crate) fn bytes(&self) -> usize {
        let marks = self
            .0
            .iter()
            .map(|container| size_of_val(container.marks()));
        marks.sum::<usize>() + self.0.len() * size_of::<Container>()
    }

    /// The large container that begins at an offset.
    pub(crate) fn at(&self, offset: usize) -> Option<&Arc<Container>> {
        let found = self
            .0
            .binary_search_by_key(&offset, |container| container.span().start);
        found.ok().map(|number| &self.0[number])
    }
}

/// Where characters of a long string are: the number and offset of some, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct CharIndex {
    /// Number of characters.
    pub(crate) len: usize,
    /// (character, offset behind the opening quote); none if every character is one byte.
    pub(crate) marks: Box<[(u32, u32)]>,
}

impl CharIndex {
    /// The index of a string literal.
    pub(crate) fn of(quoted: &str) -> Self {
        let inside = quoted.len().saturating_sub(2);
        if !quoted.as_bytes().contains(&b'\\') {
            return Self {
                len: inside,
                marks: Box::default(),
            };
        }
        let stride = LEAST_STRIDE.max(inside / MOST_MARKS);
        let (mut marks, mut at, mut marked, mut len) = (vec![(0, 0)], 0, 0, 0);
        for bytes in scan::Chars::of(quoted) {
            if at - marked >= stride {
                marks.push((len as u32, at as u32));
                marked = at;
            }
            at += bytes;
            len += 1;
        }
        Self {
            len,
            marks: marks.into(),
        }
    }

    /// The last marked character up to this one, and its offset.
    pub(crate) fn upto(&self, number: usize) -> (usize, usize) {
        self.mark(
            self.marks
                .partition_point(|(char, _)| *char as usize <= number),
        )
    }

    /// The last marked character that begins at or before an offset, and its own.
    pub(crate) fn before(&self, offset: usize) -> (usize, usize) {
        self.mark(self.marks.partition_point(|(_, at)| *at as usize <= offset))
    }

    fn mark(&self, next: usize) -> (usize, usize) {
        let mark = next.checked_sub(1).and_then(|mark| self.marks.get(mark));
        mark.map_or((0, 0), |(char, at)| (*char as usize, *at as usize))
    }

    /// Where the mark behind an offset is, else the end of the inside.
    pub(crate) fn end_of(&self, offset: usize, inside: usize) -> usize {
        let next = self.marks.partition_point(|(_, at)| *at as usize <= offset);
        self.marks.get(next).map_or(inside, |(_, at)| *at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_containers_are_found_at_any_depth() {
        let rows: Vec<String> = (0..10_000)
            .map(|i| format!(r#"{{"id": {i}, "t": ["]", ",{{"]}}"#))
            .collect();
        let text = format!(
            r#"{{"head": [1, 2], "users": [{}], "tail": {{}}}}"#,
            rows.join(", ")
        );
        let index = Index::of(&text);
        assert_eq!(index.0.len(), 2);
        let (root, users) = (&index.0[0], index.at(text.find("[{").unwrap()).unwrap());
        assert_eq!(
            (root.len(), root.span(), root.is_dict()),
            (3, 0..text.len(), true)
        );
        assert_eq!((users.len(), users.is_dict()), (10_000, false));
        for (number, offset) in users.marks() {
            assert!(text[*offset as usize..].starts_with(&format!(r#"{{"id": {number},"#)));
        }
    }

    #[test]
    fn an_index_stays_small() {
        let text = format!("[{}]", vec!["0"; 5_000_000].join(", "));
        let marks = Index::of(&text).0[0].marks().len();
        assert!((1000..=MOST_MARKS).contains(&marks), "{marks}");
        let deep = format!("{}{}", "[".repeat(900_000), "]".repeat(900_000));
        assert!(Index::of(&deep).0.iter().all(|c| c.marks().len() <= 1));
    }

    #[test]
    fn characters_of_a_long_string_are_found() {
        let quoted = format!("\"{}\"", r"a\u00e9\n".repeat(50_000));
        let index = CharIndex::of(&quoted);
        assert_eq!(index.len, 150_000);
        for number in [0, 1, 99_999, 100_000, 149_999] {
            let (first, at) = index.upto(number);
            assert!(first <= number && index.before(at) == (first, at));
            let expected = 9 * (first / 3) + [0, 1, 7][first % 3];
            assert_eq!(at, expected);
            assert!(index.end_of(at, quoted.len() - 2) > at);
        }
    }
}
