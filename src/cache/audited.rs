//! What is written down of an operation, before it takes effect.

use super::RefCache;
use super::options::Access;
use crate::access::{Actor, Denial};
use crate::audit::{Action, AuditRecord};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::is_ref_id;

/// The actor of what nobody asked for.
const SERVER: &str = "server";

/// The reason of a denial for what is not there.
const NOT_FOUND: &str = "not_found";

/// The reason of a denial for who comes too often.
const RATE_LIMITED: &str = "rate_limited";

/// The reason of a checker of the user's own: its words may say anything.
const REFUSED: &str = "refused";

/// What happens; what is not known of it is `None`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Act<'a> {
    pub(crate) ref_id: Option<&'a str>,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) actor: Option<&'a dyn Actor>,
    pub(crate) tool: Option<&'a str>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) count: Option<usize>,
}

impl<'a> Act<'a> {
    /// Something that concerns an entry.
    pub(crate) fn on(ref_id: &'a str, entry: &'a Entry, actor: Option<&'a dyn Actor>) -> Self {
        Self {
            ref_id: Some(ref_id),
            namespace: Some(&entry.namespace),
            actor,
            ..Self::default()
        }
    }
}

impl RefCache {
    /// Whether anything is written down.
    pub(crate) fn is_audited(&self) -> bool {
        self.parts.audit.is_some()
    }

    /// Writes down what is about to happen.
    ///
    /// # Errors
    /// What the sink fails with: then it must not happen.
    pub(crate) fn record(&self, action: Action, act: Act<'_>) -> Result<()> {
        let Some(audit) = &self.parts.audit else {
            return Ok(());
        };
        audit.record(&AuditRecord {
            at: self.now(),
            cache: self.name().into(),
            action,
            ref_id: act.ref_id.map(str::to_owned),
            namespace: act.namespace.map(str::to_owned),
            actor: act.actor.map_or_else(|| SERVER.into(), Actor::label),
            user: act.actor.and_then(Actor::on_behalf_of).map(Actor::label),
            session: act
                .actor
                .and_then(Actor::session_id)
                .map(std::borrow::Cow::into_owned),
            tool: audit.running().or_else(|| act.tool.map(str::to_owned)),
            reason: act.reason,
            count: act.count,
        })
    }

    /// Writes down that an actor was let in.
    ///
    /// # Errors
    /// What the sink fails with: then it is not let in.
    pub(crate) fn admitted(&self, access: Access, act: Act<'_>) -> Result<()> {
        self.record(action_of(access), act)
    }

    /// Writes a denial down, if the error is one; the error that comes of it.
    pub(crate) fn denied(&self, error: Error, act: Act<'_>) -> Error {
        if !self.is_audited() {
            return error;
        }
        let reason = match error.kind() {
            ErrorKind::RateLimited => RATE_LIMITED,
            ErrorKind::PermissionDenied => {
                Denial::of(&error).map_or(REFUSED, |denial| denial.reason.as_str())
            }
            _ => return error,
        };
        let act = Act {
            reason: Some(reason),
            ..act
        };
        self.record(Action::Denied, act).err().unwrap_or(error)
    }

    /// Writes down that somebody asked for what is not there. A text that is no reference may be anything.
    ///
    /// # Errors
    /// What the sink fails with.
    pub(crate) fn record_missing(&self, asked: &str, actor: &dyn Actor) -> Result<()> {
        self.record(
            Action::Denied,
            Act {
                ref_id: Some(asked).filter(|asked| is_ref_id(asked)),
                actor: Some(actor),
                reason: Some(NOT_FOUND),
                ..Act::default()
            },
        )
    }
}

fn action_of(access: Access) -> Action {
    match access {
        Access::Read | Access::Receive => Action::Read,
        Access::Use => Action::Used,
        Access::Delete => Action::Deleted,
    }
}
