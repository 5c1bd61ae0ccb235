//! [`Sparse`]: the text of a large value of which only some stretches have been read from its store.
//!
//! Whoever works on such a text gets what is there. What was not there is noted, and the result of the
//! work is thrown away: the missing stretches are read, and the work is done again. So all that decides
//! what is shown stays free of waiting, and reads no more than it looks at.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

/// Work on what is not here is worth going on with until so many parts are noted: then enough is known
/// to read, and what was made so far means nothing.
const ENOUGH: usize = 64;

/// Stretches of a text of known length.
#[derive(Debug)]
pub(super) struct Sparse {
    len: usize,
    /// Offset and text of what is here: ascending, neither overlapping nor touching.
    pieces: Arc<[(usize, Arc<str>)]>,
    missing: Mutex<Vec<Range<usize>>>,
}

impl Sparse {
    /// A text of which nothing is here.
    pub(super) fn new(len: usize) -> Self {
        Self {
            len,
            pieces: Arc::default(),
            missing: Mutex::default(),
        }
    }

    /// Length of the whole text.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The same stretches, nothing noted as missing.
    pub(super) fn fork(&self) -> Self {
        Self {
            len: self.len,
            pieces: Arc::clone(&self.pieces),
            missing: Mutex::default(),
        }
    }

    /// The same text with more stretches, each beginning at its offset.
    pub(super) fn with(&self, more: impl IntoIterator<Item = (usize, String)>) -> Self {
        let mut pieces: Vec<(usize, Arc<str>)> = self.pieces.to_vec();
        pieces.extend(more.into_iter().map(|(at, text)| (at, text.into())));
        pieces.sort_by_key(|(at, text)| (*at, std::cmp::Reverse(text.len())));
        Self {
            len: self.len,
            pieces: joined(pieces).into(),
            missing: Mutex::default(),
        }
    }

    /// A part of the text; empty, and noted, if it is not here.
    pub(super) fn slice(&self, span: Range<usize>) -> &str {
        match self.stretch(span.start) {
            Some((at, text)) if span.end <= at + text.len() => {
                text.get(span.start - at..span.end - at).unwrap_or_default()
            }
            _ => {
                self.note(span);
                ""
            }
        }
    }

    /// The offset and text of the stretch around an offset.
    pub(super) fn stretch(&self, offset: usize) -> Option<(usize, &str)> {
        let next = self.pieces.partition_point(|(at, _)| *at <= offset);
        let (at, text) = &self.pieces[next.checked_sub(1)?];
        (offset < at + text.len()).then_some((*at, &**text))
    }

    /// Notes that a part was asked for in vain.
    pub(super) fn note(&self, span: Range<usize>) {
        let span = span.start.min(self.len)..span.end.min(self.len);
        if !span.is_empty() {
            self.missing.lock().push(span);
        }
    }

    /// Whether anything was asked for in vain.
    pub(super) fn lacks_some(&self) -> bool {
        !self.missing.lock().is_empty()
    }

    /// Whether so much was asked for in vain that it had better be read before work goes on.
    pub(super) fn lacks_much(&self) -> bool {
        self.missing.lock().len() >= ENOUGH
    }

    /// What has to be read: noted parts without what is here, ascending, those that are near together
    /// as one. A single one is `ahead` bytes longer: it may be the first of many.
    pub(super) fn missing(&self, ahead: usize) -> Vec<Range<usize>> {
        let mut noted = self.missing.lock().clone();
        noted.sort_by_key(|span| span.start);
        let mut gaps: Vec<Range<usize>> = Vec::new();
        for span in noted {
            self.gaps(span, |gap| match gaps.last_mut() {
                Some(last) if gap.start <= last.end => last.end = last.end.max(gap.end),
                _ => gaps.push(gap),
            });
        }
        if let [only] = &mut *gaps {
            only.end = (only.end + ahead).min(self.len);
        }
        gaps
    }

    /// The parts of a span that are not here.
    fn gaps(&self, span: Range<usize>, mut each: impl FnMut(Range<usize>)) {
        let mut at = span.start;
        while at < span.end {
            let next = self.pieces.partition_point(|(start, _)| *start <= at);
            match self.stretch(at) {
                Some((start, text)) => at = start + text.len(),
                None => {
                    let end = self.pieces.get(next).map_or(span.end, |(start, _)| *start);
                    each(at..end.min(span.end));
                    at = end;
                }
            }
        }
    }
}

/// Pieces without overlaps, those that touch as one.
fn joined(sorted: Vec<(usize, Arc<str>)>) -> Vec<(usize, Arc<str>)> {
    let mut whole: Vec<(usize, Arc<str>)> = Vec::with_capacity(sorted.len());
    let mut growing: Option<(usize, String)> = None;
    for (at, text) in sorted {
        let Some((start, last)) = whole.last() else {
            whole.push((at, text));
            continue;
        };
        let end = growing
            .as_ref()
            .map_or(start + last.len(), |(start, text)| start + text.len());
        if at > end {
            settle(&mut whole, growing.take());
            whole.push((at, text));
        } else if let Some(rest) = text.get(end - at..).filter(|rest| !rest.is_empty()) {
            let (_, grown) = growing.get_or_insert_with(|| (*start, last.to_string()));
            grown.push_str(rest);
        }
    }
    settle(&mut whole, growing);
    whole
}

fn settle(whole: &mut [(usize, Arc<str>)], grown: Option<(usize, String)>) {
    if let (Some((start, text)), Some(last)) = (grown, whole.last_mut()) {
        *last = (start, text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef";

    fn loaded(spans: &[Range<usize>]) -> Sparse {
        let pieces = spans
            .iter()
            .map(|span| (span.start, TEXT[span.clone()].to_owned()));
        Sparse::new(TEXT.len()).with(pieces)
    }

    #[test]
    fn what_is_here_is_given_and_the_rest_is_noted() {
        let text = loaded(&[2..5, 8..10]);
        assert_eq!(text.slice(2..5), "234");
        assert_eq!(text.slice(9..10), "9");
        assert!(!text.lacks_some());
        assert_eq!((text.slice(4..6), text.slice(12..14)), ("", ""));
        assert_eq!(text.missing(0), [5..6, 12..14]);
        assert_eq!(text.slice(0..99), "");
        assert_eq!(text.missing(0), [0..2, 5..8, 10..16]);
        assert!(text.fork().missing(0).is_empty());
    }

    #[test]
    fn stretches_that_touch_or_overlap_become_one() {
        let text = loaded(&[0..4, 4..6, 5..9, 1..3, 12..13]);
        assert_eq!(text.slice(0..9), "012345678");
        assert_eq!(text.pieces.len(), 2);
        let more = text.with([(8, "89ab".to_owned())]);
        assert_eq!((more.slice(0..13), more.pieces.len()), ("0123456789abc", 1));
    }
}
