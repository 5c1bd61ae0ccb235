//! [`SampleGenerator`]: items evenly spaced over a list or dict, the beginning of a text.

use std::sync::Arc;

use super::fit::{Candidate, Shown};
use super::shrink::Shrinker;
use super::spaced::{search_count, spaced};
use super::text::Text;
use super::{PreviewGenerator, PreviewRequest, PreviewResult, PreviewStrategy, cut};
use crate::error::Result;
use crate::value::{Container, Kind, Node};

/// Shows items evenly spaced over a list or dict; of a text its beginning.
///
/// Where even one item is too large, or where a dict would hide an entry that alone is larger than the
/// limit, it shows the inside of the items: strings cut, nested lists sampled, the rest counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleGenerator;

impl PreviewGenerator for SampleGenerator {
    fn strategy(&self) -> Option<PreviewStrategy> {
        Some(PreviewStrategy::Sample)
    }

    fn generate(&self, request: &PreviewRequest<'_>) -> Result<PreviewResult> {
        let document = request.document;
        let size = request.whole_size()?;
        match (document.kind(), document.root()) {
            (_, Some(root)) => {
                let shown = if size <= request.max_size || root.is_empty() {
                    request.first_fitting([whole(request, root.len())])?
                } else {
                    sample(request, root, size)?
                };
                let count = Some(shown.shown);
                Ok(shown.result(PreviewStrategy::Sample, size, Some(root.len()), count))
            }
            (Kind::String, None) => {
                let text = Text::whole(document);
                let shown = if size <= request.max_size {
                    request.measured(whole(request, text.len()))?
                } else {
                    request.first_fitting(cut::candidates(request, &text)?)?
                };
                let count = Some(shown.shown);
                Ok(shown.result(PreviewStrategy::Truncate, size, Some(text.len()), count))
            }
            _ if size <= request.max_size => {
                let shown = request.measured(whole(request, 1))?;
                Ok(shown.result(PreviewStrategy::Sample, size, None, None))
            }
            _ => {
                let mut quoted = String::new();
                crate::value::write::string(document.text(), &mut quoted);
                let text = Text::of(&quoted);
                let shown = request.first_fitting(cut::candidates(request, &text)?)?;
                let count = Some(shown.shown);
                Ok(shown.result(PreviewStrategy::Truncate, size, Some(text.len()), count))
            }
        }
    }
}

fn whole(request: &PreviewRequest<'_>, len: usize) -> Candidate {
    Candidate {
        node: Node::Span(request.document.span()),
        shown: len,
    }
}

fn sample(request: &PreviewRequest<'_>, root: &Arc<Container>, size: usize) -> Result<Shown> {
    let picks = |count| Node::Picks(Arc::clone(root), spaced(root.len(), count).collect());
    let count = search_count(root.len(), |count| request.fits(picks(count)))?;
    let sampled = request.fitting(Candidate {
        node: picks(count),
        shown: count,
    })?;
    let hides_much = root.is_dict() && hides_large_entry(request, root, count)?;
    if let Some(sampled) = sampled.as_ref().filter(|_| !hides_much) {
        return Ok(sampled.clone());
    }
    let mut shrinker = Shrinker::new(request.document);
    let chars = request.document.text_len();
    let shrunk = request.largest_fitting(chars, size, |budget| shrinker.container(root, budget))?;
    match (shrunk, sampled) {
        (Some(shrunk), None) => Ok(shrunk),
        (Some(shrunk), Some(_)) if shrunk.shown > 0 => Ok(shrunk),
        (_, Some(sampled)) => Ok(sampled),
        (None, None) => request.first_fitting([empty(root)]),
    }
}

/// An empty list or dict, as this one is.
pub(super) fn empty(root: &Arc<Container>) -> Candidate {
    Candidate {
        node: Node::Picks(Arc::clone(root), Vec::new()),
        shown: 0,
    }
}

/// Whether the sample leaves out an entry that alone is larger than the limit. Only the longest one left
/// out is measured: the others are taken to be smaller.
fn hides_large_entry(
    request: &PreviewRequest<'_>,
    dict: &Arc<Container>,
    count: usize,
) -> Result<bool> {
    let mut picks = spaced(dict.len(), count).peekable();
    let longest = request
        .document
        .items(dict, 0)
        .enumerate()
        .filter(|(number, _)| picks.next_if_eq(number).is_none())
        .max_by_key(|(_, item)| item.span().len());
    match longest {
        Some((number, _)) => request
            .fits(Node::Picks(Arc::clone(dict), vec![number]))
            .map(|fits| !fits),
        None => Ok(false),
    }
}
