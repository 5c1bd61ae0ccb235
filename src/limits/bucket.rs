//! [`Bucket`]: the arithmetic of tokens that come back with time.

use super::Rate;
use crate::clock::Timestamp;

/// What a token may lack: moments are known to a fraction of a microsecond only.
const GRAIN: f64 = 1e-6;

/// The tokens of a bucket at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// How many there are.
    pub tokens: f64,
    /// When there were so many.
    pub at: Timestamp,
}

/// One token is wanted of the bucket with this key.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Names the bucket in its store; any text.
    pub key: String,
    /// How the bucket fills.
    pub rate: Rate,
}

/// What becomes of a demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Take {
    /// Each bucket has given its token.
    Granted,
    /// The bucket of the demand at this place has none; no bucket has given any.
    Refused {
        /// Its place among the demands.
        place: usize,
        /// Seconds until it has one.
        retry_after: f64,
    },
    /// This store keeps no buckets.
    NotKept,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            tokens: rate.burst(),
            at: now,
        }
    }

    /// The bucket with what has come back since. A clock that was set back brings nothing back: time goes on
    /// once it has caught up, or from where it is if that would take longer than to fill the bucket.
    #[must_use]
    pub fn at(self, now: Timestamp, rate: Rate) -> Self {
        let passed = now - self.at;
        if passed < 0.0 {
            let is_far = -passed > rate.burst() / rate.per_second();
            let at = if is_far { now } else { self.at };
            return Self {
                tokens: self.tokens.min(rate.burst()),
                at,
            };
        }
        Self {
            tokens: (self.tokens + passed * rate.per_second()).min(rate.burst()),
            at: now,
        }
    }

    /// Seconds until there is a token, in whole milliseconds; `None` if there is one.
    #[must_use]
    pub fn wait(self, rate: Rate) -> Option<f64> {
        let lacking = 1.0 - self.tokens;
        (lacking > GRAIN).then(|| (lacking / rate.per_second() * 1000.0).ceil() / 1000.0)
    }

    /// When it is full again, and as good as forgotten.
    #[must_use]
    pub fn full_at(self, rate: Rate) -> Timestamp {
        self.at + (rate.burst() - self.tokens).max(0.0) / rate.per_second()
    }
}

/// Takes one token of each bucket, or none of any.
pub(super) fn take(buckets: &mut [(Bucket, Rate)]) -> Take {
    let longest = buckets
        .iter()
        .enumerate()
        .filter_map(|(place, (bucket, rate))| Some((place, bucket.wait(*rate)?)))
        .max_by(|(_, one), (_, other)| one.total_cmp(other));
    if let Some((place, retry_after)) = longest {
        return Take::Refused { place, retry_after };
    }
    for (bucket, _) in buckets {
        bucket.tokens -= 1.0;
    }
    Take::Granted
}

/// Takes one token of each demand's bucket, as they are known, or none of any. For stores of one's own: read the
/// buckets, take, write them back, in one step. A bucket that is not known is full.
#[must_use]
pub fn take_of(
    demands: &[Demand],
    known: &[Option<Bucket>],
    now: Timestamp,
) -> (Take, Vec<Bucket>) {
    let mut buckets: Vec<_> = demands
        .iter()
        .zip(known)
        .map(|(demand, known)| {
            let bucket = known.map_or_else(
                || Bucket::full(demand.rate, now),
                |known| known.at(now, demand.rate),
            );
            (bucket, demand.rate)
        })
        .collect();
    let outcome = take(&mut buckets);
    (
        outcome,
        buckets.into_iter().map(|(bucket, _)| bucket).collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_window_has_more_than_the_burst_and_the_rate(
            count in 1_u32..100,
            burst in 1_u32..20,
            steps in prop::collection::vec(0.0_f64..3.0, 1..300),
        ) {
            let rate: Rate = format!("{count}/min burst {burst}").parse().unwrap();
            let (mut now, mut bucket, mut given) = (1.7e9, None, Vec::new());
            let demand = [Demand { key: String::new(), rate }];
            for step in steps {
                now += step;
                let (outcome, left) = take_of(&demand, &[bucket], now);
                bucket = Some(left[0]);
                match outcome {
                    Take::Granted => given.push(now),
                    Take::Refused { retry_after, .. } => {
                        prop_assert!(retry_after > 0.0);
                        let later = left[0].at(now + retry_after, rate);
                        prop_assert_eq!(later.wait(rate), None);
                    }
                    Take::NotKept => prop_assert!(false),
                }
            }
            for (first, from) in given.iter().enumerate() {
                for (last, to) in given.iter().enumerate().skip(first) {
                    let most = rate.burst() + rate.per_second() * (to - from) + 1e-3;
                    prop_assert!((last - first + 1) as f64 <= most);
                }
            }
        }

        #[test]
        fn a_clock_that_jumps_never_gives_more_than_was_waited_for(
            jumps in prop::collection::vec(-1000.0_f64..0.0, 1..50),
        ) {
            // real time stands still while the clock is set back again and again
            let rate: Rate = "60/min burst 5".parse().unwrap();
            let (mut now, mut bucket, mut granted) = (1.7e9, None, 0);
            for jump in jumps {
                now += jump;
                let demand = [Demand { key: String::new(), rate }];
                let (outcome, left) = take_of(&demand, &[bucket], now);
                bucket = Some(left[0]);
                granted += usize::from(outcome == Take::Granted);
                // and nobody waits longer than for a full bucket
                prop_assert!(left[0].at - now <= 5.0);
            }
            prop_assert!(granted <= 5);
        }
    }

    #[test]
    fn a_day_of_waiting_as_told_gives_what_the_rate_says() {
        let rate: Rate = "7/s burst 1".parse().unwrap();
        let demand = [Demand {
            key: String::new(),
            rate,
        }];
        let (mut now, mut bucket, mut granted) = (1.7e9, None, 0);
        let end = now + 3600.0;
        while now < end {
            let (outcome, left) = take_of(&demand, &[bucket], now);
            bucket = Some(left[0]);
            granted += usize::from(outcome == Take::Granted);
            now += 1.0 / 70.0;
        }
        assert!((25_190..=25_201).contains(&granted), "{granted}");
    }
}
