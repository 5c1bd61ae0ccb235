//! Any sequence of calls by anybody: the cache does what a list and the reference say, and shows nobody else's value.

mod reference;

use std::collections::BTreeSet;
use std::sync::Arc;

use mcp_refcache::access::{AccessPolicy, Actor, DefaultActor, Delegate, Permission};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{
    Access, ErrorKind, GetOptions, ManualClock, RefCache, ResolveOptions, Result, SetOptions, Ttl,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::{collection, option};
use reference::{DELETE, READ, Rules, UPDATE, WRITE, Who, may, may_use, sees_masked};
use serde_json::{Value as Json, json};

const LIFETIME: f64 = 50.0;
const NAMESPACES: [&str; 9] = [
    "public",
    "session:s1",
    "user:alice",
    "agent:claude",
    "org:acme",
    "user:alice:session:s1",
    "org:acme:user:alice",
    "shared:team",
    "custom:x",
];

// -- anybody and anything -----------------------------------------------------------------------

fn who() -> impl Strategy<Value = Who> {
    let ids = || option::of(select(vec!["alice", "bob", "claude"]));
    let session = option::of(select(vec!["s1", "s2"]));
    let org = option::of(select(vec!["acme", "globex"]));
    let kinds = prop_oneof![4 => Just("user"), 6 => Just("agent"), 1 => Just("system")];
    (kinds, ids(), session, org, ids()).prop_map(|(kind, id, session, org, acts_for)| match kind {
        "system" => Who {
            kind,
            id: Some("internal"),
            ..Who::default()
        },
        _ => Who {
            kind,
            id,
            session,
            org,
            acts_for: acts_for.filter(|_| kind == "agent"),
        },
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let bits = || prop_oneof![Just(31), Just(17), Just(16), Just(0), 0..=31_u8];
    let labels = select(vec!["user:alice", "agent:claude", "user:*", "agent:*"]);
    let patterns = select(vec![
        "user:al*",
        "user:bob",
        "agent:cl*",
        "agent:*",
        "user:*",
    ]);
    let seldom = || prop_oneof![3 => Just(0_usize), 1 => 1..=2_usize];
    let list = move || {
        (seldom(), collection::vec(patterns.clone(), 2)).prop_map(|(length, mut list)| {
            list.truncate(length);
            list
        })
    };
    (
        (bits(), bits(), option::of(labels), bits()),
        (list(), list(), bits()),
        (
            option::weighted(0.15, select(vec!["s1", "s2"])),
            any::<bool>(),
        ),
    )
        .prop_map(|(roles, lists, (session, is_masked))| Rules {
            user: roles.0,
            agent: roles.1,
            owner: roles.2,
            owners: roles.3,
            denied: lists.0,
            allowed: lists.1,
            allows: lists.2,
            session,
            is_masked,
        })
}

/// A call, or time that passes.
#[derive(Debug, Clone)]
enum Step {
    Store {
        place: Place,
        rules: Rules,
        bound: bool,
        size: usize,
        who: Option<Who>,
    },
    /// By a reference, as the anonymous agent where nobody is given.
    Read(Index, Option<Who>, Option<usize>),
    ReadByKey(Place, Who),
    Resolve(Index, Who),
    Use(Index, Option<Who>),
    GiveToTool(Index, Who),
    List(&'static str, Who),
    Delete(Index, Who),
    Clear(&'static str, Who),
    Wait(f64),
}

type Place = (&'static str, &'static str);

fn step() -> impl Strategy<Value = Step> {
    let namespace = || select(NAMESPACES.to_vec());
    let place = || (namespace(), select(vec!["k", "l"]));
    let reference = any::<Index>;
    let somebody = || option::weighted(0.8, who());
    let store = (
        place(),
        rules(),
        any::<bool>(),
        select(vec![1, 60]),
        option::weighted(0.3, who()),
    );
    let page = option::of(1..=2_usize);
    prop_oneof![
        6 => store.prop_map(|(place, rules, bound, size, who)| Step::Store { place, rules, bound, size, who }),
        4 => (reference(), somebody(), page).prop_map(|(at, who, page)| Step::Read(at, who, page)),
        2 => (place(), who()).prop_map(|(place, who)| Step::ReadByKey(place, who)),
        3 => (reference(), who()).prop_map(|(at, who)| Step::Resolve(at, who)),
        3 => (reference(), somebody()).prop_map(|(at, who)| Step::Use(at, who)),
        2 => (reference(), who()).prop_map(|(at, who)| Step::GiveToTool(at, who)),
        1 => (namespace(), who()).prop_map(|(namespace, who)| Step::List(namespace, who)),
        2 => (reference(), who()).prop_map(|(at, who)| Step::Delete(at, who)),
        1 => (namespace(), who()).prop_map(|(namespace, who)| Step::Clear(namespace, who)),
        1 => select(vec![1.0, 20.0, 60.0]).prop_map(Step::Wait),
    ]
}

// -- what the crate calls them ------------------------------------------------------------------

fn actor(who: &Who) -> Box<dyn Actor> {
    let actor = match who.kind {
        "user" => DefaultActor::user(who.id, who.session),
        "agent" => DefaultActor::agent(who.id, who.session),
        _ => return Box::new(DefaultActor::system()),
    };
    let Some(user) = who.acts_for else {
        return Box::new(match who.org {
            Some(org) => actor.in_org(org),
            None => actor,
        });
    };
    let model = Delegate::new(who.id, who.session).for_user(user);
    Box::new(match who.org {
        Some(org) => model.in_org(org),
        None => model,
    })
}

fn policy(rules: &Rules) -> AccessPolicy {
    let bits = |bits| Permission::from_bits(bits).unwrap();
    let mut policy = AccessPolicy::public()
        .with_user_permissions(bits(rules.user))
        .with_agent_permissions(bits(rules.agent))
        .with_owner_permissions(bits(rules.owners))
        .with_denied_actors(&rules.denied)
        .with_allowed_actors(&rules.allowed)
        .with_allowed_permissions(bits(rules.allows));
    policy.owner = rules.owner.map(str::to_owned);
    policy.bound_session = rules.session.map(str::to_owned);
    if rules.is_masked {
        policy = policy.with_masked_paths(["[*]"]).unwrap();
    }
    policy
}

// -- the cache beside a list of what it should hold ---------------------------------------------

/// What the model knows of an entry.
struct Kept {
    id: String,
    number: usize,
    place: Place,
    /// Whether its key still means it.
    has_key: bool,
    rules: Rules,
    bound: bool,
    ends: f64,
}

impl Kept {
    fn may(&self, who: &Who, bits: u8) -> bool {
        may(&self.rules, who, self.place.0, bits)
    }

    fn may_use(&self, who: &Who) -> bool {
        may_use(&self.rules, who, self.place.0, self.bound)
    }
}

struct Machine {
    cache: RefCache,
    clock: Arc<ManualClock>,
    now: f64,
    kept: Vec<Kept>,
    made: usize,
    /// All references there ever were.
    ids: Vec<String>,
}

/// The numbers of the values that can be recognised in a text.
fn seen_in(text: &str) -> BTreeSet<usize> {
    let found = text.split("canary-").skip(1);
    found
        .map(|rest| rest.split('-').next().unwrap().parse().unwrap())
        .collect()
}

/// Checks what a call gave to somebody who may, or may not, have the value of an entry (`None`: there is none).
fn check<T>(
    outcome: Result<T>,
    kept: Option<(&Kept, bool)>,
    is_masked: bool,
    text: impl Fn(&T) -> String,
) {
    match (outcome, kept) {
        (Ok(given), Some((kept, true))) => {
            let (text, own) = (text(&given), BTreeSet::from([kept.number]));
            let visible = if is_masked { BTreeSet::new() } else { own };
            assert_eq!(
                (seen_in(&text), text.contains("[masked]")),
                (visible, is_masked),
                "{text}"
            );
        }
        (Ok(given), _) => panic!("nobody should get this: {}", text(&given)),
        (Err(error), kept) => {
            assert_eq!(seen_in(&format!("{error} {error:?}")), BTreeSet::new());
            let expected = match kept {
                Some((_, false)) => Some(ErrorKind::PermissionDenied),
                Some((_, true)) => None,
                None => Some(ErrorKind::NotFound),
            };
            assert_eq!(Some(error.kind()), expected, "{error}");
        }
    }
}

impl Machine {
    fn new() -> Self {
        let now = 1_000_000.0;
        let clock = Arc::new(ManualClock::new(now));
        let cache = RefCache::builder("c").clock(Arc::clone(&clock) as _);
        Self {
            cache: cache.build().unwrap(),
            clock,
            now,
            kept: Vec::new(),
            made: 0,
            ids: vec![format!("c:{}", "0".repeat(32))],
        }
    }

    fn living(&self, id: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.id == id)
    }

    fn at(&self, place: Place) -> Option<&Kept> {
        self.kept
            .iter()
            .find(|kept| kept.has_key && kept.place == place)
    }

    async fn step(&mut self, step: Step) {
        let anonymous = Who {
            kind: "agent",
            ..Who::default()
        };
        let id_at = |at: Index| at.get(&self.ids).clone();
        match step {
            Step::Store {
                place,
                rules,
                bound,
                size,
                who,
            } => {
                self.store(place, rules, bound, size, who).await;
            }
            Step::Read(at, who, page) => {
                self.read(&id_at(at), who.as_ref(), page, &anonymous).await;
            }
            Step::ReadByKey(place, who) => {
                let asked = format!("{}:{}", place.0, place.1);
                let kept = self.at(place).map(|kept| (kept, kept.may(&who, READ)));
                let is_masked = kept.is_some_and(|(kept, _)| sees_masked(&kept.rules, &who));
                let got = self
                    .cache
                    .resolve_as(&asked, &*actor(&who), Access::Read)
                    .await;
                check(got, kept, is_masked, Json::to_string);
            }
            Step::Resolve(at, who) => {
                let id = id_at(at);
                let kept = self.living(&id).map(|kept| (kept, kept.may(&who, READ)));
                let is_masked = kept.is_some_and(|(kept, _)| sees_masked(&kept.rules, &who));
                let got = self
                    .cache
                    .resolve_as(&id, &*actor(&who), Access::Read)
                    .await;
                check(got, kept, is_masked, Json::to_string);
            }
            Step::Use(at, who) => {
                let id = id_at(at);
                let user = who.as_ref().unwrap_or(&anonymous);
                let kept = self.living(&id).map(|kept| (kept, kept.may_use(user)));
                let got = match &who {
                    Some(who) => self.cache.resolve_as(&id, &*actor(who), Access::Use).await,
                    None => self.cache.resolve(&id).await,
                };
                check(got, kept, false, Json::to_string);
            }
            Step::GiveToTool(at, who) => {
                let id = id_at(at);
                // whoever may not use it is not told that it is there
                let kept = self.living(&id).filter(|kept| kept.may_use(&who));
                let kept = kept.map(|kept| (kept, true));
                let actor = actor(&who);
                let server = ResolveOptions::server(&*actor);
                let got = self.cache.resolve_refs(json!([id]), &server).await;
                check(got, kept, false, |resolved| resolved.value.to_string());
            }
            Step::List(namespace, who) => {
                let keys = self
                    .cache
                    .keys_as(Some(namespace), Some(&*actor(&who)))
                    .await;
                let keys: BTreeSet<_> = keys.unwrap().iter().map(|id| id.to_string()).collect();
                let readable = self.kept.iter().filter(|kept| kept.place.0 == namespace);
                let readable = readable.filter(|kept| kept.may(&who, READ));
                assert_eq!(keys, readable.map(|kept| kept.id.clone()).collect());
            }
            Step::Delete(at, who) => {
                let id = id_at(at);
                let may = self.living(&id).map(|kept| kept.may(&who, DELETE));
                let done = self.cache.delete(&id, Some(&*actor(&who))).await;
                let done = done.map_err(|error| error.kind());
                match may {
                    Some(false) => assert_eq!(done, Err(ErrorKind::PermissionDenied)),
                    there => assert_eq!(done, Ok(there.is_some())),
                }
                self.kept.retain(|kept| kept.id != id || may == Some(false));
            }
            Step::Clear(namespace, who) => {
                let count = self.cache.clear(Some(namespace), Some(&*actor(&who))).await;
                let before = self.kept.len();
                self.kept
                    .retain(|kept| kept.place.0 != namespace || !kept.may(&who, DELETE));
                assert_eq!(count.unwrap(), before - self.kept.len());
            }
            Step::Wait(seconds) => {
                self.now += seconds;
                self.clock.advance(seconds);
                self.kept.retain(|kept| kept.ends > self.now);
            }
        }
        for id in &self.ids {
            let exists = self.cache.exists(id).await.unwrap();
            assert_eq!(exists, self.living(id).is_some(), "{id}");
        }
    }

    async fn store(
        &mut self,
        place: Place,
        rules: Rules,
        bound: bool,
        size: usize,
        who: Option<Who>,
    ) {
        let number = self.made;
        self.made += 1;
        let may = who.as_ref().is_none_or(|who| match self.at(place) {
            Some(former) => former.may(who, UPDATE),
            None => reference::may(&rules, who, place.0, WRITE),
        });
        let value = vec![format!("canary-{number}-"); size];
        let value = Value::Document(Arc::new(Document::from_serialize(&value).unwrap()));
        let actor = who.as_ref().map(actor);
        let options = SetOptions {
            namespace: Some(place.0),
            policy: Some(Arc::new(policy(&rules))),
            ttl: Ttl::Seconds(LIFETIME),
            bound,
            actor: actor.as_deref(),
            ..SetOptions::default()
        };
        match self.cache.set_with(place.1, value, options).await {
            Ok(stored) => {
                assert!(may, "{who:?} stored in {place:?}");
                // who had the key before stays, by its reference
                let former = self.kept.iter_mut().filter(|kept| kept.place == place);
                former.for_each(|kept| kept.has_key = false);
                let id = stored.ref_id.as_str().to_owned();
                self.ids.push(id.clone());
                let ends = self.now + LIFETIME;
                let has_key = true;
                self.kept.push(Kept {
                    id,
                    number,
                    place,
                    has_key,
                    rules,
                    bound,
                    ends,
                });
            }
            Err(error) => {
                assert!(
                    !may && error.kind() == ErrorKind::PermissionDenied,
                    "{error}"
                );
                assert_eq!(seen_in(&format!("{error} {error:?}")), BTreeSet::new());
            }
        }
    }

    async fn read(&self, id: &str, who: Option<&Who>, page: Option<usize>, anonymous: &Who) {
        let given = who.map(actor);
        let who = who.unwrap_or(anonymous);
        let kept = self.living(id).map(|kept| (kept, kept.may(who, READ)));
        let is_masked = kept.is_some_and(|(kept, _)| sees_masked(&kept.rules, who));
        let options = GetOptions {
            // a value of one item has one page
            page: page.map(|_| 1),
            page_size: page.map(|page| 20 * page),
            actor: given.as_deref(),
            ..GetOptions::default()
        };
        let got = self.cache.get_with(id, &options).await;
        check(got, kept, is_masked, |response| {
            response.preview().to_string()
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls(steps in collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut machine = Machine::new();
        for step in steps {
            runtime.block_on(machine.step(step));
        }
    }
}
