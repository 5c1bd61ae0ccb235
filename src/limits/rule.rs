//! [`RateLimit`]: whom a rate holds for, and whose bucket that is.

use std::fmt;

use super::bucket::Demand;
use super::rate::Rate;
use crate::access::{Actor, ActorPattern, ActorType, Glob};
use crate::error::{Error, ErrorKind, Result};

/// A rate for each namespace of a pattern (`session:*`), each actor of one (`actor:agent:*`, `actor:*`) or each
/// reference of one (`ref:*`).
///
/// An actor is meant by its own label, or by that of the user it acts for.
#[derive(Debug, Clone)]
pub struct RateLimit {
    key: String,
    whom: Whom,
    rate: Rate,
}

#[derive(Debug, Clone)]
enum Whom {
    Everybody,
    Actors(ActorPattern),
    Namespaces(Glob),
    References(Glob),
}

impl RateLimit {
    /// A limit.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a key that is empty, or that names a type of actors
    /// there is not.
    pub fn new(key: &str, rate: Rate) -> Result<Self> {
        let whom = match key.split_once(':') {
            Some(("actor", "*")) => Some(Whom::Everybody),
            Some(("actor", pattern)) => match pattern.split_once(':') {
                Some(("user" | "agent", id)) if !id.is_empty() => {
                    Some(Whom::Actors(ActorPattern::parse(pattern)))
                }
                _ => None,
            },
            Some(("ref", pattern)) if !pattern.is_empty() => {
                Some(Whom::References(Glob::new(pattern)))
            }
            Some(("ref", _)) => None,
            _ if key.is_empty() => None,
            _ => Some(Whom::Namespaces(Glob::new(key))),
        };
        let whom = whom.ok_or_else(|| {
            Error::invalid(
                "a rate limit is for a namespace ('session:*', 'public'), for actors ('actor:user:alice', \
                 'actor:agent:*', 'actor:*') or for references ('ref:*')",
            )
            .with("key", format!("{key:?}"))
        })?;
        Ok(Self {
            key: key.to_owned(),
            whom,
            rate,
        })
    }

    /// What it was made for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its rate.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    fn demand(&self, cache: &str, subject: &str) -> Demand {
        Demand {
            // the length keeps rule and subject apart
            key: format!("{cache}:{}:{}:{subject}", self.key.len(), self.key),
            rate: self.rate,
        }
    }

    /// Whose bucket it is, if the limit holds for the actor.
    fn of_actor(&self, actor: &dyn Actor) -> Result<Option<String>> {
        let user = actor.on_behalf_of();
        Ok(match &self.whom {
            Whom::Everybody => Some(user.map_or_else(|| named(actor), named)),
            Whom::Actors(pattern) => match user {
                Some(user) if user.matches(pattern)? => Some(named(user)),
                _ if actor.matches(pattern)? => Some(named(actor)),
                _ => None,
            },
            Whom::Namespaces(_) | Whom::References(_) => None,
        })
    }
}

/// The name of an actor's own bucket: one without an id is told from others by its user, else its session.
fn named(actor: &dyn Actor) -> String {
    let label = actor.label();
    match (actor.id(), actor.on_behalf_of(), actor.session_id()) {
        (Some(_), _, _) => label,
        (None, Some(user), _) => format!("{label} for {}", user.label()),
        (None, None, Some(session)) => format!("{label} in {session}"),
        (None, None, None) => label,
    }
}

/// The limits of a cache, in the order they were given.
#[derive(Debug, Default)]
pub(crate) struct RateLimits(pub(crate) Vec<RateLimit>);

impl RateLimits {
    /// What an attempt of this actor takes, and the limit that wants it. The system takes nothing.
    ///
    /// # Errors
    /// Whatever a user-written actor fails with.
    pub(crate) fn of_actor(
        &self,
        cache: &str,
        actor: &dyn Actor,
    ) -> Result<Vec<(Demand, &RateLimit)>> {
        let mut demands = Vec::new();
        if actor.kind() == ActorType::System {
            return Ok(demands);
        }
        for limit in &self.0 {
            if let Some(subject) = limit.of_actor(actor)? {
                demands.push((limit.demand(cache, &subject), limit));
            }
        }
        Ok(demands)
    }

    /// What the use of an entry takes, likewise.
    pub(crate) fn of_entry(
        &self,
        cache: &str,
        namespace: &str,
        ref_id: Option<&str>,
    ) -> Vec<(Demand, &RateLimit)> {
        let subject = |limit: &RateLimit| match &limit.whom {
            Whom::Namespaces(pattern) => Some(namespace).filter(|name| pattern.matches(name)),
            Whom::References(pattern) => ref_id.filter(|id| pattern.matches(id)),
            Whom::Everybody | Whom::Actors(_) => None,
        };
        self.0
            .iter()
            .filter_map(|limit| Some((limit.demand(cache, subject(limit)?), limit)))
            .collect()
    }
}

/// The facts of a refusal: the source of the [`Error`] that carries its message.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateLimited {
    /// Seconds until it is worth trying again.
    pub retry_after: f64,
}

impl RateLimited {
    /// The refusal behind an error, if it is one.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// The error that says when to come back.
    pub(crate) fn error(limit: &RateLimit, retry_after: f64) -> Error {
        let message = format!(
            "rate limit of {} for {} is reached; try again in {} s",
            limit.rate,
            limit.key,
            retry_after.ceil()
        );
        Error::new(ErrorKind::RateLimited, message).caused_by(Self { retry_after })
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to be tried again after {} s", self.retry_after)
    }
}

impl std::error::Error for RateLimited {}
