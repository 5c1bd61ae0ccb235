//! Finding what fits: candidates are always measured, because sizes of parts need not add up.

use std::sync::Arc;

use super::{PreviewRequest, PreviewResult, PreviewStrategy};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Excerpt, Node};

/// Something that might be shown, and how many items of the value it shows.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) node: Node,
    pub(super) shown: usize,
}

/// A candidate that was measured.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) excerpt: Excerpt,
    pub(super) size: usize,
    pub(super) shown: usize,
}

impl Shown {
    /// The result without a page.
    pub(super) fn result(
        self,
        strategy: PreviewStrategy,
        original_size: usize,
        total_items: Option<usize>,
        sampled_items: Option<usize>,
    ) -> PreviewResult {
        PreviewResult {
            excerpt: self.excerpt,
            strategy,
            original_size,
            preview_size: self.size,
            total_items,
            sampled_items,
            page: None,
            total_pages: None,
        }
    }
}

impl PreviewRequest<'_> {
    /// Size of the whole value.
    pub(super) fn whole_size(&self) -> Result<usize> {
        let size = self
            .measurer
            .measure(&Excerpt::whole(Arc::clone(self.document)))?;
        self.is_here()?;
        Ok(size)
    }

    pub(super) fn excerpt(&self, node: Node) -> Excerpt {
        Excerpt::new(Arc::clone(self.document), node)
    }

    /// Whether this fits; the measurer may stop counting beyond the limit.
    pub(super) fn fits(&self, node: Node) -> Result<bool> {
        let fits = self.measurer.fits(&self.excerpt(node), self.max_size)?;
        self.is_here()?;
        Ok(fits)
    }

    /// Stops work on text that has to be read first; see [`crate::value::Document::lacks_some`].
    fn is_here(&self) -> Result<()> {
        if self.document.lacks_some() {
            let what = "a part of the value has not been read from its store";
            return Err(Error::new(ErrorKind::Unexpected, what));
        }
        Ok(())
    }

    /// Measures a candidate.
    pub(super) fn measured(&self, candidate: Candidate) -> Result<Shown> {
        let excerpt = self.excerpt(candidate.node);
        let size = self.measurer.measure(&excerpt)?;
        self.is_here()?;
        Ok(Shown {
            excerpt,
            size,
            shown: candidate.shown,
        })
    }

    /// The candidate, if it fits. One that is much too large is not measured to its end.
    pub(super) fn fitting(&self, candidate: Candidate) -> Result<Option<Shown>> {
        let excerpt = self.excerpt(candidate.node);
        let fits = self.measurer.fits(&excerpt, self.max_size)?;
        self.is_here()?;
        if !fits {
            return Ok(None);
        }
        let (size, shown) = (self.measurer.measure(&excerpt)?, candidate.shown);
        Ok((size <= self.max_size).then_some(Shown {
            excerpt,
            size,
            shown,
        }))
    }

    /// The first candidate that fits, else `null`, whatever its size.
    pub(super) fn first_fitting(
        &self,
        candidates: impl IntoIterator<Item = Candidate>,
    ) -> Result<Shown> {
        for candidate in candidates {
            if let Some(shown) = self.fitting(candidate)? {
                return Ok(shown);
            }
        }
        self.measured(Candidate {
            node: Node::Made("null".into()),
            shown: 0,
        })
    }

    /// The candidate of the largest budget of JSON characters that fits.
    ///
    /// `build` makes a candidate of about so many characters, or nothing if that is too few to show
    /// anything; `chars` of them are too many or have no effect. Few probes: the budget is aimed at the
    /// limit by proportion, at first to the whole value's size, and the search ends when hardly more
    /// could be won.
    pub(super) fn largest_fitting(
        &self,
        chars: usize,
        whole_size: usize,
        mut build: impl FnMut(usize) -> Option<Candidate>,
    ) -> Result<Option<Shown>> {
        let mut best: Option<Shown> = None;
        let (mut low, mut high, mut misses) = (1, chars.saturating_sub(1), 0);
        let whole_chars = self.document.text_len();
        let mut budget = self.aim(whole_chars, whole_size).clamp(1, high.max(1));
        let mut bounded = false;
        while low <= high {
            let shown = build(budget)
                .map(|candidate| self.measured(candidate))
                .transpose()?;
            let size = shown.as_ref().map_or(0, |shown| shown.size);
            let aim = self.aim(budget, size);
            if size > self.max_size {
                high = budget - 1;
                bounded = true;
                misses += 1;
            } else {
                low = budget + 1;
                best = shown.or(best);
                if best.is_some() && size >= self.max_size - self.max_size / 20 {
                    break;
                }
            }
            if best.is_some() && bounded && high.saturating_sub(low) < low / 32 {
                break;
            }
            budget = match (low > 1, bounded) {
                (_, false) => aim.clamp(low, low * 4),
                (true, true) => low.midpoint(high),
                (false, true) if misses <= 3 => aim.clamp(budget / 4, budget - budget / 32),
                (false, true) => budget / 2,
            }
            .clamp(low, high.max(low));
        }
        Ok(best)
    }

    /// The budget that would just fit if size were proportional to characters, a little less.
    fn aim(&self, chars: usize, size: usize) -> usize {
        let aim = chars as f64 * self.max_size as f64 / size.max(1) as f64;
        (aim * 0.98).min(f64::from(u32::MAX)) as usize + 1
    }
}
