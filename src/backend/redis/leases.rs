//! Leases: a key that ends by itself and holds the token of its holder. The server's clock decides, so that
//! clients whose clocks differ agree.

use super::link::Again;
use super::{RedisStore, keys, reply, scripts};
use crate::error::Result;

/// Seconds that an ended lease is remembered, so that the fence of a late holder is recognised.
const REMEMBERED: f64 = 3600.0;

impl RedisStore {
    /// Not tried a second time: the first may have taken the lease, with a token that nobody knows. It ends by
    /// itself then.
    pub(super) async fn take_lease(&self, lease: &str, seconds: f64) -> Result<Option<u64>> {
        let (own, last) = (keys::lease(lease), keys::last_token(lease));
        let call = scripts::ACQUIRE
            .call(&[&own, &keys::index("token"), &last])
            .arg(ms(seconds))
            .arg(ms(seconds + REMEMBERED));
        reply::number(self.link.run(&call, Again::No).await?)
    }

    pub(super) async fn keep_lease(&self, lease: &str, token: u64, seconds: f64) -> Result<bool> {
        let call = scripts::RENEW
            .call(&[&keys::lease(lease), &keys::last_token(lease)])
            .arg(token)
            .arg(ms(seconds))
            .arg(ms(seconds + REMEMBERED));
        reply::yes(self.link.run(&call, Again::Yes).await?)
    }

    pub(super) async fn give_lease(&self, lease: &str, token: u64) -> Result<bool> {
        let call = scripts::RELEASE.call(&[&keys::lease(lease)]).arg(token);
        reply::yes(self.link.run(&call, Again::No).await?)
    }
}

/// Seconds as whole milliseconds, at least one.
fn ms(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil().clamp(1.0, 1e12) as u64
}
