//! How often callers may come.

use std::sync::Arc;

use mcp_refcache::blocking::RefCache;
use mcp_refcache::limits::{Rate, RateLimited};
use mcp_refcache::{
    Access, Actor, DefaultActor, ErrorKind, GetOptions, ManualClock, MemoryBackend, RateLimit,
};
use rstest::rstest;

fn limit(key: &str, rate: &str) -> RateLimit {
    RateLimit::new(key, rate.parse().unwrap()).unwrap()
}

fn cache(limits: &[(&str, &str)]) -> (RefCache, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1.0e9));
    let mut builder = mcp_refcache::RefCache::builder("demo").clock(Arc::clone(&clock) as _);
    for (key, rate) in limits {
        builder = builder.rate_limit(limit(key, rate));
    }
    (builder.build().unwrap().into(), clock)
}

/// How often the actor gets to the entry before it is refused.
fn granted(cache: &RefCache, id: &str, actor: &dyn Actor) -> usize {
    (0..50)
        .take_while(|_| {
            let options = GetOptions {
                actor: Some(actor),
                ..GetOptions::default()
            };
            let read = cache.get_with(id, &options);
            read.err().map(|error| error.kind()) != Some(ErrorKind::RateLimited)
        })
        .count()
}

#[test]
fn who_comes_back_when_told_is_let_in() {
    let (cache, clock) = cache(&[("actor:*", "1/min burst 2")]);
    let id = cache.set("k", &1).unwrap().ref_id;
    let alice = DefaultActor::user("alice", None);
    assert_eq!(granted(&cache, id.as_str(), &alice), 2);
    let refused = cache
        .resolve_as::<i32>(id.as_str(), &alice, Access::Read)
        .unwrap_err();
    let retry_after = RateLimited::of(&refused).unwrap().retry_after;
    assert_eq!(retry_after, 60.0);
    clock.advance(retry_after);
    assert_eq!(granted(&cache, id.as_str(), &alice), 1);
}

#[test]
fn wrong_and_forbidden_references_cost_the_actor_and_nobody_else() {
    let limits = [("actor:user:*", "5/h"), ("user:*", "1/h"), ("ref:*", "1/h")];
    let (cache, _) = cache(&limits);
    let options = mcp_refcache::SetOptions {
        namespace: Some("user:alice"),
        ..mcp_refcache::SetOptions::default()
    };
    let document = mcp_refcache::value::Document::from_serialize(&1).unwrap();
    let value = mcp_refcache::value::Value::Document(Arc::new(document));
    let id = cache.set_with("k", value, options).unwrap().ref_id;
    let (alice, bob) = (
        DefaultActor::user("alice", None),
        DefaultActor::user("bob", None),
    );
    assert_eq!(granted(&cache, id.as_str(), &bob), 5);
    let carol = DefaultActor::user("carol", None);
    assert_eq!(granted(&cache, "demo:0123456789abcdef", &carol), 5);
    assert_eq!(granted(&cache, id.as_str(), &alice), 1);
}

#[test]
fn the_servers_own_calls_do_not_count() {
    let (cache, _) = cache(&[("actor:*", "1/h"), ("public", "1/h")]);
    let id = cache.set("k", &1).unwrap().ref_id;
    for _ in 0..10 {
        assert_eq!(cache.resolve::<i32>(id.as_str()).unwrap(), 1);
        cache.get(id.as_str()).unwrap();
    }
    assert_eq!(
        granted(&cache, id.as_str(), &DefaultActor::agent(None, None)),
        1
    );
}

#[test]
fn caches_on_one_backend_share_the_buckets_of_one_name() {
    let backend = Arc::new(MemoryBackend::new());
    let open = || -> RefCache {
        let builder = mcp_refcache::RefCache::builder("demo");
        let builder = builder.shared_backend(Arc::clone(&backend) as _);
        let limited = builder.rate_limit(limit("actor:*", "4/h"));
        limited.build().unwrap().into()
    };
    let (one, two) = (open(), open());
    let alice = DefaultActor::user("alice", None);
    assert_eq!(granted(&one, "demo:0123456789abcdef", &alice), 4);
    assert_eq!(granted(&two, "demo:0123456789abcdef", &alice), 0);
}

#[test]
fn a_model_is_meant_by_itself_or_by_its_user() {
    use mcp_refcache::access::Delegate;
    let (cache, _) = cache(&[("actor:user:alice", "2/h"), ("actor:agent:*", "3/h")]);
    let asked = "demo:0123456789abcdef";
    let for_alice = Delegate::new(None, "s1").for_user("alice");
    assert_eq!(granted(&cache, asked, &for_alice), 2);
    assert_eq!(
        granted(&cache, asked, &DefaultActor::user("alice", None)),
        0
    );
    // others without an id are told apart by their user, else their session
    for user in ["bob", "carol"] {
        assert_eq!(
            granted(&cache, asked, &Delegate::new(None, "s1").for_user(user)),
            3
        );
    }
    for session in ["s1", "s2"] {
        assert_eq!(
            granted(&cache, asked, &DefaultActor::agent(None, session)),
            3
        );
    }
}

#[rstest]
#[case("60/min", "60/min", 1.0, 60.0)]
#[case("5/s", "5/s", 5.0, 5.0)]
#[case(" 1000/hour  burst 7 ", "1000/h burst 7", 1000.0 / 3600.0, 7.0)]
#[case("10000/d", "10000/day", 10_000.0 / 86_400.0, 10_000.0)]
fn rates_are_read(
    #[case] text: &str,
    #[case] shown: &str,
    #[case] per_second: f64,
    #[case] burst: f64,
) {
    let rate: Rate = text.parse().unwrap();
    assert_eq!(rate.to_string(), shown);
    assert_eq!((rate.per_second(), rate.burst()), (per_second, burst));
}
