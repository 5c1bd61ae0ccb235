//! Which entry is meant: by reference, or by a key of this cache.

use std::sync::Arc;

use super::RefCache;
use crate::backend::Want;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::KeyName;

/// How many colons of an asked text are tried as the end of a namespace.
const MOST_COLONS: usize = 8;

/// A live entry and its id.
pub(crate) type Found = (Arc<str>, Arc<Entry>);

impl RefCache {
    /// The key of this cache in a namespace.
    pub(crate) fn key_name(&self, namespace: impl Into<Arc<str>>, key: &str) -> KeyName {
        KeyName {
            cache: self.parts.name.shared(),
            namespace: namespace.into(),
            key: key.into(),
        }
    }

    /// The live entry that `asked` means; of a key that several namespaces have, the one where
    /// `usable` agrees.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if several are left, and what the store fails with.
    pub(crate) async fn find(
        &self,
        asked: &str,
        want: Want,
        usable: impl Fn(&Entry) -> bool + Send,
    ) -> Result<Option<Found>> {
        if let Some(found) = self.referenced(asked, want).await? {
            return Ok(Some(found));
        }
        let mut candidates = self.named(asked, want).await?;
        if candidates.len() > 1 {
            candidates.retain(|(_, entry)| usable(entry));
        }
        if candidates.len() > 1 {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "key '{asked}' is in {} namespaces; ask for 'namespace:key' or for its reference",
                    candidates.len()
                ),
            ));
        }
        Ok(candidates.pop())
    }

    /// The live entries that `asked` may mean: that of a reference; of a key in the default
    /// namespace; of `namespace:key`; else of the key in every namespace that has it.
    pub(crate) async fn candidates(&self, asked: &str, want: Want) -> Result<Vec<Found>> {
        match self.referenced(asked, want).await? {
            Some(found) => Ok(vec![found]),
            None => self.named(asked, want).await,
        }
    }

    /// The live entry of a reference.
    async fn referenced(&self, asked: &str, want: Want) -> Result<Option<Found>> {
        let entry = self.parts.backend.get(asked, self.now(), want).await?;
        Ok(entry.map(|entry| (asked.into(), entry)))
    }

    /// The live entries that a key may mean.
    async fn named(&self, asked: &str, want: Want) -> Result<Vec<Found>> {
        let (now, backend) = (self.now(), &self.parts.backend);
        let default = Arc::clone(&self.parts.settings.default_namespace);
        let default = self.key_name(default, asked);
        if let Some(found) = backend.find(&default, now, want).await? {
            return Ok(vec![found]);
        }
        for (colon, _) in asked.match_indices(':').take(MOST_COLONS) {
            let name = self.key_name(&asked[..colon], &asked[colon + 1..]);
            if let Some(found) = backend.find(&name, now, want).await? {
                return Ok(vec![found]);
            }
        }
        let mut everywhere = Vec::new();
        for (_, id) in backend.find_everywhere(self.name(), asked, now).await? {
            everywhere.extend(backend.get(&id, now, want).await?.map(|entry| (id, entry)));
        }
        Ok(everywhere)
    }
}

/// The error for what is not there (any more).
pub(crate) fn not_found(asked: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("Reference '{asked}' not found: it is unknown or has expired"),
    )
}
