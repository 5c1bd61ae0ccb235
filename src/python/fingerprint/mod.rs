//! Fingerprints: a digest of what a Python value *is*, so that equal calls find each other and different ones never do.
//!
//! Everything is written in one canonical, typed form (tag, length, content) and hashed. What has no content counts by
//! identity while it lives; what has neither cannot be part of a key.

mod identity;
pub(super) mod kinds;
mod objects;
mod sink;
mod tables;
mod watched;

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTuple,
};

use sink::{Digest, Sink};

pyo3::create_exception!(
    mcp_refcache._core,
    Unkeyable,
    pyo3::exceptions::PyTypeError,
    "A value that has neither content nor an identity that can be watched."
);

/// How deep values may be nested; a value that contains itself ends here too.
const MAX_DEPTH: u16 = 1000;

/// Digest of a value: 32 hex digits, and whether an identity is part of it.
///
/// A digest without an identity is the same in every process. With `frozen` only what cannot change counts by content
/// (a list, say, does not).
#[pyfunction]
#[pyo3(signature = (value, *, frozen = false))]
pub(super) fn fingerprint(value: &Bound<'_, PyAny>, frozen: bool) -> PyResult<(String, bool)> {
    let mut walker = Walker {
        sink: Sink::default(),
        depth: 0,
        frozen,
        by_identity: false,
    };
    walker.walk(value)?;
    Ok((walker.sink.digest().hex(), walker.by_identity))
}

/// Text that no other object of any process ever has; the same for one object as long as it lives.
#[pyfunction]
pub(super) fn identity_of(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut sink = Sink::default();
    identity::write(value, &mut sink)?;
    Ok(sink.digest().hex())
}

/// One walk over one value.
struct Walker {
    sink: Sink,
    depth: u16,
    frozen: bool,
    by_identity: bool,
}

impl Walker {
    /// Writes a value of any type.
    fn walk(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_exact_instance_of::<PyString>() {
            return self.text(value.cast()?);
        }
        if self.depth == MAX_DEPTH {
            return Err(Unkeyable::new_err(format!(
                "nested deeper than {MAX_DEPTH} levels, or contains itself"
            )));
        }
        self.depth += 1;
        let written = self.walk_inside(value);
        self.depth -= 1;
        written
    }

    fn walk_inside(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            self.sink.tag(b'N');
            Ok(())
        } else if value.is_exact_instance_of::<PyBool>() {
            self.sink.tag(if value.is_truthy()? { b'T' } else { b'F' });
            Ok(())
        } else if value.is_exact_instance_of::<PyInt>() {
            self.integer(value.cast()?)
        } else if value.is_exact_instance_of::<PyFloat>() {
            self.float(value.extract()?);
            Ok(())
        } else if value.is_exact_instance_of::<PyTuple>() {
            self.tuple(value.cast()?)
        } else if value.is_exact_instance_of::<PyBytes>() {
            self.sink.blob(b'b', value.cast::<PyBytes>()?.as_bytes());
            Ok(())
        } else if value.is_exact_instance_of::<PyFrozenSet>() {
            self.set(b'z', value)
        } else if value.is_exact_instance_of::<PyComplex>() {
            self.complex(value)
        } else if self.frozen {
            self.object(value)
        } else if value.is_exact_instance_of::<PyDict>() {
            self.dict(value.cast()?)
        } else if value.is_exact_instance_of::<PyList>() {
            self.list(value.cast()?)
        } else if value.is_exact_instance_of::<PySet>() {
            self.set(b's', value)
        } else if value.is_exact_instance_of::<PyByteArray>() {
            self.sink.blob(b'B', &value.cast::<PyByteArray>()?.to_vec());
            Ok(())
        } else {
            self.object(value)
        }
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        match text.to_str() {
            Ok(text) => self.sink.blob(b'u', text.as_bytes()),
            // lone surrogates have no UTF-8
            Err(_) => {
                let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                self.sink.blob(b'U', bytes.cast::<PyBytes>()?.as_bytes());
            }
        }
        Ok(())
    }

    fn integer(&mut self, number: &Bound<'_, PyInt>) -> PyResult<()> {
        if let Ok(small) = number.extract::<i64>() {
            self.sink.tag(b'i');
            self.sink.number(small.cast_unsigned());
        } else {
            // hexadecimal: Python limits the length of decimal text
            let digits = number
                .py()
                .get_type::<PyInt>()
                .call_method1("__format__", (number, "x"))?;
            self.sink
                .blob(b'I', digits.cast::<PyString>()?.to_str()?.as_bytes());
        }
        Ok(())
    }

    fn float(&mut self, number: f64) {
        self.sink.tag(b'f');
        self.sink.number(if number.is_nan() {
            f64::NAN.to_bits()
        } else {
            number.to_bits()
        });
    }

    fn complex(&mut self, number: &Bound<'_, PyAny>) -> PyResult<()> {
        self.sink.tag(b'c');
        self.float(number.getattr("real")?.extract()?);
        self.float(number.getattr("imag")?.extract()?);
        Ok(())
    }

    fn list(&mut self, list: &Bound<'_, PyList>) -> PyResult<()> {
        self.sink.tag(b'l');
        self.sink.number(list.len() as u64);
        list.iter().try_for_each(|item| self.walk(&item))
    }

    fn tuple(&mut self, tuple: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.sink.tag(b't');
        self.sink.number(tuple.len() as u64);
        tuple.iter().try_for_each(|item| self.walk(&item))
    }

    /// The order in which entries were added is no content.
    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let pairs = pairs(dict)?;
        let Some(order) = by_name(&pairs) else {
            return self.unordered(b'd', pairs.into_iter(), |walker, (key, item)| {
                walker.walk(&key)?;
                walker.walk(&item)
            });
        };
        self.sink.tag(b'D');
        self.sink.number(order.len() as u64);
        for (name, at) in order {
            self.sink.blob(b'u', name.as_bytes());
            self.walk(&pairs[at].1)?;
        }
        Ok(())
    }

    fn set(&mut self, tag: u8, set: &Bound<'_, PyAny>) -> PyResult<()> {
        let items = set.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        self.unordered(tag, items.into_iter(), |walker, item| walker.walk(&item))
    }

    /// Writes the digests of the parts in the order of the digests.
    fn unordered<T>(
        &mut self,
        tag: u8,
        parts: impl ExactSizeIterator<Item = T>,
        write: impl Fn(&mut Self, T) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut digests = Vec::with_capacity(parts.len());
        for part in parts {
            digests.push(self.apart(|walker| write(walker, part))?);
        }
        digests.sort_unstable();
        self.sink.tag(tag);
        self.sink.number(digests.len() as u64);
        digests
            .iter()
            .for_each(|digest| self.sink.raw(digest.bytes()));
        Ok(())
    }

    /// The digest of what `write` writes, which does not go to the sink itself.
    fn apart(&mut self, write: impl FnOnce(&mut Self) -> PyResult<()>) -> PyResult<Digest> {
        let outer = std::mem::take(&mut self.sink);
        let written = write(self);
        let inner = std::mem::replace(&mut self.sink, outer);
        written.map(|()| inner.digest())
    }

    /// Which object this is, for objects without content.
    fn identity(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.by_identity = true;
        identity::write(value, &mut self.sink)
    }
}

type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A copy of the entries: user code runs while they are written, and may change the dict.
fn pairs<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Vec<Pair<'py>>> {
    dict.items().iter().map(|pair| pair.extract()).collect()
}

/// The names in order with their places, if all keys are plain text.
fn by_name<'a>(pairs: &'a [Pair<'_>]) -> Option<Vec<(&'a str, usize)>> {
    let mut order = Vec::with_capacity(pairs.len());
    for (at, (key, _)) in pairs.iter().enumerate() {
        let name = key
            .is_exact_instance_of::<PyString>()
            .then(|| key.cast::<PyString>().ok())
            .flatten()?;
        order.push((name.to_str().ok()?, at));
    }
    order.sort_unstable();
    Some(order)
}
