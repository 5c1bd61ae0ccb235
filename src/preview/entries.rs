//! [`Entries`]: where the keys and values of a dict stand, and which of them matter most.

use std::ops::Range;

use super::keys::key_cap;
use crate::value::{Container, Document};

/// The entries of a dict, read once.
#[derive(Debug)]
pub(super) struct Entries {
    all: Box<[Entry]>,
    by_size: Box<[u32]>,
}

/// Offsets; between a key and its value stand two bytes, `": "`.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u32,
    value: u32,
    end: u32,
}

/// Anything can be shown as `"..."`.
pub(super) const LEAST: usize = 5;

/// Characters of `: ` and of the `, ` that may follow an entry.
pub(super) const AROUND_ENTRY: usize = 4;

impl Entries {
    pub(super) fn of(document: &Document, dict: &Container) -> Self {
        let all: Box<[Entry]> = document
            .items(dict, 0)
            .map(|item| Entry {
                key: item.span().start as u32,
                value: item.value.start as u32,
                end: item.value.end as u32,
            })
            .collect();
        let mut by_size: Box<[u32]> = (0..all.len() as u32).collect();
        by_size.sort_by_key(|number| {
            let entry = all[*number as usize];
            std::cmp::Reverse(entry.end - entry.value)
        });
        Self { all, by_size }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn key(&self, number: usize) -> Range<usize> {
        let entry = self.all[number];
        entry.key as usize..entry.value as usize - 2
    }

    pub(super) fn value(&self, number: usize) -> Range<usize> {
        let entry = self.all[number];
        entry.value as usize..entry.end as usize
    }

    /// Size of the largest value.
    pub(super) fn largest(&self) -> usize {
        self.by_size
            .first()
            .map_or(0, |number| self.value(*number as usize).len())
    }

    /// Entries by importance: what is larger than `budget`, largest first, then the rest: by size too,
    /// or in the order in which they were inserted.
    pub(super) fn by_importance(
        &self,
        budget: usize,
        rest_by_size: bool,
    ) -> impl Iterator<Item = usize> + '_ {
        let size = move |number: usize| self.value(number).len();
        let large = self
            .by_size
            .partition_point(|number| size(*number as usize) > budget);
        let (large, small) = self.by_size.split_at(large);
        let by_size = small
            .iter()
            .filter(move |_| rest_by_size)
            .map(|number| *number as usize);
        let in_order =
            (0..self.len()).filter(move |number| !rest_by_size && size(*number) <= budget);
        large
            .iter()
            .map(|number| *number as usize)
            .chain(by_size)
            .chain(in_order)
    }

    /// The least an entry costs if its key may take `key` and its value needs `value` characters.
    pub(super) fn cost(&self, number: usize, key: usize, value: usize) -> usize {
        self.key(number).len().min(key) + self.value(number).len().min(value) + AROUND_ENTRY
    }

    /// The entries that can be named, in their order. If some are too large for the budget, part of it is left
    /// for what is in them.
    pub(super) fn most_important(&self, budget: usize, depth: usize) -> Vec<usize> {
        let marker = format!("\"...\": \"and {} more keys\"", self.len()).len();
        let room = budget.saturating_sub(2 + marker);
        let (part, least) = if depth == 0 { (4, LEAST) } else { (2, 24) };
        let kept_free = if self.largest() > budget {
            budget / part
        } else {
            0
        };
        for (room, least) in [(room.saturating_sub(kept_free), least), (room, LEAST)] {
            let mut room = room;
            let mut chosen: Vec<usize> = self
                .by_importance(budget, depth == 0)
                .take_while(|number| {
                    match room.checked_sub(self.cost(*number, key_cap(budget), least)) {
                        Some(left) => {
                            room = left;
                            true
                        }
                        None => false,
                    }
                })
                .collect();
            if !chosen.is_empty() {
                chosen.sort_unstable();
                return chosen;
            }
        }
        Vec::new()
    }
}
