//! Evenly spaced items: which ones a sample of some count takes, and which count fits.

use crate::error::Result;

/// Numbers of `count` items evenly spaced over `len`, ascending, first and last included.
///
/// Python's arithmetic to the bit: a float step, and halves rounded to even.
pub(super) fn spaced(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(len);
    let step = if count == len {
        1.0
    } else {
        (len - 1) as f64 / count.saturating_sub(1).max(1) as f64
    };
    (0..count).map(move |i| (i as f64 * step).round_ties_even() as usize)
}

/// The original's search for the largest count that fits. Size is not monotonic in the count, so the
/// order of its probes decides the result. At least 1, whether that fits or not.
pub(super) fn search_count(
    len: usize,
    mut fits: impl FnMut(usize) -> Result<bool>,
) -> Result<usize> {
    let (mut low, mut high, mut best) = (1, len, 1);
    while low <= high {
        let middle = (low + high) / 2;
        if fits(middle)? {
            best = middle;
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(len: usize, count: usize) -> Vec<usize> {
        spaced(len, count).collect()
    }

    #[test]
    fn samples_span_all_items() {
        assert_eq!(picks(100, 7), [0, 16, 33, 50, 66, 82, 99]);
        assert_eq!(picks(4, 3), [0, 2, 3], "1.5 becomes 2");
        assert_eq!(picks(6, 3), [0, 2, 5], "2.5 becomes 2");
        assert_eq!(picks(5, 1), [0]);
        assert_eq!(picks(3, 9), [0, 1, 2]);
        assert_eq!(picks(3, 0), [0; 0]);
        assert_eq!(picks(0, 4), [0; 0]);
    }

    #[test]
    fn samples_take_no_item_twice() {
        for len in 0..120 {
            for count in 0..=len {
                let picks = picks(len, count);
                assert_eq!(picks.len(), count);
                assert!(picks.is_sorted_by(|a, b| a < b), "{len} {count}");
                assert!(picks.last().is_none_or(|last| *last < len));
            }
        }
    }

    #[test]
    fn the_search_never_takes_less_than_one() {
        assert_eq!(search_count(10, |_| Ok(false)).unwrap(), 1);
        assert_eq!(search_count(10, |count| Ok(count <= 4)).unwrap(), 4);
        assert_eq!(search_count(10, |_| Ok(true)).unwrap(), 10);
    }
}
