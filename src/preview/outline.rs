//! [`Outline`]: the facts about a list or dict that a summary tells, gathered in one walk.

use std::ops::Range;
use std::sync::Arc;

use super::columns::{Columns, Types, number, pair, type_name};
use super::entries::Entries;
use crate::value::{Container, Document, Node};

/// Entries of a dict that is made.
pub(super) type Pairs = Vec<(Node, Node)>;

/// How much a summary tells, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Types, counts and ranges.
    Facts,
    /// Names and types.
    Types,
    /// Names.
    Names,
    /// Only counts.
    Counts,
}

/// A list or dict whose items are looked at as rows.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) container: Arc<Container>,
    types: Types,
    columns: Columns<'a>,
}

/// A list or dict, and the collection inside that makes up most of it.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    root: Table<'a>,
    entries: Option<Entries>,
    /// Path (keys joined by dots) and collection.
    largest: Option<(String, Table<'a>)>,
}

impl<'a> Table<'a> {
    fn of(document: &'a Document, container: Arc<Container>) -> Self {
        let (mut types, mut columns) = (Types::default(), Columns::default());
        for item in document.items(&container, 0) {
            types.add(document, item.value.clone());
            let row = document.container(item.value).filter(|row| row.is_dict());
            if let Some(row) = row {
                columns.add(document, &row);
            }
        }
        Self {
            container,
            types,
            columns,
        }
    }

    /// Whether the items are rows with columns.
    pub(super) fn has_columns(&self) -> bool {
        let dicts = self.types.dicts();
        (dicts > 1 || !self.container.is_dict()) && dicts * 2 > self.container.len()
    }

    fn head(&self) -> Pairs {
        let (name, count) = if self.container.is_dict() {
            ("dict", "keys")
        } else {
            ("list", "items")
        };
        vec![
            pair("type", Node::string(name)),
            pair(count, number(self.container.len())),
        ]
    }

    fn body(&self, detail: Detail) -> Pairs {
        let mut facts = Vec::new();
        if detail == Detail::Counts {
            return facts;
        }
        let name = if self.container.is_dict() {
            "value_types"
        } else {
            "item_types"
        };
        facts.push(pair(name, self.types.counted()));
        if detail == Detail::Facts {
            facts.extend(self.types.extremes());
        }
        if self.has_columns() {
            let columns = match detail {
                Detail::Facts => self.columns.described(),
                Detail::Types => self.columns.typed(),
                Detail::Names | Detail::Counts => Node::List(
                    self.columns
                        .names()
                        .iter()
                        .cloned()
                        .map(Node::Span)
                        .collect(),
                ),
            };
            facts.push(pair("columns", columns));
        }
        facts
    }
}

impl<'a> Outline<'a> {
    pub(super) fn of(document: &'a Document, root: &Arc<Container>) -> Self {
        let largest = largest(document, root);
        let entries = root.is_dict().then(|| Entries::of(document, root));
        Self {
            root: Table::of(document, Arc::clone(root)),
            entries,
            largest: largest.map(|(path, inner)| (path, Table::of(document, inner))),
        }
    }

    /// The collection that most of the value is in.
    pub(super) fn table(&self) -> &Table<'a> {
        self.largest.as_ref().map_or(&self.root, |(_, table)| table)
    }

    /// Entries of the summary, without those for the keys of a dict.
    pub(super) fn nodes(&self, detail: Detail, total_size: usize) -> Pairs {
        let mut nodes = self.root.head();
        nodes.push(pair("total_size", number(total_size)));
        nodes.extend(self.root.body(detail));
        if let Some((path, table)) = &self.largest {
            let mut inner = vec![pair("path", Node::Made(format!("\"{path}\"")))];
            inner.extend(table.head());
            inner.extend(table.body(detail));
            nodes.push(pair("largest", Node::Dict(inner)));
        }
        nodes
    }

    /// What a summary may say about the keys of a dict, in this or less detail.
    pub(super) fn key_sections(&self, document: &Document, detail: Detail) -> Vec<Pairs> {
        let Some(entries) = &self.entries else {
            return if detail == Detail::Counts {
                Vec::new()
            } else {
                vec![Vec::new()]
            };
        };
        let described = |detail: Detail| {
            let nodes = (0..entries.len()).map(|number| {
                let value = entries.value(number);
                (
                    Node::Span(entries.key(number)),
                    entry(document, value, detail),
                )
            });
            vec![pair("entries", Node::Dict(nodes.collect()))]
        };
        match detail {
            Detail::Facts => vec![described(Detail::Facts), described(Detail::Types)],
            Detail::Types => vec![described(Detail::Types)],
            Detail::Names | Detail::Counts => Vec::new(),
        }
    }

    /// The names of a dict's keys as far as they fit: in order, or if not all do, of the largest entries.
    pub(super) fn key_names(&self, room: usize) -> Pairs {
        let Some(entries) = &self.entries else {
            return Vec::new();
        };
        let in_order = (0..entries.len()).map(|number| entries.key(number));
        let by_size = entries.by_importance(0, true);
        listed(
            "names",
            in_order,
            by_size.map(|number| entries.key(number)),
            room,
        )
    }

    /// The names of the keys, or where the facts do not have them, of the columns.
    pub(super) fn names(&self, detail: Detail, room: usize) -> Pairs {
        if self.entries.is_none() && detail == Detail::Counts && self.root.has_columns() {
            let names = self.root.columns.names().iter().cloned();
            return listed("columns", names.clone(), names, room);
        }
        self.key_names(room)
    }
}

/// All names if they fit, else as many of the most important ones as do, and how many more there are.
fn listed(
    title: &str,
    in_order: impl Iterator<Item = Range<usize>>,
    by_importance: impl Iterator<Item = Range<usize>>,
    room: usize,
) -> Pairs {
    let room = room.saturating_sub(title.len() + "\"\": [], ".len());
    let names: Vec<_> = in_order.collect();
    if names.is_empty() {
        return Vec::new();
    }
    if names.iter().map(|name| name.len() + 2).sum::<usize>() <= room {
        let nodes = names.into_iter().map(Node::Span).collect();
        return vec![pair(title, Node::List(nodes))];
    }
    let marker = |missing: usize| format!("... and {missing} more");
    let mut left = room.saturating_sub(marker(names.len()).len() + 4);
    let mut nodes: Vec<Node> = by_importance
        .take_while(|name| {
            let fits = name.len() + 2 <= left;
            left = left.saturating_sub(name.len() + 2);
            fits
        })
        .map(Node::Span)
        .collect();
    if nodes.is_empty() {
        return Vec::new();
    }
    nodes.push(Node::string(&marker(names.len() - nodes.len())));
    vec![pair(title, Node::List(nodes))]
}

/// What a summary says about one entry of a dict.
fn entry(document: &Document, value: Range<usize>, detail: Detail) -> Node {
    let name = Node::string(type_name(document, &value));
    let percent = value.len() * 100 / document.text_len().max(1);
    if detail != Detail::Facts {
        return name;
    }
    let len = document.container(value).map(|inner| inner.len());
    if percent == 0 && len.is_none() {
        return name;
    }
    let mut facts = vec![pair("type", name)];
    facts.extend(len.map(|len| pair("items", number(len))));
    facts.push(pair("percent", number(percent)));
    Node::Dict(facts)
}

/// The collection that at least half of a dict's text is in, as deep as it is one: a list, or a dict
/// without such a collection.
fn largest(document: &Document, root: &Arc<Container>) -> Option<(String, Arc<Container>)> {
    const DEEPEST: usize = 8;
    let mut found: Option<(String, Arc<Container>)> = None;
    for _ in 0..DEEPEST {
        let dict = found.as_ref().map_or(root, |(_, inner)| inner);
        if !dict.is_dict() {
            break;
        }
        let Some(item) = document.items(dict, 0).max_by_key(|item| item.value.len()) else {
            break;
        };
        let (Some(key), large) = (item.key, item.value.len() * 2 >= dict.span().len()) else {
            break;
        };
        let Some(inner) = document.container(item.value).filter(|_| large) else {
            break;
        };
        let key = &document.slice(key.start + 1..key.end - 1);
        let path = found.map_or_else(|| (*key).to_owned(), |(path, _)| format!("{path}.{key}"));
        found = Some((path, inner));
    }
    found
}
