//! [`TruncateGenerator`]: the beginning of a value's text.

use super::fit::Candidate;
use super::text::Text;
use super::{PreviewGenerator, PreviewRequest, PreviewResult, PreviewStrategy, cut};
use crate::error::Result;
use crate::value::{Kind, Node};

/// Shows the beginning of a text; other values are shown as their JSON text.
///
/// What is measured is the text as a JSON string: the JSON of a list or dict is escaped once more.
#[derive(Debug, Clone, Copy, Default)]
pub struct TruncateGenerator;

impl PreviewGenerator for TruncateGenerator {
    fn strategy(&self) -> Option<PreviewStrategy> {
        Some(PreviewStrategy::Truncate)
    }

    fn generate(&self, request: &PreviewRequest<'_>) -> Result<PreviewResult> {
        let document = request.document;
        let node = match document.kind() {
            Kind::String => Node::Span(document.span()),
            _ => Node::string(document.text()),
        };
        let whole = request.measured(Candidate { node, shown: 0 })?;
        let (size, total) = (whole.size, document.len());
        if size <= request.max_size {
            return Ok(whole.result(PreviewStrategy::Truncate, size, total, total));
        }
        let text = match whole.excerpt.root() {
            Node::Made(json) => Text::of(json),
            _ => Text::whole(document),
        };
        let shown = request.first_fitting(cut::candidates(request, &text)?)?;
        let kept = Some(shown.shown);
        Ok(shown.result(PreviewStrategy::Truncate, size, total, kept))
    }
}
