//! Who may do what, written once more from the contract's text (as `tests_py/reference.py`): what random tests compare
//! the crate with.

/// The bits of `Permission`.
pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
pub(crate) const UPDATE: u8 = 4;
pub(crate) const DELETE: u8 = 8;
pub(crate) const EXECUTE: u8 = 16;
pub(crate) const FULL: u8 = 31;

/// What is said of somebody who asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Who {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<&'static str>,
    pub(crate) session: Option<&'static str>,
    pub(crate) org: Option<&'static str>,
    /// The user that a model acts for.
    pub(crate) acts_for: Option<&'static str>,
}

/// What is said of a policy; patterns have at most one `*`, at their end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    pub(crate) user: u8,
    pub(crate) agent: u8,
    pub(crate) owner: Option<&'static str>,
    pub(crate) owners: u8,
    pub(crate) denied: Vec<&'static str>,
    pub(crate) allowed: Vec<&'static str>,
    pub(crate) allows: u8,
    pub(crate) session: Option<&'static str>,
    pub(crate) is_masked: bool,
}

impl Who {
    /// The names it goes by: its own, and that of its user.
    fn label(&self) -> String {
        format!("{}:{}", self.kind, self.id.unwrap_or("*"))
    }

    fn user(&self) -> Option<Self> {
        self.acts_for.map(|id| Self {
            kind: "user",
            id: Some(id),
            ..Self::default()
        })
    }

    fn is_listed(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| {
            let (kind, wanted) = pattern.split_once(':').unwrap();
            let id = self.id.unwrap_or("");
            let fits = match wanted.strip_suffix('*') {
                Some(start) => id.starts_with(start),
                None => id == wanted,
            };
            *pattern == self.label() || (kind == self.kind && fits)
        })
    }

    /// Each part of a namespace that names an identity wants that identity.
    fn is_admitted(&self, namespace: &str) -> bool {
        let words: Vec<_> = namespace.split(':').collect();
        let is_personal = ["session", "user", "agent", "org"].contains(&words[0]);
        self.kind == "system"
            || !is_personal
            || words.chunks(2).all(|part| {
                let own = match part[0] {
                    "session" => self.session,
                    "org" if self.org.is_none() => return true,
                    "org" => self.org,
                    "user" if self.acts_for.is_some() => self.acts_for,
                    kind if kind == self.kind => self.id,
                    _ => None,
                };
                own == Some(part[1])
            })
    }
}

/// What somebody is granted; a namespace of `None` is not asked about.
pub(crate) fn granted(rules: &Rules, who: &Who, namespace: Option<&str>) -> u8 {
    let user = who.user();
    let user_is = |patterns: &[&str]| user.as_ref().is_some_and(|user| user.is_listed(patterns));
    if who.is_listed(&rules.denied)
        || user_is(&rules.denied)
        || (rules.session.is_some() && rules.session != who.session)
        || namespace.is_some_and(|namespace| !who.is_admitted(namespace))
    {
        return 0;
    }
    let seen_is_used = |bits: u8| {
        if bits & READ > 0 {
            bits | EXECUTE
        } else {
            bits
        }
    };
    let agents = seen_is_used(rules.agent);
    let owns = |who: &Who| rules.owner.is_some_and(|owner| owner == who.label());
    let role = match who.kind {
        "system" => FULL,
        "user" => rules.user,
        _ => rules.agent,
    };
    let own = match &user {
        Some(user) if owns(user) || owns(who) => seen_is_used(rules.owners) & agents,
        None if owns(who) => rules.owners,
        _ => role,
    };
    if who.is_listed(&rules.allowed) {
        own | rules.allows
    } else if user_is(&rules.allowed) {
        own | (rules.allows & agents)
    } else {
        own
    }
}

/// Whether somebody may do what needs one of these bits, in a namespace.
pub(crate) fn may(rules: &Rules, who: &Who, namespace: &str, bits: u8) -> bool {
    granted(rules, who, Some(namespace)) & bits > 0
}

/// Whether the server may use a value for somebody: a namespace that its author wrote out is not asked about.
pub(crate) fn may_use(rules: &Rules, who: &Who, namespace: &str, bound: bool) -> bool {
    granted(rules, who, bound.then_some(namespace)) & (READ | EXECUTE) > 0
}

/// Whether somebody sees the marker where the value is masked.
pub(crate) fn sees_masked(rules: &Rules, who: &Who) -> bool {
    rules.is_masked && who.kind == "agent"
}
