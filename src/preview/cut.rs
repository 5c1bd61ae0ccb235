//! Cutting a text: the original's search for a length, and cuts that say how much is missing.

use super::PreviewRequest;
use super::fit::Candidate;
use super::text::Text;
use crate::error::Result;
use crate::value::Node;

/// The first characters of a text and `...`.
pub(super) fn with_dots(text: &Text<'_>, kept: usize) -> Node {
    Node::Made(format!("\"{}...\"", text.slice(0..kept)))
}

/// The original's search for the most characters that fit together with `...`.
pub(super) fn search_length(request: &PreviewRequest<'_>, text: &Text<'_>) -> Result<usize> {
    let (mut low, mut high, mut best) = (0, text.len(), 0);
    loop {
        let middle = (low + high) / 2;
        if request.fits(with_dots(text, middle))? {
            best = middle;
            low = middle + 1;
        } else if middle == 0 {
            return Ok(best);
        } else {
            high = middle - 1;
        }
        if low > high {
            return Ok(best);
        }
    }
}

/// The cut of a text that is too large, and the empty text in case that is still too large.
pub(super) fn candidates(request: &PreviewRequest<'_>, text: &Text<'_>) -> Result<[Candidate; 2]> {
    let kept = search_length(request, text)?;
    Ok([
        Candidate {
            node: with_dots(text, kept),
            shown: kept,
        },
        Candidate {
            node: Node::string(""),
            shown: 0,
        },
    ])
}

/// At most `budget` characters of JSON: the beginning of the text and how many characters are missing
/// (`abc... and 97 more characters`), or only `...` where there is no room to say so.
pub(super) fn with_count(text: &Text<'_>, budget: usize, place: &str) -> Option<Candidate> {
    const WORTH_SHOWING: usize = 8;
    let marker = |missing: usize| format!("... and {missing} more characters{place}");
    let around = 2 + marker(text.len()).len();
    if budget >= around + WORTH_SHOWING {
        let shown = text.chars_within(budget - around);
        let json = format!("\"{}{}\"", text.slice(0..shown), marker(text.len() - shown));
        return Some(Candidate {
            node: Node::Made(json),
            shown,
        });
    }
    let shown = text.chars_within(budget.checked_sub("\"...\"".len())?);
    Some(Candidate {
        node: with_dots(text, shown),
        shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_say_how_much_is_missing() {
        let quoted = format!("\"{}\"", "x".repeat(100));
        let text = Text::of(&quoted);
        let cut = |budget| {
            with_count(&text, budget, "").map(|cut| match cut.node {
                Node::Made(json) => json,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(cut(4), None);
        assert_eq!(cut(7).unwrap(), "\"xx...\"");
        assert_eq!(
            cut(40).unwrap(),
            "\"xxxxxxxxxxx... and 89 more characters\""
        );
        for budget in 5..102 {
            assert!(cut(budget).unwrap().len() <= budget);
        }
    }
}
