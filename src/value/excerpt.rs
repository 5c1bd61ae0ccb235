//! [`Excerpt`]: which parts of a document are shown, as a small tree over its text.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::document::{Container, Document};
use super::scan::Item;

/// A node of an excerpt.
#[derive(Debug, Clone)]
pub enum Node {
    /// The value at this range of the document's text, whole.
    Span(Range<usize>),
    /// Some items of a list or dict, whole, in this order.
    Picks(Arc<Container>, Vec<usize>),
    /// A list of these parts.
    List(Vec<Node>),
    /// A dict of these parts; a key is a `Span` over a key of the document or a `Made` string.
    Dict(Vec<(Node, Node)>),
    /// JSON text made for the excerpt (a cut string, a marker), in the format of a [`Document`].
    Made(String),
}

/// Which parts of a document are shown. Nothing is copied before it is rendered.
#[derive(Debug, Clone)]
pub struct Excerpt {
    document: Arc<Document>,
    root: Node,
}

impl Excerpt {
    /// These parts of this document.
    pub fn new(document: Arc<Document>, root: Node) -> Self {
        Self { document, root }
    }

    /// All of the document.
    pub fn whole(document: Arc<Document>) -> Self {
        let root = Node::Span(document.span());
        Self { document, root }
    }

    /// The document that the parts come from.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether everything is shown.
    pub fn is_whole(&self) -> bool {
        matches!(&self.root, Node::Span(span) if *span == self.document.span())
    }

    /// The shown value's JSON text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.root.render(&self.document, &mut out);
        out
    }

    /// Length of [`Excerpt::text`] in characters, without making it.
    pub fn chars(&self) -> usize {
        self.root.chars(&self.document)
    }

    /// Feeds the text in pieces that are cut only between the `,` and the blank behind an item: the
    /// seam that no o200k_base or cl100k_base token crosses. Stops when `feed` breaks.
    pub fn pieces(&self, feed: &mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
        let document = &self.document;
        let mut piece = String::new();
        match &self.root {
            Node::Span(span) => return feed(document.slice(span.clone())),
            Node::Made(text) => return feed(text),
            Node::Picks(container, picks) => {
                let (open, close) = brackets(container.is_dict());
                piece.push(open);
                for (i, number) in picks.iter().enumerate() {
                    if i > 0 {
                        piece.push(',');
                        feed(&piece)?;
                        piece.clear();
                        piece.push(' ');
                    }
                    if let Some(item) = document.item(container, *number) {
                        piece.push_str(document.slice(item.span()));
                    }
                }
                piece.push(close);
            }
            Node::List(nodes) => {
                piece.push('[');
                for (i, node) in nodes.iter().enumerate() {
                    if i > 0 {
                        piece.push(',');
                        feed(&piece)?;
                        piece.clear();
                        piece.push(' ');
                    }
                    node.render(document, &mut piece);
                }
                piece.push(']');
            }
            Node::Dict(nodes) => {
                piece.push('{');
                for (i, (key, node)) in nodes.iter().enumerate() {
                    if i > 0 {
                        piece.push(',');
                        feed(&piece)?;
                        piece.clear();
                        piece.push(' ');
                    }
                    key.render(document, &mut piece);
                    piece.push_str(": ");
                    node.render(document, &mut piece);
                }
                piece.push('}');
            }
        }
        feed(&piece)
    }
}

impl Node {
    /// A made JSON string of this text.
    pub fn string(text: &str) -> Self {
        let mut json = String::with_capacity(text.len() + 2);
        super::write::string(text, &mut json);
        Self::Made(json)
    }

    fn render(&self, document: &Document, out: &mut String) {
        match self {
            Node::Span(span) => out.push_str(document.slice(span.clone())),
            Node::Made(text) => out.push_str(text),
            Node::Picks(container, picks) => {
                let (open, close) = brackets(container.is_dict());
                let items = picks
                    .iter()
                    .filter_map(|number| document.item(container, *number));
                joined(out, open, close, items, |item: Item, out| {
                    out.push_str(document.slice(item.span()))
                });
            }
            Node::List(nodes) => {
                joined(out, '[', ']', nodes, |node, out| node.render(document, out))
            }
            Node::Dict(nodes) => joined(out, '{', '}', nodes, |(key, node), out| {
                key.render(document, out);
                out.push_str(": ");
                node.render(document, out);
            }),
        }
    }

    fn chars(&self, document: &Document) -> usize {
        match self {
            Node::Span(span) => span.len(),
            Node::Made(text) => text.len(),
            Node::Picks(container, picks) => {
                let items = picks
                    .iter()
                    .filter_map(|number| document.item(container, *number));
                around(picks.len()) + items.map(|item| item.span().len()).sum::<usize>()
            }
            Node::List(nodes) => {
                around(nodes.len()) + nodes.iter().map(|node| node.chars(document)).sum::<usize>()
            }
            Node::Dict(nodes) => {
                let inside = nodes
                    .iter()
                    .map(|(key, node)| key.chars(document) + 2 + node.chars(document));
                around(nodes.len()) + inside.sum::<usize>()
            }
        }
    }
}

fn brackets(dict: bool) -> (char, char) {
    if dict { ('{', '}') } else { ('[', ']') }
}

/// Characters of the brackets and the separators of so many items.
fn around(items: usize) -> usize {
    2 + 2 * items.saturating_sub(1)
}

fn joined<T>(
    out: &mut String,
    open: char,
    close: char,
    parts: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write(part, out);
    }
    out.push(close);
}
