//! [`SummaryGenerator`]: what is in a value instead of the value.

use std::sync::Arc;

use memchr::memchr;

use super::columns::{number, pair, type_name};
use super::fit::{Candidate, Shown};
use super::outline::{Detail, Outline, Pairs};
use super::shrink::Shrinker;
use super::text::Text;
use super::{PreviewGenerator, PreviewRequest, PreviewResult, PreviewStrategy, cut};
use crate::error::Result;
use crate::value::{Container, Kind, Node};

/// Items that a summary shows.
const SAMPLES: usize = 3;

/// Characters (of JSON) of a text's beginning that a summary shows.
const BEGINNING: usize = 400;

/// Describes a value by a dict: types, counts, key names and their shares of the size, the columns of a
/// table with their ranges, and three items.
///
/// Where there is no room for all of it, items are shortened first, then details left out, then names.
#[derive(Debug, Clone, Copy, Default)]
pub struct SummaryGenerator;

impl PreviewGenerator for SummaryGenerator {
    fn strategy(&self) -> Option<PreviewStrategy> {
        Some(PreviewStrategy::Summary)
    }

    fn generate(&self, request: &PreviewRequest<'_>) -> Result<PreviewResult> {
        let document = request.document;
        let size = request.whole_size()?;
        let shown = match document.root() {
            Some(root) => container(request, root, size)?,
            None => single(request, size)?,
        };
        // The items shown may be those of a collection inside.
        let sampled = document.len().map(|total| shown.shown.min(total));
        Ok(shown.result(PreviewStrategy::Summary, size, document.len(), sampled))
    }
}

fn single(request: &PreviewRequest<'_>, size: usize) -> Result<Shown> {
    let document = request.document;
    let mut facts = vec![pair(
        "type",
        Node::string(type_name(document, &document.span())),
    )];
    let mut quoted = document.text().to_owned();
    let beginning = if document.kind() == Kind::String {
        facts.push(pair(
            "characters",
            number(document.len().unwrap_or_default()),
        ));
        facts.push(pair("lines", number(lines(&quoted))));
        facts.push(pair("total_size", number(size)));
        "beginning"
    } else {
        if document.kind() != Kind::Opaque {
            quoted = format!("\"{quoted}\"");
        }
        "value"
    };
    let text = Text::of(&quoted);
    let extra = |room: usize| {
        let room = room.checked_sub(beginning.len() + 4)?.min(BEGINNING);
        let cut = if document.text_len() <= room {
            Candidate {
                node: Node::Span(document.span()),
                shown: text.len(),
            }
        } else {
            cut::with_count(&text, room, "")?
        };
        Some((vec![pair(beginning, cut.node)], cut.shown))
    };
    extended(request, facts, size, extra)
}

fn container(request: &PreviewRequest<'_>, root: &Arc<Container>, size: usize) -> Result<Shown> {
    let document = request.document;
    let outline = Outline::of(document, root);
    let (detail, all_named) = detail(request, &outline, size)?;
    let sections: Vec<(Pairs, usize)> = outline
        .key_sections(document, detail)
        .into_iter()
        .filter(|_| all_named)
        .map(|pairs| (pairs.clone(), chars(request, pairs)))
        .collect();
    let mut shrinker = Shrinker::new(document);
    let extra = |room: usize| {
        let section = sections.iter().find(|(_, chars)| *chars <= room - room / 3);
        let (mut pairs, used) = match section {
            Some(section) => section.clone(),
            None => {
                let names = outline.names(detail, if all_named { room } else { room - room / 3 });
                (names.clone(), chars(request, names))
            }
        };
        let room = room.saturating_sub(used + "\"samples\": , ".len());
        let samples = shrinker.few(&outline.table().container, SAMPLES, room);
        let shown = samples.as_ref().map_or(0, |samples| samples.shown);
        pairs.extend(samples.map(|samples| pair("samples", samples.node)));
        Some((pairs, shown))
    };
    extended(request, outline.nodes(detail, size), size, extra)
}

/// As much detail as leaves room for the names of all keys, and true; if they are too many anyway (such keys
/// are data rather than names), as much as half of the limit holds, and false.
fn detail(
    request: &PreviewRequest<'_>,
    outline: &Outline<'_>,
    size: usize,
) -> Result<(Detail, bool)> {
    const DETAILS: [Detail; 3] = [Detail::Facts, Detail::Types, Detail::Names];
    let names = outline.key_names(usize::MAX);
    if request.fits(Node::Dict(names.clone()))? {
        for detail in DETAILS {
            let nodes = outline.nodes(detail, size).into_iter();
            if request.fits(Node::Dict(nodes.chain(names.clone()).collect()))? {
                return Ok((detail, true));
            }
        }
    }
    let half = PreviewRequest {
        max_size: request.max_size / 2,
        ..*request
    };
    for detail in DETAILS {
        if half.fits(Node::Dict(outline.nodes(detail, size)))? {
            return Ok((detail, false));
        }
    }
    Ok((Detail::Counts, false))
}

/// The facts and as much more as fits; where not even the facts fit, the first ones.
fn extended(
    request: &PreviewRequest<'_>,
    facts: Pairs,
    size: usize,
    mut extra: impl FnMut(usize) -> Option<(Pairs, usize)>,
) -> Result<Shown> {
    let around = chars(request, facts.clone()) + 2;
    let most = 2 * around + 2 * request.document.text_len() + 2 * BEGINNING;
    let found = request.largest_fitting(most, size, |budget| {
        let (more, shown) = extra(budget.checked_sub(around)?)?;
        let node = Node::Dict(facts.iter().cloned().chain(more).collect());
        Some(Candidate { node, shown })
    })?;
    match found {
        Some(shown) => Ok(shown),
        None => request.first_fitting((0..=facts.len()).rev().map(|count| Candidate {
            node: Node::Dict(facts[..count].to_vec()),
            shown: 0,
        })),
    }
}

fn chars(request: &PreviewRequest<'_>, pairs: Pairs) -> usize {
    request.excerpt(Node::Dict(pairs)).chars()
}

/// Lines of a quoted JSON string.
fn lines(quoted: &str) -> usize {
    let inside = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default()
        .as_bytes();
    let (mut at, mut breaks, mut last) = (0, 0, 0);
    while let Some(found) = memchr(b'\\', &inside[at..]) {
        let escaped = at + found + 1;
        at = (escaped + 1).min(inside.len());
        if inside.get(escaped) == Some(&b'n') {
            breaks += 1;
            last = at;
        }
    }
    breaks + usize::from(last < inside.len())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_end_where_line_breaks_are() {
        for (quoted, expected) in [
            ("\"\"", 0),
            ("\"a\"", 1),
            ("\"a\\n\"", 1),
            ("\"a\\nb\"", 2),
            ("\"a\\\\n\"", 1),
            ("\"\\n\\n\"", 2),
        ] {
            assert_eq!(lines(quoted), expected, "{quoted}");
        }
    }
}
