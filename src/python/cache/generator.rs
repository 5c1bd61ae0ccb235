//! A preview generator of the user's own, in the place of those of the core.

use pyo3::intern;
use pyo3::prelude::*;

use super::super::arguments::wrong_type;
use super::super::{preview, snapshot};
use crate::cache::{GetOptions, RefCache};
use crate::entry::Entry;
use crate::preview::PreviewStrategy;

/// The user's generator.
pub(super) struct ForeignGenerator {
    pub(super) generator: Py<PyAny>,
    /// Whether it gives way to pagination when a page is asked for.
    pub(super) samples: bool,
    pub(super) measurer: Py<PyAny>,
}

/// Who makes a view.
pub(super) enum Generation<'a> {
    /// The user's generator.
    Foreign(&'a ForeignGenerator),
    /// One of the core's, with these options.
    Native(GetOptions<'static>),
}

impl ForeignGenerator {
    /// Who makes this view of an entry.
    pub(super) fn plan(&self, entry: &Entry, options: GetOptions<'static>) -> Generation<'_> {
        if entry.details.strategy.is_some() {
            return Generation::Native(options);
        }
        if self.samples && options.page.is_some() {
            return Generation::Native(GetOptions {
                strategy: Some(PreviewStrategy::Paginate),
                ..options
            });
        }
        Generation::Foreign(self)
    }

    /// What the user's generator makes of a value that is all here.
    pub(super) fn generate<'py>(
        &self,
        py: Python<'py>,
        core: &RefCache,
        entry: &Entry,
        options: &GetOptions<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = snapshot::fresh(py, &entry.value)?;
        let max_size = options.max_size.unwrap_or_else(|| core.preview_size(entry));
        let result = preview::generate_foreign(
            self.generator.bind(py),
            &value,
            max_size,
            self.measurer.bind(py),
            options.page,
            options.page_size,
        )?;
        if !result.hasattr(intern!(py, "preview"))? {
            let what = "what preview_generator generates";
            return Err(wrong_type(what, "a PreviewResult", &result));
        }
        Ok(result)
    }
}
