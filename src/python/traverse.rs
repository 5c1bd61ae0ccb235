//! What the garbage collector is shown of an entry: the Python objects that nobody but the entry holds.
//!
//! Each reference must be shown at most once, and the same ones each time within one collection. So what
//! somebody else holds as well is left out together with all that is in it: whoever looks at an entry holds
//! it from before it lets go of the interpreter until after it has it back.

use std::sync::Arc;

use pyo3::{PyTraverseError, PyVisit};

use super::access::PyPolicy;
use super::copy::Objects;
use super::snapshot::Snapshot;
use crate::entry::Entry;
use crate::value::{Document, Value};

type Outcome = Result<(), PyTraverseError>;

/// Shows the objects of an entry that only its store holds.
pub(super) fn entry(entry: &Arc<Entry>, visit: &PyVisit<'_>) -> Outcome {
    if Arc::strong_count(entry) > 1 {
        return Ok(());
    }
    if Arc::strong_count(&entry.policy) == 1
        && let Some(policy) = entry.policy.as_any().downcast_ref::<PyPolicy>()
    {
        policy.traverse(visit)?;
    }
    let extra = entry.details.extra.as_ref().and_then(snapshot);
    let parts = extra.into_iter().chain(snapshot(&entry.value));
    let mut own = Vec::new();
    for snapshot in parts {
        snapshot.traverse(visit)?;
        own.extend(snapshot.kept_document());
    }
    entry.views().inspect(|views| {
        let views = views.filter(|view| Arc::strong_count(view) == 1);
        let shown = views.map(|view| view.excerpt.document());
        documents(&own.iter().copied().chain(shown).collect::<Vec<_>>(), visit)
    })
}

/// The snapshot in a value, if nobody else holds it.
fn snapshot(value: &Value) -> Option<&Snapshot> {
    match value {
        Value::Foreign(value) if Arc::strong_count(value) == 1 => value.as_any().downcast_ref(),
        _ => None,
    }
}

/// Shows the objects of these documents, each once, if these are all who hold them.
fn documents(held: &[&Arc<Document>], visit: &PyVisit<'_>) -> Outcome {
    for (i, document) in held.iter().enumerate() {
        let holders = |held: &[&Arc<Document>]| {
            let same = held.iter().filter(|other| Arc::ptr_eq(other, document));
            same.count()
        };
        if holders(&held[..i]) == 0
            && Arc::strong_count(document) == holders(held)
            && let Some(objects) = &document.notes().objects
            && Arc::strong_count(objects) == 1
            && let Some(objects) = objects.downcast_ref::<Objects>()
        {
            objects.traverse(visit)?;
        }
    }
    Ok(())
}
