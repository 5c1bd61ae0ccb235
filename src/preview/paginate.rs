//! [`PaginateGenerator`]: one page of a value; every item is on exactly one page.

use std::ops::Range;
use std::sync::Arc;

use super::fit::{Candidate, Shown};
use super::sample::empty;
use super::shrink::Shrinker;
use super::{PreviewGenerator, PreviewRequest, PreviewResult, PreviewStrategy, cut, text_pages};
use crate::error::{Error, Result};
use crate::value::{Container, Item, Kind, Node};

/// Items of a list or dict on a page, if the request does not say.
pub const DEFAULT_PAGE_SIZE: usize = 20;

/// No document has more items or characters than this.
const MOST: usize = u32::MAX as usize;

/// Shows one page of a list or dict, or of the characters of a text.
///
/// Every item is on exactly one page, in order. Items of a page that is larger than the limit are shown
/// shortened in their places. Pages of a text without `page_size` are as long as the limit allows, and join
/// to the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct PaginateGenerator;

impl PreviewGenerator for PaginateGenerator {
    fn strategy(&self) -> Option<PreviewStrategy> {
        Some(PreviewStrategy::Paginate)
    }

    fn generate(&self, request: &PreviewRequest<'_>) -> Result<PreviewResult> {
        let page = checked("page", request.page)?.unwrap_or(1);
        let page_size = checked("page_size", request.page_size)?;
        let size = request.whole_size()?;
        let (shown, total, pages) = match (request.document.kind(), request.document.root()) {
            (_, Some(root)) => {
                let page_size = page_size.unwrap_or(DEFAULT_PAGE_SIZE);
                let shown = items(request, root, bounds(page, page_size, root.len()), size)?;
                (shown, root.len(), root.len().div_ceil(page_size))
            }
            (Kind::String, None) => text_pages::page(request, page, page_size, size)?,
            _ => (single(request, page, size)?, 1, 1),
        };
        let sampled = Some(shown.shown);
        Ok(PreviewResult {
            page: Some(page),
            total_pages: Some(pages),
            ..shown.result(PreviewStrategy::Paginate, size, Some(total), sampled)
        })
    }
}

/// The argument, if it can be one.
fn checked(name: &'static str, number: Option<usize>) -> Result<Option<usize>> {
    match number {
        Some(number) if !(1..=MOST).contains(&number) => {
            Err(Error::invalid(format!("{name} must be from 1 to {MOST}")).with(name, number))
        }
        _ => Ok(number),
    }
}

/// What is on a page.
pub(super) fn bounds(page: usize, page_size: usize, len: usize) -> Range<usize> {
    let start = (page - 1).saturating_mul(page_size).min(len);
    start..start.saturating_add(page_size).min(len)
}

fn items(
    request: &PreviewRequest<'_>,
    root: &Arc<Container>,
    numbers: Range<usize>,
    size: usize,
) -> Result<Shown> {
    let count = numbers.len();
    let node = if count == root.len() {
        Node::Span(root.span())
    } else {
        Node::Picks(Arc::clone(root), numbers.clone().collect())
    };
    let chars = request.excerpt(node.clone()).chars();
    if let Some(page) = request.fitting(Candidate { node, shown: count })? {
        return Ok(page);
    }
    let items: Vec<Item> = request
        .document
        .items(root, numbers.start)
        .take(count)
        .collect();
    let mut shrinker = Shrinker::new(request.document);
    let build = |budget| shrinker.in_place(root.is_dict(), &items, budget);
    match request.largest_fitting(chars, size, build)? {
        Some(shown) if count > 0 => Ok(shown),
        _ => request.first_fitting([empty(root)]),
    }
}

/// A number and the like is its own first page; there is nothing on the others.
fn single(request: &PreviewRequest<'_>, page: usize, size: usize) -> Result<Shown> {
    let null = Candidate {
        node: Node::Made("null".into()),
        shown: 0,
    };
    if page > 1 {
        return request.measured(null);
    }
    if size <= request.max_size {
        let node = Node::Span(request.document.span());
        return request.measured(Candidate { node, shown: 1 });
    }
    let text = Node::string(request.document.text());
    let Node::Made(quoted) = &text else {
        return request.measured(null);
    };
    let text = super::text::Text::of(quoted);
    let mut shown = request.first_fitting(cut::candidates(request, &text)?)?;
    shown.shown = shown.shown.min(1);
    Ok(shown)
}
