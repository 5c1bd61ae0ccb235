//! Previews for Python: the native generators over Python values, and results as Python objects.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arguments::number;
use super::copy::Objects;
use super::error::to_py;
use super::snapshot::to_document;
use super::{decode, measure, walk};
use crate::preview::{PreviewRequest, PreviewResult, PreviewStrategy, default_generator};
use crate::value::Kind;

/// The eight fields of a `PreviewResult` in their order.
pub(super) type Fields<'py> = (
    Bound<'py, PyAny>,
    &'static str,
    usize,
    usize,
    Option<usize>,
    Option<usize>,
    Option<usize>,
    Option<usize>,
);

/// What the built-in generator of a strategy shows of a value.
#[pyfunction]
#[pyo3(signature = (strategy, value, max_size, measurer, page, page_size))]
pub(super) fn generate<'py>(
    py: Python<'py>,
    strategy: &str,
    value: &Bound<'py, PyAny>,
    max_size: i64,
    measurer: &Bound<'py, PyAny>,
    page: Option<&Bound<'py, PyAny>>,
    page_size: Option<&Bound<'py, PyAny>>,
) -> PyResult<Fields<'py>> {
    let strategy: PreviewStrategy = strategy.parse().map_err(to_py)?;
    let document = Arc::new(to_document(walk::walk(value)?, Objects::share).map_err(to_py)?);
    let (measurer, _) = measure::from_python(measurer)?;
    let page = number("page", 1, page)?;
    let page_size = number("page_size", 1, page_size)?;
    let request = PreviewRequest {
        document: &document,
        max_size: max_size.max(0) as usize,
        measurer: &*measurer,
        page,
        page_size,
    };
    let result = py
        .detach(|| default_generator(strategy).generate(&request))
        .map_err(to_py)?;
    let whole = result.excerpt.is_whole() && document.kind() != Kind::List;
    let same = result.excerpt.is_whole()
        && (whole || value.is_instance_of::<PyList>())
        && result.strategy != PreviewStrategy::Paginate;
    let preview = if same {
        value.clone()
    } else {
        decode::excerpt(py, &result.excerpt)?
    };
    Ok(fields(preview, &result))
}

/// A result with its preview as a Python object.
pub(super) fn fields<'py>(preview: Bound<'py, PyAny>, result: &PreviewResult) -> Fields<'py> {
    (
        preview,
        result.strategy.as_str(),
        result.original_size,
        result.preview_size,
        result.total_items,
        result.sampled_items,
        result.page,
        result.total_pages,
    )
}

/// A user-written generator's answer to the five keywords that it is called with.
pub(super) fn generate_foreign<'py>(
    generator: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    max_size: usize,
    measurer: &Bound<'py, PyAny>,
    page: Option<usize>,
    page_size: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = PyDict::new(generator.py());
    keywords.set_item("value", value)?;
    keywords.set_item("max_size", max_size)?;
    keywords.set_item("measurer", measurer)?;
    keywords.set_item("page", page)?;
    keywords.set_item("page_size", page_size)?;
    generator.call_method("generate", (), Some(&keywords))
}
