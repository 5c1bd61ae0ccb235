//! [`Excerpt`]: which parts of a document are shown, as a small tree over its text.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::document::{Container, Document};
use super::made::Made;
use super::notes::Notes;
use super::scan::Item;
use crate::error::Result;

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
    /// Whether the document itself is a part of another.
    detached: bool,
    made: Made,
}

impl Excerpt {
    /// These parts of this document.
    pub fn new(document: Arc<Document>, root: Node) -> Self {
        Self {
            document,
            root,
            detached: false,
            made: Made::default(),
        }
    }

    /// All of a document that is itself what was shown of another.
    pub(crate) fn detached(document: Arc<Document>) -> Self {
        let root = Node::Span(document.span());
        Self {
            document,
            root,
            detached: true,
            made: Made::default(),
        }
    }

    /// All of the document.
    pub fn whole(document: Arc<Document>) -> Self {
        let root = Node::Span(document.span());
        Self::new(document, root)
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
        !self.detached && matches!(&self.root, Node::Span(span) if *span == self.document.span())
    }

    /// Whether its document holds nothing but what is shown.
    pub(crate) fn is_detached(&self) -> bool {
        self.detached
    }

    /// What a language binding made of it.
    #[cfg_attr(
        not(feature = "python"),
        allow(dead_code, reason = "only Python makes objects")
    )]
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    /// Bytes of what is kept beside it.
    pub(crate) fn made_bytes(&self) -> usize {
        self.made.bytes()
    }

    /// What is shown as a document of its own, which holds on to nothing else of the value.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) beyond 4 GiB.
    pub(crate) fn to_document(&self) -> Result<Document> {
        let mut copy = Copy {
            document: &self.document,
            text: String::new(),
            notes: Notes::default(),
        };
        self.root.copy(&mut copy);
        let Copy {
            text, mut notes, ..
        } = copy;
        notes.objects = self.document.notes().objects.clone();
        Document::from_written(text, notes)
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
        let document = &*self.document;
        let mut piece = String::new();
        match &self.root {
            Node::Span(span) => return feed(document.slice(span.clone())),
            Node::Made(text) => return feed(text),
            Node::Picks(container, picks) => {
                let (open, close) = brackets(container.is_dict());
                piece.push(open);
                for (i, item) in document.picked(container, picks).enumerate() {
                    if i > 0 {
                        piece.push(',');
                        feed(&piece)?;
                        piece.clear();
                        piece.push(' ');
                    }
                    if let Some(item) = item {
                        piece.push_str(document.slice(item.span()));
                    } else if document.lacks_much() {
                        return ControlFlow::Break(());
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
                let items = document.picked(container, picks).flatten();
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

    fn copy(&self, out: &mut Copy<'_>) {
        let document = out.document;
        match self {
            Node::Span(span) => out.span(span.clone()),
            Node::Made(text) => out.text.push_str(text),
            Node::Picks(container, picks) => {
                let items = document.picked(container, picks).flatten();
                out.joined(container.is_dict(), items, |item, out| {
                    out.span(item.span())
                });
            }
            Node::List(nodes) => out.joined(false, nodes, Node::copy),
            Node::Dict(nodes) => out.joined(true, nodes, |(key, node), out| {
                key.copy(out);
                out.text.push_str(": ");
                node.copy(out);
            }),
        }
    }

    fn chars(&self, document: &Document) -> usize {
        match self {
            Node::Span(span) => span.len(),
            Node::Made(text) => text.len(),
            Node::Picks(container, picks) => {
                let items = document.picked(container, picks).flatten();
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

/// Parts of a document on their way into another one.
struct Copy<'a> {
    document: &'a Document,
    text: String,
    notes: Notes,
}

impl Copy<'_> {
    /// A part of the text with the notes on it.
    fn span(&mut self, span: Range<usize>) {
        self.notes
            .extend_from(self.document.notes(), span.clone(), self.text.len());
        self.text.push_str(self.document.slice(span));
    }

    fn joined<T>(
        &mut self,
        dict: bool,
        parts: impl IntoIterator<Item = T>,
        mut copy: impl FnMut(T, &mut Self),
    ) {
        let (open, close) = brackets(dict);
        self.text.push(open);
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                self.text.push_str(", ");
            }
            copy(part, self);
        }
        self.text.push(close);
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
