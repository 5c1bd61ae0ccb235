//! [`Ends`]: when the entries end that this process wrote, so that a purge looks at nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;

/// Ids by the moment of their end. An id may stand here more than once, or have gone meanwhile: who
/// purges looks at the entry itself.
#[derive(Default)]
pub(super) struct Ends {
    ids: BTreeMap<(u64, u64), Arc<str>>,
    count: u64,
}

impl Ends {
    /// Notes that an entry ends then.
    pub(super) fn note(&mut self, id: &str, end: Timestamp) {
        self.count += 1;
        self.ids.insert((in_order(end), self.count), id.into());
    }

    /// Takes the ids out that may have ended by `now`.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let later = self.ids.split_off(&(in_order(now), u64::MAX));
        let ended = std::mem::replace(&mut self.ids, later);
        ended.into_values().collect()
    }
}

/// Bits that compare as the moments do, which are not negative.
fn in_order(moment: Timestamp) -> u64 {
    moment.max(0.0).to_bits()
}
