//! Fingerprints of objects: what the standard library and the usual model classes hold, functions, classes.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple,
    PyType,
};

use super::kinds::{Kind, Model, kind_of};
use super::{Unkeyable, Walker, tables};

impl Walker {
    /// Writes a value that is no plain number, text or container.
    #[inline(never)]
    pub(super) fn object(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let class = value.get_type();
        let kind = kind_of(&class)?;
        match &*kind {
            Kind::Attributes(names) => self.parts(&class, &attributes(value, names)?),
            Kind::Text => self.parts(&class, &[value.str()?.into_any()]),
            Kind::Repr => self.parts(&class, &[value.repr()?.into_any()]),
            Kind::Single => self.parts(&class, &[]),
            Kind::ZoneInfo if value.getattr("key")?.is_none() => self.identity(value),
            Kind::ZoneInfo => self.parts(&class, &attributes(value, &["key"])?),
            Kind::Secret => self.parts(&class, &[value.call_method0("get_secret_value")?]),
            Kind::Class => self.class(value.cast()?),
            Kind::Function => self.function(value, &class),
            Kind::Partial => {
                let mut parts = attributes(value, &["func", "args"])?;
                // its dict of keywords is its own, nobody changes it
                parts.push(
                    value
                        .getattr("keywords")?
                        .cast::<PyDict>()?
                        .items()
                        .to_tuple()
                        .into_any(),
                );
                self.parts(&class, &parts)
            }
            Kind::Stream => {
                let name = class.fully_qualified_name()?;
                Err(Unkeyable::new_err(format!(
                    "a value of type {name} is used up by reading it"
                )))
            }
            Kind::Identity => self.identity(value),
            Kind::Subclass { mutable: false } => self.subclass(value, &class),
            Kind::Model(model) if model.frozen || !self.frozen => self.model(value, &class, model),
            // what is left can change
            _ if self.frozen => self.identity(value),
            Kind::Subclass { .. } => self.subclass(value, &class),
            Kind::Table(table) => tables::write(self, *table, value, &class),
            Kind::Bytes(names) => {
                let mut parts = attributes(value, names)?;
                parts.push(value.call_method0("tobytes")?);
                self.parts(&class, &parts)
            }
            Kind::Deque => {
                let items = PyList::empty(value.py());
                items.call_method1("extend", (value,))?;
                self.parts(&class, &[value.getattr("maxlen")?, items.into_any()])
            }
            Kind::MappingProxy => self.parts(&class, &[value.call_method0("copy")?]),
            Kind::Model(_) => self.identity(value),
        }
    }

    /// Class and content.
    pub(super) fn parts(
        &mut self,
        class: &Bound<'_, PyType>,
        parts: &[Bound<'_, PyAny>],
    ) -> PyResult<()> {
        self.sink.tag(b'o');
        self.class(class)?;
        self.sink.number(parts.len() as u64);
        parts.iter().try_for_each(|part| self.walk(part))
    }

    /// A class that can be found under its name is that name; another one counts by identity.
    fn class(&mut self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let (module, name) = (class.module()?, class.qualname()?);
        let (module, name) = (module.to_str()?, name.to_str()?);
        if is_reachable(class, module, name) {
            self.sink.blob(b'C', module.as_bytes());
            self.sink.blob(b'C', name.as_bytes());
            return Ok(());
        }
        self.identity(class)
    }

    /// A function without closure is its code and defaults. What is in a closure may change: identity.
    fn function(&mut self, function: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
        if !function.getattr("__closure__")?.is_none() {
            return self.identity(function);
        }
        let mut parts = attributes(
            function,
            &["__module__", "__qualname__", "__code__", "__defaults__"],
        )?;
        if let Ok(named) = function.getattr("__kwdefaults__")?.cast_into::<PyDict>() {
            parts.push(named.items().to_tuple().into_any());
        }
        let (frozen, by_identity) = (std::mem::replace(&mut self.frozen, true), self.by_identity);
        let digest = self.apart(|walker| walker.parts(class, &parts));
        self.frozen = frozen;
        if let Ok(digest) = digest {
            self.sink.tag(b'p');
            self.sink.raw(digest.bytes());
            Ok(())
        } else {
            self.by_identity = by_identity;
            self.identity(function)
        }
    }

    /// The fields of a model; one that is not set is no content.
    fn model(
        &mut self,
        value: &Bound<'_, PyAny>,
        class: &Bound<'_, PyType>,
        model: &Model,
    ) -> PyResult<()> {
        let py = value.py();
        self.sink.tag(b'm');
        self.class(class)?;
        let beside = model.beside.iter().map(|name| PyString::intern(py, name));
        for name in model
            .fields
            .iter()
            .map(|name| name.bind(py).clone())
            .chain(beside)
        {
            match value.getattr(&name) {
                Ok(content) => {
                    self.sink.blob(b'a', name.to_str()?.as_bytes());
                    self.walk(&content)?;
                }
                Err(error) if error.is_instance_of::<PyAttributeError>(py) => {}
                Err(error) => return Err(error),
            }
        }
        self.sink.tag(b'.');
        Ok(())
    }

    /// A subclass of a built-in type: its class, the content of the built-in, and what was added.
    fn subclass(&mut self, value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
        self.sink.tag(b'x');
        self.class(class)?;
        if let Ok(text) = value.cast::<PyString>() {
            self.text(text)?;
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.integer(number)?;
        } else if value.is_instance_of::<PyFloat>() {
            self.float(value.extract()?);
        } else if value.is_instance_of::<PyComplex>() {
            self.complex(value)?;
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            self.sink.blob(b'b', bytes.as_bytes());
        } else if let Ok(bytes) = value.cast::<PyByteArray>() {
            self.sink.blob(b'B', &bytes.to_vec());
        } else if let Ok(items) = value.cast::<PyTuple>() {
            self.tuple(items)?;
        } else if let Ok(items) = value.cast::<PyList>() {
            self.list(items)?;
        } else if let Ok(entries) = value.cast::<PyDict>() {
            // an OrderedDict is equal to another only in the same order, a defaultdict has its factory
            if class.name()? == "OrderedDict" {
                self.list(&entries.items())?;
            } else {
                self.dict(entries)?;
            }
            if let Some(factory) = value.getattr_opt("default_factory")? {
                self.walk(&factory)?;
            }
        } else {
            self.set(b's', value)?;
        }
        match value.getattr_opt("__dict__")? {
            Some(added) if added.is_truthy()? => self.dict(added.cast()?),
            _ => Ok(()),
        }
    }
}

fn attributes<'py>(value: &Bound<'py, PyAny>, names: &[&str]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    names.iter().map(|name| value.getattr(*name)).collect()
}

/// Whether the module has exactly this class under this name.
fn is_reachable(class: &Bound<'_, PyType>, module: &str, qualname: &str) -> bool {
    static MODULES: PyOnceLock<Py<PyMapping>> = PyOnceLock::new();
    let py = class.py();
    let modules = MODULES.get_or_try_init(py, || {
        Ok(py
            .import("sys")?
            .getattr(intern!(py, "modules"))?
            .extract()?)
    });
    let Ok(found) = modules.and_then(|modules: &Py<PyMapping>| modules.bind(py).get_item(module))
    else {
        return false;
    };
    let found = qualname
        .split('.')
        .try_fold(found, |owner, name| owner.getattr(name));
    found.is_ok_and(|found| found.is(class)) || module == "builtins"
}
