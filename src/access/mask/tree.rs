//! [`Tree`]: all masks at once, and the [`Walk`] of one value along them.
//!
//! Several branches may fit the same place (`*` and a name). A walk remembers which ones do as one state and
//! where each step leads from it, so that rows that look alike cost one look-up a step, however many masks
//! there are.

use hashbrown::HashMap;

use super::path::{Path, Step};

/// What a step is, as far as some mask cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Symbol {
    /// A key that some mask names.
    Key(u32),
    OtherKey,
    /// An item that some mask names.
    Item(usize),
    OtherItem,
}

/// Where some masks have got to.
#[derive(Debug, Default)]
struct Node {
    named: HashMap<Symbol, u32>,
    each_item: Option<u32>,
    any: Option<u32>,
    /// A mask ends here.
    hides: bool,
    /// An exception ends here.
    shows: bool,
    /// A mask goes on from here.
    hides_below: bool,
    /// An exception goes on from here.
    shows_below: bool,
}

/// The steps of all masks from the root on.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    names: HashMap<Box<str>, u32>,
    items: HashMap<usize, ()>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            names: HashMap::new(),
            items: HashMap::new(),
        }
    }
}

impl Tree {
    /// Adds a mask.
    pub(super) fn add(&mut self, path: &Path) {
        let mut at = 0;
        for step in &path.steps {
            let node = &mut self.nodes[at as usize];
            match path.exception {
                true => node.shows_below = true,
                false => node.hides_below = true,
            }
            at = self.child(at, step);
        }
        let end = &mut self.nodes[at as usize];
        match path.exception {
            true => end.shows = true,
            false => end.hides = true,
        }
    }

    fn child(&mut self, at: u32, step: &Step) -> u32 {
        let new = self.nodes.len() as u32;
        let symbol = match step {
            Step::Key(name) => {
                let next = self.names.len() as u32;
                Some(Symbol::Key(
                    *self.names.entry(name.as_str().into()).or_insert(next),
                ))
            }
            Step::Item(number) => {
                self.items.insert(*number, ());
                Some(Symbol::Item(*number))
            }
            Step::EachItem | Step::Any => None,
        };
        let node = &mut self.nodes[at as usize];
        let child = match (symbol, step) {
            (Some(symbol), _) => *node.named.entry(symbol).or_insert(new),
            (None, Step::Any) => *node.any.get_or_insert(new),
            (None, _) => *node.each_item.get_or_insert(new),
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    /// A walk from the root of a value.
    pub(super) fn walk(&self) -> Walk<'_> {
        let mut walk = Walk {
            tree: self,
            states: Vec::new(),
            known: HashMap::new(),
            moves: HashMap::new(),
        };
        let root = walk.arrive(vec![0], false);
        walk.state(root);
        walk
    }

    fn key(&self, name: &str) -> Symbol {
        self.names
            .get(name)
            .map_or(Symbol::OtherKey, |key| Symbol::Key(*key))
    }

    fn item(&self, number: usize) -> Symbol {
        match self.items.contains_key(&number) {
            true => Symbol::Item(number),
            false => Symbol::OtherItem,
        }
    }
}

/// What holds at a place of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// The nodes that fit, ascending, as far as they still matter.
    nodes: Box<[u32]>,
    hidden: bool,
    differs_below: bool,
}

/// The way of one value along all masks. Places are numbers that the walk gives out.
pub(crate) struct Walk<'a> {
    tree: &'a Tree,
    states: Vec<State>,
    known: HashMap<State, u32>,
    moves: HashMap<(u32, Symbol), u32>,
}

impl Walk<'_> {
    /// The place of the whole value.
    pub(crate) fn root(&self) -> u32 {
        0
    }

    /// The place of a key's value.
    pub(crate) fn key(&mut self, place: u32, name: &str) -> u32 {
        self.step(place, self.tree.key(name))
    }

    /// The place of a list's item.
    pub(crate) fn item(&mut self, place: u32, number: usize) -> u32 {
        self.step(place, self.tree.item(number))
    }

    /// Whether what stands there is hidden, but for what may be shown below.
    pub(crate) fn hides(&self, place: u32) -> bool {
        self.states[place as usize].hidden
    }

    /// Whether it may be otherwise with something below.
    pub(crate) fn differs_below(&self, place: u32) -> bool {
        self.states[place as usize].differs_below
    }

    fn step(&mut self, place: u32, symbol: Symbol) -> u32 {
        if let Some(next) = self.moves.get(&(place, symbol)) {
            return *next;
        }
        let from = &self.states[place as usize];
        let is_item = matches!(symbol, Symbol::Item(_) | Symbol::OtherItem);
        let mut nodes: Vec<u32> = Vec::new();
        for node in &from.nodes {
            let node = &self.tree.nodes[*node as usize];
            nodes.extend(node.named.get(&symbol));
            nodes.extend(node.each_item.filter(|_| is_item));
            nodes.extend(node.any);
        }
        let arrived = self.arrive(nodes, from.hidden);
        let next = self.state(arrived);
        self.moves.insert((place, symbol), next);
        next
    }

    /// What holds where these nodes fit, below something hidden or not.
    fn arrive(&self, mut nodes: Vec<u32>, hidden: bool) -> State {
        let node = |number: &u32| &self.tree.nodes[*number as usize];
        let shown = nodes.iter().any(|number| node(number).shows);
        let hidden = !shown && (hidden || nodes.iter().any(|number| node(number).hides));
        let goes_on = |number: &u32| match hidden {
            true => node(number).shows_below,
            false => node(number).hides_below,
        };
        let differs_below = !shown && nodes.iter().any(goes_on);
        match differs_below {
            // below what is hidden only exceptions matter
            true if hidden => nodes.retain(goes_on),
            true => nodes.retain(|number| node(number).hides_below || node(number).shows_below),
            false => nodes.clear(),
        }
        nodes.sort_unstable();
        State {
            nodes: nodes.into(),
            hidden,
            differs_below,
        }
    }

    fn state(&mut self, state: State) -> u32 {
        let new = self.states.len() as u32;
        let number = *self.known.entry(state.clone()).or_insert(new);
        if number == new {
            self.states.push(state);
        }
        number
    }
}
