//! Sizes for Python: native ones where the measurer is one of ours, else the user's own object is asked.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::copy::Objects;
use super::error::{from_py, to_py};
use super::hook::Hook;
use super::snapshot::to_document;
use super::{decode, walk};
use crate::error::Result;
use crate::measure::{
    CharacterFallback, CharacterMeasurer, Encoding as Bpe, SizeMeasurer, TokenMeasurer, Tokenizer,
    encoding_for_model,
};
use crate::value::Excerpt;

/// Characters of `json.dumps(value, default=str)`.
#[pyfunction]
pub(super) fn count_characters(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    walk::size(value)
}

/// The text that `json.dumps(value, default=str)` gives.
#[pyfunction]
pub(super) fn json_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(walk::walk(value)?.text)
}

/// Tokens of `json.dumps(value, default=str)` by any tokenizer.
#[pyfunction]
pub(super) fn count_tokens(
    value: &Bound<'_, PyAny>,
    tokenizer: &Bound<'_, PyAny>,
) -> PyResult<usize> {
    let document = to_document(walk::walk(value)?, Objects::share).map_err(to_py)?;
    let (measurer, _) = token_measurer(tokenizer)?;
    value
        .py()
        .detach(|| measurer.measure(&Excerpt::whole(Arc::new(document))))
        .map_err(to_py)
}

/// A built-in vocabulary: `o200k_base` or `cl100k_base`.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct Encoding(&'static Bpe);

#[pymethods]
impl Encoding {
    /// The vocabulary of this name or of a model; `cl100k_base` for models without a built-in one.
    #[staticmethod]
    fn for_model(model: &str) -> Self {
        let known = match model {
            "o200k_base" => Some(Bpe::o200k_base()),
            model => encoding_for_model(model),
        };
        Self(known.unwrap_or_else(Bpe::cl100k_base))
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.0.model_name()
    }

    /// Token ids of a text; what looks like a special token is text. Lone surrogates count as U+FFFD.
    fn encode(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
        let text = lossy(text)?;
        py.detach(|| self.0.encode(&text)).map_err(to_py)
    }

    /// Number of tokens of a text.
    fn count_tokens(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let text = lossy(text)?;
        py.detach(|| self.0.count_tokens(&text)).map_err(to_py)
    }
}

/// A str as UTF-8; lone surrogates become U+FFFD.
fn lossy(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(text
        .cast::<pyo3::types::PyString>()?
        .to_string_lossy()
        .into_owned())
}

/// A native measurer, and the Python object that it asks if there is one.
pub(super) type Measurer = (Arc<dyn SizeMeasurer>, Option<Hook>);

/// The measurer that a Python object stands for.
pub(super) fn from_python(measurer: &Bound<'_, PyAny>) -> PyResult<Measurer> {
    let py = measurer.py();
    if is_exactly(measurer, "CharacterMeasurer")? {
        return Ok((Arc::new(CharacterMeasurer), None));
    }
    if is_exactly(measurer, "TokenMeasurer")? {
        return token_measurer(&measurer.getattr(intern!(py, "tokenizer"))?);
    }
    let hook = Hook::new(measurer);
    Ok((Arc::new(PyMeasurer(hook.clone())), Some(hook)))
}

/// Tokens by the tokenizer that a Python object stands for.
fn token_measurer(tokenizer: &Bound<'_, PyAny>) -> PyResult<Measurer> {
    let py = tokenizer.py();
    if is_exactly(tokenizer, "TiktokenAdapter")? {
        let encoding = tokenizer.call_method0(intern!(py, "_get_encoding"))?;
        if let Ok(encoding) = encoding.cast::<Encoding>() {
            return Ok((Arc::new(TokenMeasurer::new(encoding.get().0)), None));
        }
    }
    if is_exactly(tokenizer, "CharacterFallback")? {
        let fallback = CharacterFallback::new(
            tokenizer
                .getattr(intern!(py, "chars_per_token"))?
                .extract()?,
        )
        .map_err(to_py)?;
        return Ok((Arc::new(TokenMeasurer::new(fallback)), None));
    }
    let hook = Hook::new(tokenizer);
    let measurer = TokenMeasurer::new(PyTokenizer(hook.clone()));
    Ok((Arc::new(measurer), Some(hook)))
}

/// Whether an object is of this class of `mcp_refcache.context` itself: a subclass may override anything.
fn is_exactly(object: &Bound<'_, PyAny>, class: &'static str) -> PyResult<bool> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 4] = [const { PyOnceLock::new() }; 4];
    let slot = match class {
        "CharacterMeasurer" => 0,
        "TokenMeasurer" => 1,
        "TiktokenAdapter" => 2,
        _ => 3,
    };
    Ok(object
        .get_type()
        .is(CLASSES[slot].import(object.py(), "mcp_refcache.context", class)?))
}

/// A measurer written in Python: is shown what the agent would be shown.
struct PyMeasurer(Hook);

impl SizeMeasurer for PyMeasurer {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        Python::attach(|py| {
            let shown = if excerpt.is_whole() {
                decode::document(py, excerpt.document())
            } else {
                decode::excerpt(py, excerpt)
            };
            self.0
                .bind(py)
                .call_method1(intern!(py, "measure"), (shown?,))?
                .extract()
        })
        .map_err(from_py)
    }
}

/// A tokenizer written in Python.
struct PyTokenizer(Hook);

impl Tokenizer for PyTokenizer {
    fn model_name(&self) -> &'static str {
        "a tokenizer written in Python"
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Python::attach(|py| {
            self.0
                .bind(py)
                .call_method1(intern!(py, "encode"), (text,))?
                .extract()
        })
        .map_err(from_py)
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Python::attach(|py| {
            self.0
                .bind(py)
                .call_method1(intern!(py, "count_tokens"), (text,))?
                .extract()
        })
        .map_err(from_py)
    }
}
