//! Ids cannot forge a namespace: what a template makes of them admits those very ids, and no others.
//!
//! The input is four ids, with NULs between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_refcache::access::{
    DefaultActor, DefaultNamespaceRules, Filling, NamespaceRules, expand_template,
};

const TEMPLATES: [&str; 4] = [
    "user:{user}",
    "user:{user}:session:{session}",
    "org:{org}:user:{user}",
    "org:{org}:user:{user}:session:{session}",
];

struct Ids<'a> {
    user: &'a str,
    session: &'a str,
    org: &'a str,
}

impl Ids<'_> {
    fn name(&self, template: &str) -> String {
        let filled = expand_template(template, |name| {
            Ok::<_, ()>(Filling::Id(match name {
                "user" => self.user.into(),
                "session" => self.session.into(),
                _ => self.org.into(),
            }))
        });
        filled.expect("filled")
    }

    fn actor(&self) -> DefaultActor {
        DefaultActor::user(self.user, self.session).in_org(self.org)
    }
}

fuzz_target!(|input: &str| {
    // any text is a template
    let _ = expand_template(input, |_| Ok::<_, ()>(Filling::Id("x".into())));
    let mut ids = input.split('\0').map(|id| if id.is_empty() { "-" } else { id });
    let mut next = || ids.next().unwrap_or("-");
    let ours = Ids { user: next(), session: next(), org: next() };
    let other = next();
    for template in TEMPLATES {
        let name = ours.name(template);
        let admits = |actor: &DefaultActor| {
            DefaultNamespaceRules.admits(&name, actor).expect("these rules do not fail")
        };
        assert!(admits(&ours.actor()), "{name} keeps its owner out");
        for theirs in [
            Ids { user: other, ..ours },
            Ids { session: other, ..ours },
            Ids { org: other, ..ours },
        ] {
            let is_same = theirs.name(template) == name;
            assert_eq!(admits(&theirs.actor()), is_same, "{name}");
        }
        for another in TEMPLATES {
            let forged = Ids { user: other, session: ours.user, org: ours.session };
            let is_same = another == template
                && (!another.contains("{user}") || other == ours.user)
                && (!another.contains("{session}") || ours.user == ours.session)
                && (!another.contains("{org}") || ours.session == ours.org);
            assert_eq!(forged.name(another) == name, is_same, "{another} and {template}");
        }
    }
});
