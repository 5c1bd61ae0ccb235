//! Leases: who may do a thing now.

use std::time::Duration;

use super::subject::{Subject, document, done, fresh};
use crate::backend::{Backend, Fence, PutOptions};
use crate::clock::{Clock, SystemClock};

/// Seconds that are not over while a test runs.
const LONG: f64 = 60.0;
/// Seconds that a test waits for.
const SHORT: f64 = 0.3;

/// A lease of a store whose clock may be its server's: waiting is real.
struct Lease<'a> {
    backend: &'a dyn Backend,
    name: String,
}

impl<'a> Lease<'a> {
    fn new(backend: &'a dyn Backend) -> Self {
        let name = fresh("lease");
        Self { backend, name }
    }

    async fn acquire(&self, seconds: f64) -> Option<u64> {
        let taken = self.backend.acquire(&self.name, seconds, SystemClock.now());
        done("taking a lease", taken.await)
    }

    async fn acquired(&self, seconds: f64) -> u64 {
        let token = self.acquire(seconds).await;
        token.expect("a lease that nobody holds is given")
    }

    /// The token of a lease that ends by itself, tried for long enough.
    async fn acquire_later(&self) -> Option<u64> {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_secs_f64(SHORT / 2.0)).await;
            if let Some(token) = self.acquire(LONG).await {
                return Some(token);
            }
        }
        None
    }

    async fn renew(&self, token: u64, seconds: f64) -> bool {
        let now = SystemClock.now();
        let renewed = self.backend.renew(&self.name, token, seconds, now);
        done("renewing a lease", renewed.await)
    }

    async fn release(&self, token: u64) -> bool {
        let released = self.backend.release(&self.name, token, SystemClock.now());
        done("releasing a lease", released.await)
    }
}

/// Nobody gets a lease that somebody holds; leases of other names are free.
pub async fn a_lease_has_one_holder(backend: &dyn Backend) {
    let (lease, other) = (Lease::new(backend), Lease::new(backend));
    let token = lease.acquired(LONG).await;
    assert_eq!(lease.acquire(LONG).await, None, "a lease has one holder");
    other.acquired(LONG).await;
    assert!(
        !lease.renew(token + 1_000_000, LONG).await && !lease.release(token + 1_000_000).await,
        "who has another token has no say"
    );
    assert_eq!(
        lease.acquire(LONG).await,
        None,
        "a lease stays with its holder"
    );
}

/// A lease is free once its time is over; its former holder has no say then.
pub async fn a_lease_ends_by_itself(backend: &dyn Backend) {
    let lease = Lease::new(backend);
    let late = lease.acquired(SHORT).await;
    let token = lease.acquire_later().await;
    let token = token.expect("a lease ends by itself");
    assert!(
        !lease.renew(late, LONG).await,
        "a lease that has ended cannot be renewed"
    );
    assert!(
        !lease.release(late).await,
        "a lease that has ended cannot be given back"
    );
    assert!(
        lease.renew(token, LONG).await,
        "the newer holder has the lease"
    );
}

/// A renewed lease ends when it was last said to.
pub async fn a_renewed_lease_ends_later(backend: &dyn Backend) {
    let lease = Lease::new(backend);
    let token = lease.acquired(SHORT * 10.0).await;
    assert!(lease.renew(token, LONG).await, "a holder can renew");
    tokio::time::sleep(Duration::from_secs_f64(SHORT)).await;
    assert_eq!(lease.acquire(LONG).await, None, "a renewed lease goes on");
    assert!(
        lease.renew(token, SHORT).await,
        "a holder can let a lease end sooner"
    );
    assert!(
        lease.acquire_later().await.is_some(),
        "a renewed lease ends, too"
    );
}

/// A lease that was given back is free at once; giving back tells whether it was still held.
pub async fn a_released_lease_is_free(backend: &dyn Backend) {
    let lease = Lease::new(backend);
    let token = lease.acquired(LONG).await;
    assert!(lease.release(token).await, "a holder can give a lease back");
    assert!(!lease.release(token).await, "a lease is given back once");
    assert!(
        !lease.renew(token, LONG).await,
        "what was given back cannot be renewed"
    );
    lease.acquired(LONG).await;
}

/// Later tokens of a lease are greater.
pub async fn tokens_of_a_lease_grow(backend: &dyn Backend) {
    let lease = Lease::new(backend);
    let mut last = None;
    for _ in 0..5 {
        let token = lease.acquired(LONG).await;
        assert!(last < Some(token), "tokens of a lease grow");
        last = Some(token);
        lease.release(token).await;
    }
}

/// Who lost a lease meanwhile stores an entry, but the name stays with the newer holder's; also after that
/// one has given the lease back.
pub async fn a_fence_keeps_the_name_with_the_newer_holder(backend: &dyn Backend) {
    let (store, lease) = (Subject::new(backend), Lease::new(backend));
    let name = store.name("public", "k");
    let late = lease.acquired(SHORT).await;
    let newer = lease.acquire_later().await.expect("a lease ends by itself");
    let winner = put_fenced(&store, &lease, &name, newer).await;
    for moment in ["held", "given back"] {
        let loser = put_fenced(&store, &lease, &name, late).await;
        assert!(store.exists(&loser).await, "a late entry is stored");
        assert_eq!(
            store.name_of(&loser).await,
            None,
            "a late entry has no name"
        );
        assert_eq!(
            store.find(&name).await.as_ref(),
            Some(&winner),
            "the name stays with the newer holder, whose lease is {moment}"
        );
        assert_eq!(
            store.got(&winner).await.expires_at,
            None,
            "a late entry retires nobody"
        );
        lease.release(newer).await;
    }
}

/// The name goes to the holder of the lease, also if it has ended and nobody has taken it over.
pub async fn a_fence_lets_the_holder_have_the_name(backend: &dyn Backend) {
    let (store, lease) = (Subject::new(backend), Lease::new(backend));
    let name = store.name("public", "k");
    let token = lease.acquired(SHORT).await;
    for moment in ["held", "over"] {
        let id = put_fenced(&store, &lease, &name, token).await;
        assert_eq!(
            store.find(&name).await,
            Some(id),
            "the holder of a lease gets the name while the lease is {moment}"
        );
        tokio::time::sleep(Duration::from_secs_f64(SHORT * 2.0)).await;
    }
}

async fn put_fenced(
    store: &Subject<'_>,
    lease: &Lease<'_>,
    name: &crate::reference::KeyName,
    token: u64,
) -> String {
    let id = store.id();
    let fence = Fence {
        lease: &lease.name,
        token,
    };
    let options = PutOptions {
        name: Some(name),
        retire_at: Some(store.now + 30.0),
        fence: Some(fence),
    };
    let entry = store.entry("public", document("1"), None);
    store.put_with(&id, entry, options).await;
    id
}
