//! What kinds of values there are, and in which range: of a list's items, or of each column of a table.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::value::{Container, Document, Kind, Node};

/// Names of types, as Python users know them.
const TYPES: [&str; 8] = [
    "dict", "list", "str", "int", "float", "bool", "object", "null",
];
const INT: usize = 3;
const FLOAT: usize = 4;
const NULL: usize = 7;

fn type_number(document: &Document, value: &Range<usize>) -> usize {
    match document.kind_at(value.start) {
        Kind::Dict => 0,
        Kind::List => 1,
        Kind::String => 2,
        Kind::Number => {
            let digits = document.slice(value.clone()).bytes();
            if digits.into_iter().all(|b| b.is_ascii_digit() || b == b'-') {
                INT
            } else {
                FLOAT
            }
        }
        Kind::Bool => 5,
        Kind::Opaque => 6,
        Kind::Null => NULL,
    }
}

/// The name of a value's type.
pub(super) fn type_name(document: &Document, value: &Range<usize>) -> &'static str {
    TYPES[type_number(document, value)]
}

/// A made dict's entry.
pub(super) fn pair(key: &str, value: Node) -> (Node, Node) {
    (Node::string(key), value)
}

/// A made number.
pub(super) fn number(number: usize) -> Node {
    Node::Made(number.to_string())
}

/// How many values there are of each type, and the smallest and largest number.
#[derive(Debug, Default)]
pub(super) struct Types {
    counts: [usize; TYPES.len()],
    range: Option<(Number, Number)>,
}

/// A number and where its exact text stands.
#[derive(Debug, Clone)]
struct Number {
    value: f64,
    span: Range<usize>,
}

impl Types {
    pub(super) fn add(&mut self, document: &Document, span: Range<usize>) {
        let of = type_number(document, &span);
        self.counts[of] += 1;
        if of != INT && of != FLOAT {
            return;
        }
        let Ok(value) = document.slice(span.clone()).parse::<f64>() else {
            return;
        };
        if value.is_nan() {
            return;
        }
        let new = Number { value, span };
        match &mut self.range {
            None => self.range = Some((new.clone(), new)),
            Some((low, _)) if new.value < low.value => *low = new,
            Some((_, high)) if new.value > high.value => *high = new,
            Some(_) => {}
        }
    }

    fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many values are dicts.
    pub(super) fn dicts(&self) -> usize {
        self.counts[0]
    }

    /// `{"int": 3, "null": 1}`
    pub(super) fn counted(&self) -> Node {
        let counts = TYPES
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0);
        Node::Dict(
            counts
                .map(|(name, count)| pair(name, number(count)))
                .collect(),
        )
    }

    /// `int|str`; null only if there is nothing else.
    fn names(&self) -> Node {
        let there = |of: &usize| self.counts[*of] > 0;
        let names: Vec<&str> = (0..NULL).filter(there).map(|of| TYPES[of]).collect();
        Node::string(
            if names.is_empty() {
                "null".into()
            } else {
                names.join("|")
            }
            .as_str(),
        )
    }

    /// The smallest and the largest number.
    pub(super) fn extremes(&self) -> Vec<(Node, Node)> {
        let Some((low, high)) = &self.range else {
            return Vec::new();
        };
        vec![
            pair("min", Node::Span(low.span.clone())),
            pair("max", Node::Span(high.span.clone())),
        ]
    }

    fn column(&self, rows: usize) -> Node {
        let mut facts = vec![pair("type", self.names())];
        facts.extend(self.extremes());
        for (name, count) in [
            ("nulls", self.counts[NULL]),
            ("missing", rows - self.total()),
        ] {
            if count > 0 {
                facts.push(pair(name, number(count)));
            }
        }
        Node::Dict(facts)
    }
}

/// The keys of many dicts, in the order in which they are first seen.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    keys: Vec<Range<usize>>,
    types: Vec<Types>,
    by_name: FxHashMap<&'a str, usize>,
    rows: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn add(&mut self, document: &'a Document, row: &Container) {
        self.rows += 1;
        for (guess, item) in document.items(row, 0).enumerate() {
            let Some(key) = item.key else { continue };
            let name = document.slice(key.clone());
            // Rows of a table have their keys in the same order: mostly nothing has to be hashed.
            let known = self
                .keys
                .get(guess)
                .filter(|key| document.slice((*key).clone()) == name);
            let column = match known {
                Some(_) => guess,
                None => *self.by_name.entry(name).or_insert_with(|| {
                    self.keys.push(key);
                    self.types.push(Types::default());
                    self.keys.len() - 1
                }),
            };
            // A key that one row has twice counts once.
            if self.types[column].total() < self.rows {
                self.types[column].add(document, item.value);
            }
        }
    }

    /// Where the names stand.
    pub(super) fn names(&self) -> &[Range<usize>] {
        &self.keys
    }

    /// Each column's types, range, and how many rows have nothing there.
    pub(super) fn described(&self) -> Node {
        self.dict(|types| types.column(self.rows))
    }

    /// Each column's types.
    pub(super) fn typed(&self) -> Node {
        self.dict(Types::names)
    }

    fn dict(&self, of: impl Fn(&Types) -> Node) -> Node {
        let columns = self.keys.iter().zip(&self.types);
        Node::Dict(
            columns
                .map(|(key, types)| (Node::Span(key.clone()), of(types)))
                .collect(),
        )
    }
}
