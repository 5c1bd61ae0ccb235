//! How often a caller may come: an attempt counts to the actor before anything is looked up, so that guessing
//! is slowed down; the use of an entry counts to its namespace and reference once it is allowed.

use super::RefCache;
use super::audited::Act;
use crate::access::Actor;
use crate::error::Result;
use crate::limits::{Demand, RateLimit, RateLimited, Take};

impl RefCache {
    /// Counts an attempt of this actor.
    ///
    /// # Errors
    /// [`RateLimited`](crate::ErrorKind::RateLimited), and what the store or a user-written actor fails with.
    pub(crate) async fn count_attempt(&self, actor: &dyn Actor) -> Result<()> {
        let Some(limits) = &self.parts.limits else {
            return Ok(());
        };
        let wanted = limits.of_actor(self.name(), actor)?;
        let act = Act {
            actor: Some(actor),
            ..Act::default()
        };
        self.take(wanted, act).await
    }

    /// Counts the use of an entry that this actor is allowed to make; of an entry that is about to be stored
    /// there is no reference yet.
    ///
    /// # Errors
    /// [`RateLimited`](crate::ErrorKind::RateLimited), and what the store fails with.
    pub(crate) async fn count_use(
        &self,
        namespace: &str,
        ref_id: Option<&str>,
        actor: Option<&dyn Actor>,
    ) -> Result<()> {
        let Some(limits) = &self.parts.limits else {
            return Ok(());
        };
        let wanted = limits.of_entry(self.name(), namespace, ref_id);
        let act = Act {
            ref_id,
            namespace: Some(namespace),
            actor,
            ..Act::default()
        };
        self.take(wanted, act).await
    }

    async fn take(&self, wanted: Vec<(Demand, &RateLimit)>, act: Act<'_>) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let (demands, limits): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
        let now = self.now();
        let outcome = match self.parts.backend.take(&demands, now).await? {
            Take::NotKept => self.parts.buckets.take(&demands, now),
            outcome => outcome,
        };
        match outcome {
            Take::Refused { place, retry_after } => {
                let error = RateLimited::error(limits[place], retry_after);
                Err(self.denied(error, act))
            }
            Take::Granted | Take::NotKept => Ok(()),
        }
    }
}
