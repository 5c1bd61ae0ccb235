//! [`Buckets`]: the buckets of a store in this process.

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::bucket::{Bucket, Demand, Take, take_of};
use crate::clock::Timestamp;

/// Buckets that are full again are swept when so many are known, and then at twice what is left.
const SWEPT_AT: usize = 1024;

/// The most that are kept: beyond it, those that are nearest to full are forgotten.
const MOST: usize = 100_000;

/// Buckets by key; one that is full again is forgotten.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    known: HashMap<String, Known>,
    sweep_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    bucket: Bucket,
    full_at: Timestamp,
}

impl Buckets {
    /// Takes one token of each bucket, or none of any.
    pub fn take(&self, demands: &[Demand], now: Timestamp) -> Take {
        let mut table = self.0.lock();
        let known: Vec<_> = demands
            .iter()
            .map(|demand| table.known.get(&demand.key).map(|known| known.bucket))
            .collect();
        let (outcome, left) = take_of(demands, &known, now);
        if outcome == Take::Granted {
            for (demand, bucket) in demands.iter().zip(left) {
                let full_at = bucket.full_at(demand.rate);
                table
                    .known
                    .insert(demand.key.clone(), Known { bucket, full_at });
            }
            table.sweep(now);
        }
        outcome
    }
}

impl Table {
    fn sweep(&mut self, now: Timestamp) {
        if self.known.len() < self.sweep_at.max(SWEPT_AT) {
            return;
        }
        self.known.retain(|_, known| known.full_at > now);
        if self.known.len() >= MOST {
            let mut ends: Vec<_> = self.known.values().map(|known| known.full_at).collect();
            let middle = ends.len() / 2;
            let (_, median, _) = ends.select_nth_unstable_by(middle, f64::total_cmp);
            let median = *median;
            self.known.retain(|_, known| known.full_at > median);
        }
        self.sweep_at = (2 * self.known.len()).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(key: usize, rate: &str) -> [Demand; 1] {
        [Demand {
            key: key.to_string(),
            rate: rate.parse().unwrap(),
        }]
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let buckets = Buckets::default();
        for number in 0..10_000 {
            buckets.take(&demand(number, "1/s"), number as f64);
        }
        assert!(buckets.0.lock().known.len() <= SWEPT_AT);
    }

    #[test]
    fn there_are_never_more_than_the_bound() {
        let buckets = Buckets::default();
        for number in 0..=MOST + 10 {
            buckets.take(&demand(number, "1/day"), 0.0);
        }
        assert!(buckets.0.lock().known.len() <= MOST);
    }
}
