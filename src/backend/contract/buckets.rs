//! Buckets of rate limits, for stores that keep them.

use std::time::Duration;

use super::subject::{done, fresh};
use crate::backend::Backend;
use crate::clock::{Clock, SystemClock};
use crate::limits::{Demand, Take};

fn demand(key: &str, rate: &str) -> Demand {
    let rate = done("parsing a rate", rate.parse());
    Demand {
        key: key.to_owned(),
        rate,
    }
}

async fn take(backend: &dyn Backend, demands: &[Demand]) -> Take {
    let taken = backend.take(demands, SystemClock.now()).await;
    done("taking a token", taken)
}

/// A bucket gives its burst, then nothing until a token has come back; others are not concerned.
pub async fn a_bucket_gives_its_burst(backend: &dyn Backend) {
    let (key, other) = (fresh("bucket"), fresh("bucket"));
    let slow = [demand(&key, "1/h burst 3")];
    if take(backend, &slow).await == Take::NotKept {
        return;
    }
    for _ in 0..2 {
        assert_eq!(
            take(backend, &slow).await,
            Take::Granted,
            "a bucket gives its burst"
        );
    }
    let refused = take(backend, &slow).await;
    assert!(
        matches!(refused, Take::Refused { place: 0, retry_after } if (3590.0..=3600.0).contains(&retry_after)),
        "an empty bucket tells when it has a token: {refused:?}"
    );
    let others = [demand(&other, "1/h")];
    assert_eq!(
        take(backend, &others).await,
        Take::Granted,
        "each bucket has its own tokens"
    );
}

/// Tokens come back with time.
pub async fn tokens_come_back(backend: &dyn Backend) {
    let quick = [demand(&fresh("bucket"), "4/s burst 1")];
    if take(backend, &quick).await == Take::NotKept {
        return;
    }
    for _ in 0..50 {
        match take(backend, &quick).await {
            Take::Refused { retry_after, .. } => {
                assert!(retry_after <= 0.25, "a token is back in time");
                tokio::time::sleep(Duration::from_secs_f64(retry_after)).await;
            }
            _ => return,
        }
    }
    panic!("tokens come back");
}

/// Of several buckets each gives a token, or none does.
pub async fn several_buckets_give_together_or_not_at_all(backend: &dyn Backend) {
    let (full, empty) = (fresh("bucket"), fresh("bucket"));
    let (full, empty) = (demand(&full, "1/h"), demand(&empty, "1/h"));
    if take(backend, &[empty.clone()]).await == Take::NotKept {
        return;
    }
    let both = take(backend, &[full.clone(), empty]).await;
    assert!(
        matches!(both, Take::Refused { place: 1, .. }),
        "the place of the empty bucket is told: {both:?}"
    );
    assert_eq!(
        take(backend, &[full]).await,
        Take::Granted,
        "who is refused has taken nothing"
    );
}
