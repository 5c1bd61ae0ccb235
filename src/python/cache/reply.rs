//! The dicts that tools and readers get: fields of a `CacheResponse`, and a decorated tool's answer.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::super::error::to_py;
use super::super::{shown, snapshot};
use crate::cache::RefCache;
use crate::entry::Entry;
use crate::measure::SizeMeasurer;
use crate::preview::{PreviewResult, PreviewStrategy};
use crate::value::{Excerpt, Kind, Node};

/// Fields of a response, and the attributes of a user's `PreviewResult` that fill them.
const FOREIGN_FIELDS: [(&str, &str); 7] = [
    ("preview", "preview"),
    ("preview_strategy", "strategy"),
    ("total_items", "total_items"),
    ("original_size", "original_size"),
    ("preview_size", "preview_size"),
    ("page", "page"),
    ("total_pages", "total_pages"),
];

/// The rest of a response for a preview or page: all fields in their order, as the model has them.
pub(super) fn response(
    fields: &Bound<'_, PyDict>,
    result: &PreviewResult,
    measurer: &dyn SizeMeasurer,
) -> PyResult<()> {
    let py = fields.py();
    let in_tokens = measurer.unit().is_some_and(|unit| unit != "characters");
    let tokens = in_tokens.then_some(result.original_size);
    fields.set_item(intern!(py, "total_items"), result.total_items)?;
    fields.set_item(intern!(py, "total_tokens"), tokens)?;
    fields.set_item(intern!(py, "original_size"), result.original_size)?;
    fields.set_item(intern!(py, "preview_size"), result.preview_size)?;
    let shown = shown::fresh(py, &result.excerpt)?;
    fields.set_item(intern!(py, "preview"), shown)?;
    fields.set_item(intern!(py, "preview_strategy"), strategy(py, result))?;
    fields.set_item(intern!(py, "page"), result.page)?;
    fields.set_item(intern!(py, "total_pages"), result.total_pages)?;
    fields.set_item(intern!(py, "available_actions"), py.None())
}

/// Fields of a response for what a user's generator made.
pub(super) fn foreign_response(
    fields: &Bound<'_, PyDict>,
    result: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for (field, attribute) in FOREIGN_FIELDS {
        fields.set_item(field, result.getattr(attribute)?)?;
    }
    Ok(())
}

/// The answer with all of the value.
pub(super) fn complete(fields: &Bound<'_, PyDict>, entry: &Entry, size: usize) -> PyResult<()> {
    let py = fields.py();
    fields.set_item(intern!(py, "value"), snapshot::fresh_of(py, entry)?)?;
    flags(fields, true)?;
    fields.set_item(intern!(py, "size"), size)?;
    fields.set_item(intern!(py, "total_items"), entry.total_items())
}

/// The answer with a preview.
pub(super) fn preview(
    fields: &Bound<'_, PyDict>,
    result: &PreviewResult,
    core: &RefCache,
    entry: &Entry,
) -> PyResult<()> {
    let py = fields.py();
    let shown = shown::fresh(py, &result.excerpt)?;
    let floor = match shown.is_none() {
        true => Some(least_size(core.measurer(), &result.excerpt)?),
        false => None,
    };
    fields.set_item(intern!(py, "preview"), shown)?;
    flags(fields, false)?;
    describe(fields, result)?;
    let mut message = hint(fields, entry)?;
    if let Some(floor) = floor {
        let limit = core.preview_size(entry);
        message.push_str(&format!(
            " Nothing of it fits a preview of {limit}; the least is max_size={floor}."
        ));
    }
    fields.set_item(intern!(py, "message"), message)
}

/// The answer with a preview that a user's generator made.
pub(super) fn foreign_preview(
    fields: &Bound<'_, PyDict>,
    result: &Bound<'_, PyAny>,
    entry: &Entry,
) -> PyResult<()> {
    let py = fields.py();
    fields.set_item(intern!(py, "preview"), result.getattr("preview")?)?;
    flags(fields, false)?;
    for (field, attribute) in &FOREIGN_FIELDS[1..] {
        let fact = result.getattr(*attribute)?;
        if !(fact.is_none() && matches!(*field, "page" | "total_pages")) {
            fields.set_item(*field, fact)?;
        }
    }
    fields.set_item(intern!(py, "message"), hint(fields, entry)?)
}

/// The answer to who may not see the value.
pub(super) fn hidden(fields: &Bound<'_, PyDict>, usable: bool) -> PyResult<()> {
    let py = fields.py();
    let ref_id = ref_id(fields)?;
    fields.set_item(intern!(py, "preview"), py.None())?;
    flags(fields, false)?;
    fields.set_item(intern!(py, "preview_strategy"), py.None())?;
    fields.set_item(intern!(py, "total_items"), py.None())?;
    let message = match usable {
        true => format!(
            "You may use this value but not see it: pass ref_id='{ref_id}' to another tool."
        ),
        false => {
            "The result is stored, for others than you: you may neither see nor use it.".to_owned()
        }
    };
    fields.set_item(intern!(py, "message"), message)
}

/// The least limit under which a value shows anything: the size of the empty value of its type.
fn least_size(measurer: &dyn SizeMeasurer, shown: &Excerpt) -> PyResult<usize> {
    let document = shown.document();
    let empty = match document.kind() {
        Kind::List => "[]",
        Kind::Dict => "{}",
        _ => "\"\"",
    };
    let empty = Excerpt::new(
        std::sync::Arc::clone(document),
        Node::Made(empty.to_owned()),
    );
    measurer.measure(&empty).map_err(to_py)
}

fn ref_id(fields: &Bound<'_, PyDict>) -> PyResult<String> {
    fields
        .as_any()
        .get_item(intern!(fields.py(), "ref_id"))?
        .extract()
}

fn hint(fields: &Bound<'_, PyDict>, entry: &Entry) -> PyResult<String> {
    let ref_id = ref_id(fields)?;
    let masked = match entry.masks() {
        Some(_) => " What stands as [masked] is hidden from you.",
        None => "",
    };
    Ok(format!(
        "Use get_cached_result(ref_id='{ref_id}') to paginate.{masked}"
    ))
}

fn flags(fields: &Bound<'_, PyDict>, complete: bool) -> PyResult<()> {
    fields.set_item(intern!(fields.py(), "is_complete"), complete)?;
    fields.set_item(intern!(fields.py(), "is_async"), false)
}

fn strategy<'py>(py: Python<'py>, result: &PreviewResult) -> &'py Bound<'py, PyString> {
    match result.strategy {
        PreviewStrategy::Sample => intern!(py, "sample"),
        PreviewStrategy::Truncate => intern!(py, "truncate"),
        PreviewStrategy::Paginate => intern!(py, "paginate"),
        PreviewStrategy::Summary => intern!(py, "summary"),
    }
}

/// What an answer says about its preview.
fn describe(fields: &Bound<'_, PyDict>, result: &PreviewResult) -> PyResult<()> {
    let py = fields.py();
    fields.set_item(intern!(py, "preview_strategy"), strategy(py, result))?;
    fields.set_item(intern!(py, "total_items"), result.total_items)?;
    fields.set_item(intern!(py, "original_size"), result.original_size)?;
    fields.set_item(intern!(py, "preview_size"), result.preview_size)?;
    if result.page.is_some() {
        fields.set_item(intern!(py, "page"), result.page)?;
        fields.set_item(intern!(py, "total_pages"), result.total_pages)?;
    }
    Ok(())
}
