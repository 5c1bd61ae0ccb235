//! [`Shrinker`]: fits one value into a budget of JSON characters, keeping its structure.
//!
//! Strings are cut, lists sampled, dicts keep their keys as far as there is room, and what is missing is
//! counted in its place. Small parts stay whole; what they leave goes to the large ones.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::cut;
use super::entries::{AROUND_ENTRY, Entries, LEAST};
use super::fit::Candidate;
use super::keys::{Keys, key_cap};
use super::spaced::spaced;
use super::text::Text;
use crate::value::{Container, Document, Item, Kind, Node};

/// Deeper than this nothing is looked into: every level costs a scan of all that is in it.
const MAX_DEPTH: usize = 16;

/// A value in fewer characters.
struct Small {
    node: Node,
    chars: usize,
}

impl Small {
    fn made(json: String) -> Self {
        Self {
            chars: json.len(),
            node: Node::Made(json),
        }
    }

    /// A marker, if there is room for it.
    fn marker(text: String, budget: usize) -> Option<Self> {
        (text.len() <= budget).then(|| Self::made(text))
    }
}

/// Fits parts of one document into budgets. What it learns about a part is kept for the next try.
pub(super) struct Shrinker<'a> {
    document: &'a Document,
    containers: FxHashMap<usize, Arc<Container>>,
    entries: FxHashMap<usize, Rc<Entries>>,
    items: FxHashMap<(usize, usize), Range<usize>>,
    texts: FxHashMap<usize, Rc<Text<'a>>>,
}

impl<'a> Shrinker<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            containers: FxHashMap::default(),
            entries: FxHashMap::default(),
            items: FxHashMap::default(),
            texts: FxHashMap::default(),
        }
    }

    /// A list or dict as a list or dict of about `budget` characters; `None` if that is too few to say
    /// anything about it.
    pub(super) fn container(
        &mut self,
        container: &Arc<Container>,
        budget: usize,
    ) -> Option<Candidate> {
        let (small, shown) = self.sampled(container, budget, 0)?;
        Some(Candidate {
            node: small.node,
            shown,
        })
    }

    /// These items of a container, each in its place; if not even a mark for each of them fits, as many
    /// as do and how many are missing.
    pub(super) fn in_place(
        &mut self,
        dict: bool,
        items: &[Item],
        budget: usize,
    ) -> Option<Candidate> {
        let cap = key_cap(budget);
        let cost = |item: &Item, least: usize| {
            let key = item.key.as_ref().map_or(0, |key| key.len().min(cap));
            key + item.value.len().min(least) + AROUND_ENTRY
        };
        let missing = |count: usize| match budget {
            0..80 => format!("... and {count} more"),
            80..240 => format!("... and {count} more items on this page"),
            240.. => format!("... and {count} more items on this page: use a smaller page_size"),
        };
        let mut marker = None;
        let mut count = items.len();
        if 2 + items.iter().map(|item| cost(item, LEAST)).sum::<usize>() > budget {
            let mut room =
                budget.checked_sub(2 + missing(count).len() + AROUND_ENTRY + LEAST + 4)?;
            count = items
                .iter()
                .take_while(|item| match room.checked_sub(cost(item, 4 * LEAST)) {
                    Some(left) => {
                        room = left;
                        true
                    }
                    None => false,
                })
                .count();
            marker = Some(missing(items.len() - count));
        }
        let small = if dict {
            let spans = items[..count]
                .iter()
                .map(|item| (item.key.clone().unwrap_or_default(), item.value.clone()));
            self.dict_of(spans.collect(), marker, budget, 0)
        } else {
            let spans = items[..count].iter().map(|item| item.value.clone());
            self.list_of(spans.collect(), marker, budget, 0)
        };
        Some(Candidate {
            node: small.node,
            shown: count,
        })
    }

    /// A few evenly spaced items of a container, fewer where there is no room to show them.
    pub(super) fn few(
        &mut self,
        container: &Arc<Container>,
        count: usize,
        budget: usize,
    ) -> Option<Candidate> {
        const WORTH_SHOWING: usize = 40;
        let count = count.min(container.len()).min(budget / WORTH_SHOWING);
        let document = self.document;
        let items: Vec<Item> = spaced(container.len(), count)
            .filter_map(|number| document.item(container, number))
            .collect();
        (count > 0).then(|| self.in_place(container.is_dict(), &items, budget))?
    }

    /// Any value within `budget` characters; at least 5, or as many as it has.
    fn value(&mut self, span: Range<usize>, budget: usize, depth: usize) -> Small {
        if span.len() <= budget {
            return Small {
                chars: span.len(),
                node: Node::Span(span),
            };
        }
        let small = match self.document.kind_at(span.start) {
            Kind::List | Kind::Dict if depth < MAX_DEPTH => self.nested(&span, budget, depth),
            Kind::List | Kind::Dict => None,
            Kind::String | Kind::Opaque => {
                let text = self.text(&span);
                cut::with_count(&text, budget, "").map(cut_small)
            }
            Kind::Number | Kind::Bool | Kind::Null => {
                let json = format!("\"{}\"", self.document.slice(span));
                cut::with_count(&Text::of(&json), budget, "").map(cut_small)
            }
        };
        small.unwrap_or_else(|| Small::made("\"...\"".into()))
    }

    fn nested(&mut self, span: &Range<usize>, budget: usize, depth: usize) -> Option<Small> {
        let container = match self.containers.get(&span.start) {
            Some(known) => Arc::clone(known),
            None => {
                let found = self.document.container(span.clone())?;
                self.containers.insert(span.start, Arc::clone(&found));
                found
            }
        };
        self.sampled(&container, budget, depth)
            .map(|(small, _)| small)
    }

    fn sampled(
        &mut self,
        container: &Arc<Container>,
        budget: usize,
        depth: usize,
    ) -> Option<(Small, usize)> {
        if container.is_dict() {
            self.dict(container, budget, depth)
        } else {
            self.list(container, budget, depth)
        }
    }

    /// As many evenly spaced items as can be shown whole or at a fifth of the budget.
    fn list(
        &mut self,
        list: &Arc<Container>,
        budget: usize,
        depth: usize,
    ) -> Option<(Small, usize)> {
        let len = list.len();
        let share = (budget / 5).max(80.min(budget / 2));
        let marker = |count: usize| (count < len).then(|| format!("... and {} more", len - count));
        let (mut low, mut high, mut count) = (1, len.min(budget / 3), 0);
        while low <= high {
            let middle = low.midpoint(high);
            if self.list_fits(list, middle, share, marker(middle), budget) {
                count = middle;
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        if count == 0 && self.list_fits(list, 1, 2 * LEAST, marker(1), budget) {
            count = 1;
        }
        if count == 0 {
            let small = Small::marker(format!("[\"... and {len} more\"]"), budget)
                .or_else(|| Small::marker("[\"...\"]".into(), budget))?;
            return Some((small, 0));
        }
        let spans = spaced(len, count)
            .map(|number| self.item(list, number))
            .collect();
        Some((self.list_of(spans, marker(count), budget, depth), count))
    }

    /// Whether so many items fit if none gets more than its share.
    fn list_fits(
        &mut self,
        list: &Arc<Container>,
        count: usize,
        share: usize,
        marker: Option<String>,
        budget: usize,
    ) -> bool {
        let mut cost = marker.map_or(0, |marker| marker.len() + 4);
        spaced(list.len(), count).all(|number| {
            cost += self.item(list, number).len().min(share) + 2;
            cost <= budget
        })
    }

    /// Every key if there is room to name them all, else the most important ones.
    fn dict(
        &mut self,
        dict: &Arc<Container>,
        budget: usize,
        depth: usize,
    ) -> Option<(Small, usize)> {
        let entries = self.entries(dict);
        let len = entries.len();
        let cap = key_cap(budget);
        // A nested dict is one of many: there, some values say more than all names.
        let least = if depth == 0 { LEAST } else { 2 * LEAST };
        let named = [48, 24, least].into_iter().find(|value| {
            let mut room = budget.saturating_sub(2);
            (0..len).all(|number| {
                let cost = entries.cost(number, cap, *value);
                let enough = cost <= room;
                room = room.saturating_sub(cost);
                enough
            })
        });
        let chosen = match named {
            Some(_) => (0..len).collect(),
            None => entries.most_important(budget, depth),
        };
        if chosen.is_empty() {
            let small = Small::marker(format!("{{\"...\": \"and {len} more keys\"}}"), budget)
                .or_else(|| Small::marker("{\"...\": \"...\"}".into(), budget))?;
            return Some((small, 0));
        }
        let count = chosen.len();
        let marker = (count < len).then(|| format!("and {} more keys", len - count));
        let spans = chosen
            .into_iter()
            .map(|number| (entries.key(number), entries.value(number)));
        Some((self.dict_of(spans.collect(), marker, budget, depth), count))
    }

    /// A list of these values and a marker.
    fn list_of(
        &mut self,
        spans: Vec<Range<usize>>,
        marker: Option<String>,
        budget: usize,
        depth: usize,
    ) -> Small {
        let marker = marker.map(|text| Small::made(format!("\"{text}\"")));
        let count = spans.len() + usize::from(marker.is_some());
        let around = 2 * count.max(1) + marker.as_ref().map_or(0, |marker| marker.chars);
        let (mut nodes, chars) = self.shares(spans, budget.saturating_sub(around), depth);
        nodes.extend(marker.map(|marker| marker.node));
        Small {
            node: Node::List(nodes),
            chars: around + chars,
        }
    }

    /// A dict of these keys and values and a marker.
    fn dict_of(
        &mut self,
        entries: Vec<(Range<usize>, Range<usize>)>,
        marker: Option<String>,
        budget: usize,
        depth: usize,
    ) -> Small {
        let mut around = 2;
        let mut keys = Keys::new(self.document, &entries);
        let mut names = Vec::with_capacity(entries.len() + 1);
        let mut spans = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let (name, chars) = keys.shown(key, key_cap(budget));
            around += chars + AROUND_ENTRY;
            names.push(name);
            spans.push(value);
        }
        let marker = marker.map(|text| {
            let (key, value) = (keys.free(""), format!("\"{text}\""));
            around += key.len() + value.len() + AROUND_ENTRY;
            (Node::Made(key), Node::Made(value))
        });
        around -= 2; // no comma behind the last one
        let (values, chars) = self.shares(spans, budget.saturating_sub(around), depth);
        let mut nodes: Vec<_> = names.into_iter().zip(values).collect();
        nodes.extend(marker);
        Small {
            node: Node::Dict(nodes),
            chars: around + chars,
        }
    }

    /// The values in fair shares of a budget: what a small one does not need goes to the larger ones.
    fn shares(
        &mut self,
        spans: Vec<Range<usize>>,
        budget: usize,
        depth: usize,
    ) -> (Vec<Node>, usize) {
        let mut by_size: Vec<usize> = (0..spans.len()).collect();
        by_size.sort_by_key(|i| spans[*i].len());
        let mut nodes: Vec<Node> = spans.iter().cloned().map(Node::Span).collect();
        let mut used = 0;
        for (done, i) in by_size.into_iter().enumerate() {
            let share = budget.saturating_sub(used) / (spans.len() - done);
            let small = self.value(spans[i].clone(), share, depth + 1);
            used += small.chars;
            nodes[i] = small.node;
        }
        (nodes, used)
    }

    fn item(&mut self, list: &Arc<Container>, number: usize) -> Range<usize> {
        let document = self.document;
        self.items
            .entry((list.span().start, number))
            .or_insert_with(|| document.item(list, number).map_or(0..0, |item| item.value))
            .clone()
    }

    fn entries(&mut self, dict: &Arc<Container>) -> Rc<Entries> {
        let document = self.document;
        let known = self.entries.entry(dict.span().start);
        Rc::clone(known.or_insert_with(|| Rc::new(Entries::of(document, dict))))
    }

    fn text(&mut self, span: &Range<usize>) -> Rc<Text<'a>> {
        let document = self.document;
        let known = self.texts.entry(span.start);
        Rc::clone(known.or_insert_with(|| Rc::new(Text::of(document.slice(span.clone())))))
    }
}

fn cut_small(cut: Candidate) -> Small {
    match cut.node {
        Node::Made(json) => Small::made(json),
        node => Small { node, chars: 0 },
    }
}
