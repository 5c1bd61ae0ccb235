//! Ways to measure: one that adds up, and some that do not.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;
use crate::measure::SizeMeasurer;
use crate::value::Excerpt;

/// Characters of the JSON text.
pub(super) struct Characters;

impl SizeMeasurer for Characters {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        Ok(excerpt.chars())
    }
}

/// A quarter of the characters, rounded up, as the original's fallback tokenizer counts.
pub(super) struct Quarters;

impl SizeMeasurer for Quarters {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        Ok(excerpt.chars().div_ceil(4))
    }
}

/// Neither additive nor the same for the same characters in another order.
pub(super) struct Digits;

impl SizeMeasurer for Digits {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        let text = excerpt.text();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        Ok((text.len() + 1) / 3 + 2 * digits)
    }
}

/// Not even monotone: more text may be smaller.
pub(super) struct Whims;

impl SizeMeasurer for Whims {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        let text = excerpt.text();
        let whim = text
            .bytes()
            .fold(7_u32, |sum, b| sum.wrapping_mul(31) ^ u32::from(b))
            % 23;
        Ok(text.len() / 2 + whim as usize)
    }
}

/// Everything has the same size.
pub(super) struct Constant(pub(super) usize);

impl SizeMeasurer for Constant {
    fn measure(&self, _: &Excerpt) -> Result<usize> {
        Ok(self.0)
    }
}

/// Characters, and how many of them were looked at.
#[derive(Default)]
pub(super) struct Counted(pub(super) AtomicUsize);

impl SizeMeasurer for Counted {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        self.0.fetch_add(excerpt.chars(), Ordering::Relaxed);
        Ok(excerpt.chars())
    }

    fn fits(&self, excerpt: &Excerpt, limit: usize) -> Result<bool> {
        self.0
            .fetch_add(excerpt.chars().min(limit), Ordering::Relaxed);
        Ok(excerpt.chars() <= limit)
    }
}

pub(super) fn all() -> [&'static dyn SizeMeasurer; 7] {
    [
        &Characters,
        &Quarters,
        &Digits,
        &Whims,
        &Constant(0),
        &Constant(50),
        &Constant(usize::MAX),
    ]
}
