//! Buckets of rate limits: a key that is gone once its bucket is full again. The server's clock counts, so that
//! clients whose clocks differ agree.

use super::link::Again;
use super::{RedisStore, keys, reply, scripts};
use crate::error::Result;
use crate::limits::{Demand, Take};

impl RedisStore {
    /// Tried a second time if the answer is lost: then at worst one token more is gone.
    pub(super) async fn take_tokens(&self, demands: &[Demand]) -> Result<Take> {
        let names: Vec<String> = demands
            .iter()
            .map(|demand| keys::bucket(&demand.key))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut call = scripts::TAKE.call(&names);
        for demand in demands {
            call = call.arg(demand.rate.per_second()).arg(demand.rate.burst());
        }
        let answer = reply::list(self.link.run(&call, Again::Yes).await?)?;
        let mut numbers = answer.into_iter().map(reply::number);
        Ok(
            match (numbers.next().transpose()?, numbers.next().transpose()?) {
                (Some(Some(place)), Some(Some(milliseconds))) => Take::Refused {
                    place: place as usize,
                    retry_after: milliseconds as f64 / 1000.0,
                },
                _ => Take::Granted,
            },
        )
    }
}
