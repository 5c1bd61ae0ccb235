//! Pages of a text: so many characters each, or as many as fit the limit.

use super::PreviewRequest;
use super::cut;
use super::fit::{Candidate, Shown};
use super::paginate::bounds;
use super::text::Text;
use crate::error::Result;
use crate::value::Node;

/// A page of the text, the text's characters, and how many pages there are.
pub(super) fn page(
    request: &PreviewRequest<'_>,
    page: usize,
    page_size: Option<usize>,
    size: usize,
) -> Result<(Shown, usize, usize)> {
    let text = Text::whole(request.document);
    let page_size = match page_size {
        Some(page_size) => page_size,
        None => length(request, &text, size)?,
    };
    let chars = bounds(page, page_size, text.len());
    let count = chars.len();
    let quoted = format!("\"{}\"", text.slice(chars));
    let node = if count == text.len() {
        Node::Span(request.document.span())
    } else {
        Node::Made(quoted.clone())
    };
    let shown = match request.fitting(Candidate { node, shown: count })? {
        Some(whole) => whole,
        None => {
            let on_page = Text::of(&quoted);
            let cut = |budget| cut::with_count(&on_page, budget, " on this page");
            match request.largest_fitting(quoted.len(), size, cut)? {
                Some(shown) => shown,
                None => request.first_fitting([Candidate {
                    node: Node::string(""),
                    shown: 0,
                }])?,
            }
        }
    };
    Ok((shown, text.len(), text.len().div_ceil(page_size)))
}

/// The length of a page, the same for all pages of a text under one limit: the average that fits, made
/// shorter until every page fits. One pass over the text where it is even, a few where it is not.
fn length(request: &PreviewRequest<'_>, text: &Text<'_>, size: usize) -> Result<usize> {
    let len = text.len();
    if size <= request.max_size {
        return Ok(len.max(1));
    }
    let average = len as f64 * request.max_size as f64 / size as f64;
    let mut length = (average as usize).clamp(1, len.max(1));
    let (mut page, mut fitting) = (0, 0);
    while length > 1 && fitting < len.div_ceil(length) {
        let quoted = format!("\"{}\"", text.slice(bounds(page + 1, length, len)));
        if request.fits(Node::Made(quoted))? {
            fitting += 1;
            page = (page + 1) % len.div_ceil(length);
        } else {
            // Go on where it was too dense: that is where the shorter page may fail too.
            let dense = page * length;
            length -= (length / 16).max(1);
            (page, fitting) = (dense / length, 0);
        }
    }
    Ok(length)
}
