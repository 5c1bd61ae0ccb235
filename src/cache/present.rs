//! The sync half of every read: may this actor, and what is it shown.

use std::sync::Arc;

use super::RefCache;
use super::options::{Access, GetOptions};
use super::settings::ResolveRequires;
use crate::access::{Actor, Masks, Permission};
use crate::entry::{Entry, ViewKey};
use crate::error::{Error, Result};
use crate::measure::SizeMeasurer;
use crate::preview::{
    PreviewGenerator, PreviewRequest, PreviewResult, PreviewStrategy, default_generator,
};
use crate::value::{Document, Excerpt};

/// What a look at an entry comes to.
pub(crate) enum Sight {
    /// This is shown.
    Seen(Arc<PreviewResult>),
    /// The value has to be read further first: the document says where.
    Unread(Arc<Document>),
}

/// What of an entry an actor sees who may do something with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sees {
    /// All of it.
    All,
    /// All but what these hide.
    Masked(Masks),
}

impl Sees {
    /// The entry as it is seen.
    pub(crate) fn of(self, entry: &Arc<Entry>) -> Arc<Entry> {
        match self {
            Self::All => Arc::clone(entry),
            Self::Masked(masks) => entry.seen(masks),
        }
    }
}

/// What of an entry somebody sees who may do that with it: masks hide from readers alone.
fn sees(entry: &Entry, actor: &dyn Actor, access: Access) -> Result<Sees> {
    let reads = matches!(access, Access::Read | Access::Receive);
    if !reads || !actor.kind().sees_masked() {
        return Ok(Sees::All);
    }
    let masks = entry.policy.masked_paths()?;
    Ok(masks.map_or(Sees::All, Sees::Masked))
}

/// A namespace that admits everybody: checked in place of one that does not matter.
const OPEN_NAMESPACE: &str = "public";

/// The namespace that must admit the actor, and the permission it needs.
fn asked(entry: &Entry, access: Access) -> (&str, Permission) {
    let namespace = match access {
        Access::Use if !entry.details.bound => OPEN_NAMESPACE,
        Access::Receive => OPEN_NAMESPACE,
        _ => &entry.namespace,
    };
    let permission = match access {
        Access::Delete => Permission::DELETE,
        Access::Read | Access::Receive | Access::Use => Permission::READ,
    };
    (namespace, permission)
}

impl RefCache {
    /// Whether the actor may do that with the entry, and what of it is seen then. Every path asks here.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied), or what a user-written checker failed with.
    pub(crate) fn authorize(
        &self,
        entry: &Entry,
        actor: &dyn Actor,
        access: Access,
    ) -> Result<Sees> {
        let (namespace, permission) = asked(entry, access);
        if !self.is_enough_to_use(entry, actor, access)? {
            // what is said of a denial is what the actor lacks most: the right to see
            let checker = &*self.parts.checker;
            checker.check(&*entry.policy, permission, actor, namespace)?;
        }
        sees(entry, actor, access)
    }

    /// The same for answers that do not say why not: `None` if the actor may not.
    ///
    /// # Errors
    /// What a user-written checker failed with.
    pub(crate) fn admit(
        &self,
        entry: &Entry,
        actor: &dyn Actor,
        access: Access,
    ) -> Result<Option<Sees>> {
        let (namespace, permission) = asked(entry, access);
        let checker = &*self.parts.checker;
        let may = self.is_enough_to_use(entry, actor, access)?
            || checker.allows(&*entry.policy, permission, actor, namespace)?;
        may.then(|| sees(entry, actor, access)).transpose()
    }

    /// Whether the server may use the entry for an actor that need not see it.
    fn is_enough_to_use(&self, entry: &Entry, actor: &dyn Actor, access: Access) -> Result<bool> {
        let (namespace, _) = asked(entry, access);
        let checker = &*self.parts.checker;
        Ok(access == Access::Use
            && self.parts.settings.resolve_requires == ResolveRequires::Execute
            && checker.allows(&*entry.policy, Permission::EXECUTE, actor, namespace)?)
    }

    /// The preview or page of an entry that the options ask for, as far as the value is here.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a page below 1; what user-written parts failed with.
    pub(crate) fn look(&self, entry: &Entry, options: &GetOptions<'_>) -> Result<Sight> {
        for (name, number) in [("page", options.page), ("page_size", options.page_size)] {
            if number == Some(0) {
                return Err(Error::invalid(format!("{name} must be 1 or greater")).with(name, 0));
            }
        }
        let (generator, max_size, key) = self.plan(entry, options);
        if let Some(view) = key.as_ref().and_then(|key| entry.views().get(key)) {
            return Ok(Sight::Seen(view));
        }
        let document = entry.value.document()?;
        let made = generator.generate(&PreviewRequest {
            document: &document,
            max_size,
            measurer: self.measurer(),
            page: options.page,
            page_size: options.page_size,
        });
        let made = made.and_then(|mut view| {
            if entry.value.is_remote() {
                // what is shown must not hold on to all that was read on the way to it
                view.excerpt = Excerpt::detached(Arc::new(view.excerpt.to_document()?));
            }
            Ok(view)
        });
        // asked last: what is shown whole is not looked at before it is copied
        if document.lacks_some() {
            return Ok(Sight::Unread(document));
        }
        let view = made?;
        let view = Arc::new(view);
        if let Some(key) = key {
            entry.views().remember(key, &view);
        }
        Ok(Sight::Seen(view))
    }

    /// The view that these options ask for, if it was made before.
    pub(crate) fn remembered_view(
        &self,
        entry: &Entry,
        options: &GetOptions<'_>,
    ) -> Option<Arc<PreviewResult>> {
        self.plan(entry, options)
            .2
            .and_then(|key| entry.views().get(&key))
    }

    /// The key to remember a view by, if only parts of this crate take part in making it.
    pub(super) fn view_key(&self, entry: &Entry, options: &GetOptions<'_>) -> Option<ViewKey> {
        self.plan(entry, options).2
    }

    /// Who makes a view, how large it may be, and the key to remember it by if only built-in parts
    /// take part.
    fn plan(
        &self,
        entry: &Entry,
        options: &GetOptions<'_>,
    ) -> (&dyn PreviewGenerator, usize, Option<ViewKey>) {
        let max_size = options.max_size.unwrap_or_else(|| self.preview_size(entry));
        let (generator, strategy) = self.generator(entry, options);
        let key = strategy
            .zip(self.measurer().unit())
            .map(|(strategy, unit)| ViewKey {
                strategy,
                unit,
                max_size,
                page: options.page,
                page_size: options.page_size,
                masks: entry.masks().map(Masks::id),
            });
        (generator, max_size, key)
    }

    /// The preview size of an entry: the tool's, else the cache's.
    pub(crate) fn preview_size(&self, entry: &Entry) -> usize {
        entry
            .details
            .max_size
            .unwrap_or(self.parts.settings.preview.max_size)
    }

    /// The generator for an entry, and its strategy if it is a built-in one. Asked for a page, a
    /// sampling one is replaced by the paginating one; a user-written one never.
    fn generator(
        &self,
        entry: &Entry,
        options: &GetOptions<'_>,
    ) -> (&dyn PreviewGenerator, Option<PreviewStrategy>) {
        let chosen = match (
            options.strategy.or(entry.details.strategy),
            &self.parts.generator,
        ) {
            (Some(strategy), _) => default_generator(strategy),
            (None, Some(generator)) => &**generator,
            (None, None) => default_generator(self.parts.settings.preview.strategy),
        };
        match chosen.strategy() {
            Some(PreviewStrategy::Sample | PreviewStrategy::Summary) if options.page.is_some() => (
                default_generator(PreviewStrategy::Paginate),
                Some(PreviewStrategy::Paginate),
            ),
            strategy => (chosen, strategy),
        }
    }

    /// The measurer of this cache.
    pub(crate) fn measurer(&self) -> &dyn SizeMeasurer {
        &*self.parts.measurer
    }
}
