//! Fingerprints of objects: what the standard library and the usual model classes hold, functions, classes.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
    PyType,
};

use super::{Unkeyable, Walker, tables};

impl Walker {
    /// Writes a value that is no plain number, text or container.
    #[inline(never)]
    pub(super) fn object(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let kind = value.get_type();
        let module = module_of(&kind);
        if let Some(parts) = standard(value, &kind, &module)? {
            return self.parts(&kind, &parts);
        }
        if kind.hasattr("__next__")? || kind.hasattr("__await__")? {
            let kind = kind.fully_qualified_name()?;
            return Err(Unkeyable::new_err(format!("a value of type {kind} is used up by reading it")));
        }
        if let Ok(class) = value.cast::<PyType>() {
            return self.class(class);
        }
        if let Some(written) = self.callable(value, &kind, &module) {
            return written;
        }
        if !self.frozen {
            if let Some(written) = tables::write(self, value, &kind) {
                return written;
            }
            if let Some(fields) = fields(value, &kind)? {
                return self.fields(value, &kind, &fields);
            }
            if is_mutable_builtin(value) && !has_slots(&kind)? {
                return self.subclass(value, &kind);
            }
        } else if let Some(fields) = frozen_fields(value, &kind)? {
            return self.fields(value, &kind, &fields);
        }
        if is_immutable_builtin(value) && !has_slots(&kind)? {
            return self.subclass(value, &kind);
        }
        self.identity(value)
    }

    /// Class and content.
    pub(super) fn parts(&mut self, kind: &Bound<'_, PyType>, parts: &[Bound<'_, PyAny>]) -> PyResult<()> {
        self.sink.tag(b'o');
        self.class(kind)?;
        self.sink.number(parts.len() as u64);
        parts.iter().try_for_each(|part| self.walk(part))
    }

    /// A class that can be found under its name is that name; another one counts by identity.
    fn class(&mut self, class: &Bound<'_, PyType>) -> PyResult<()> {
        let (module, name) = (module_of(class), class.qualname()?);
        if is_reachable(class.as_any(), &module, name.to_str()?) {
            self.sink.blob(b'C', module.as_bytes());
            self.sink.blob(b'C', name.to_str()?.as_bytes());
            return Ok(());
        }
        self.identity(class)
    }

    /// Functions by what they do, bound ones with what they are bound to.
    fn callable(&mut self, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>, module: &str) -> Option<PyResult<()>> {
        let name = kind.qualname().ok()?;
        let names: &[&str] = match (module, name.to_str().ok()?) {
            ("builtins", "function") => return Some(self.function(value)),
            ("builtins", "code") => &CODE,
            ("builtins", "method") => &["__func__", "__self__"],
            ("builtins", "builtin_function_or_method") => &["__module__", "__qualname__", "__self__"],
            ("builtins", "method-wrapper") => &["__name__", "__self__"],
            ("builtins", "module") => &["__name__"],
            ("builtins", "method_descriptor" | "wrapper_descriptor") => &["__objclass__", "__name__"],
            ("functools", "partial") => return Some(self.partial(value, kind)),
            _ => return None,
        };
        Some(attributes(value, names).and_then(|parts| self.parts(kind, &parts)))
    }

    fn partial(&mut self, partial: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
        let mut parts = attributes(partial, &["func", "args"])?;
        // its dict of keywords is its own, nobody changes it
        parts.push(partial.getattr("keywords")?.cast::<PyDict>()?.items().to_tuple().into_any());
        self.parts(kind, &parts)
    }

    /// A function without closure is its code and defaults. What is in a closure may change: identity.
    fn function(&mut self, function: &Bound<'_, PyAny>) -> PyResult<()> {
        if !function.getattr("__closure__")?.is_none() {
            return self.identity(function);
        }
        let names = ["__module__", "__qualname__", "__code__", "__defaults__"];
        let mut parts = attributes(function, &names)?;
        if let Ok(named) = function.getattr("__kwdefaults__")?.cast_into::<PyDict>() {
            parts.push(named.items().to_tuple().into_any());
        }
        let outer = std::mem::replace(&mut self.frozen, true);
        let before = self.by_identity;
        let kind = function.get_type();
        let digest = self.apart(|walker| walker.parts(&kind, &parts));
        self.frozen = outer;
        if let Ok(digest) = digest {
            self.sink.tag(b'p');
            self.sink.raw(digest.bytes());
            Ok(())
        } else {
            self.by_identity = before;
            self.identity(function)
        }
    }

    /// The named attributes of an object; one that is not set is no content.
    fn fields(&mut self, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>, fields: &[String]) -> PyResult<()> {
        self.sink.tag(b'm');
        self.class(kind)?;
        for field in fields {
            match value.getattr(field.as_str()) {
                Ok(content) => {
                    self.sink.blob(b'a', field.as_bytes());
                    self.walk(&content)?;
                }
                Err(error) if error.is_instance_of::<PyAttributeError>(value.py()) => {}
                Err(error) => return Err(error),
            }
        }
        self.sink.tag(b'.');
        Ok(())
    }

    /// A subclass of a built-in type: its class, the content of the built-in, and what was added.
    fn subclass(&mut self, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
        self.sink.tag(b'x');
        self.class(kind)?;
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
            if kind.name()? == "OrderedDict" {
                self.list(&entries.items())?;
            } else {
                self.dict(entries)?;
            }
            if let Ok(factory) = value.getattr("default_factory") {
                self.walk(&factory)?;
            }
        } else {
            self.set(b's', value)?;
        }
        match value.getattr("__dict__") {
            Ok(added) if added.is_truthy()? => self.dict(added.cast()?),
            _ => Ok(()),
        }
    }
}

const CODE: [&str; 11] = [
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_flags",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_name",
];

/// Content of the types of the standard library, in parts that are written one by one.
fn standard<'py>(
    value: &Bound<'py, PyAny>,
    kind: &Bound<'py, PyType>,
    module: &str,
) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    let types = Types::get(value.py())?;
    let is = |class: &Py<PyType>| value.is_instance(class.bind(value.py()));
    let text = |value: &Bound<'py, PyAny>| Ok(Some(vec![value.str()?.into_any()]));
    if is(&types.enumeration)? {
        return attributes(value, &["_name_", "_value_"]).map(Some);
    }
    let root = module.split('.').next().unwrap_or_default();
    if root == "pandas" && (is(&types.date)? || is(&types.duration)? || tables::is_pandas_scalar(kind)) {
        return Ok(Some(vec![value.repr()?.into_any()]));
    }
    if is(&types.datetime)? {
        let naive = value.call_method("replace", (), Some(&no_zone(value.py())?))?;
        let mut parts = vec![naive.call_method0("isoformat")?];
        parts.extend(attributes(value, &["fold", "tzinfo"])?);
        return Ok(Some(parts));
    }
    if is(&types.time)? {
        let names = ["hour", "minute", "second", "microsecond", "fold", "tzinfo"];
        return attributes(value, &names).map(Some);
    }
    if is(&types.date)? {
        return Ok(Some(vec![value.call_method0("isoformat")?]));
    }
    if is(&types.duration)? {
        return attributes(value, &["days", "seconds", "microseconds"]).map(Some);
    }
    if is(&types.decimal)? || is(&types.uuid)? || is(&types.path)? || root == "ipaddress" {
        return text(value);
    }
    let name = kind.qualname()?;
    match (module, name.to_str()?) {
        ("builtins", "ellipsis" | "NotImplementedType") => Ok(Some(Vec::new())),
        ("builtins", "range" | "slice") => attributes(value, &["start", "stop", "step"]).map(Some),
        ("builtins", "memoryview") => {
            let mut parts = attributes(value, &["format", "shape"])?;
            parts.push(value.call_method0("tobytes")?);
            Ok(Some(parts))
        }
        ("builtins", "mappingproxy") => Ok(Some(vec![value.call_method0("copy")?])),
        ("types", "SimpleNamespace") => attributes(value, &["__dict__"]).map(Some),
        ("datetime", "timezone") => Ok(Some(vec![value.repr()?.into_any()])),
        ("zoneinfo", "ZoneInfo") if !value.getattr("key")?.is_none() => text(value),
        ("fractions", "Fraction") => attributes(value, &["numerator", "denominator"]).map(Some),
        ("re", "Pattern") => attributes(value, &["pattern", "flags"]).map(Some),
        ("array", "array") => {
            Ok(Some(vec![value.getattr("typecode")?, value.call_method0("tobytes")?]))
        }
        ("collections", "deque") => {
            let items = PyList::empty(value.py());
            items.call_method1("extend", (value,))?;
            Ok(Some(vec![value.getattr("maxlen")?, items.into_any()]))
        }
        ("pydantic.types" | "pydantic", "SecretStr" | "SecretBytes") => {
            Ok(Some(vec![value.call_method0("get_secret_value")?]))
        }
        (_, name) if root.starts_with("pydantic") && (name.ends_with("Url") || name.ends_with("Dsn")) => text(value),
        _ => Ok(None),
    }
}

/// Names of the attributes that are the content of a model: pydantic, dataclass, attrs, msgspec.
fn fields(value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<Option<Vec<String>>> {
    if kind.hasattr("__pydantic_validator__")? && kind.hasattr("model_fields")? {
        let mut names: Vec<String> = kind.getattr("model_fields")?.try_iter()?.map(|name| name?.extract()).collect::<PyResult<_>>()?;
        // what was set explicitly decides what `exclude_unset` leaves out
        let beside = ["__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__"];
        names.extend(beside.map(String::from));
        return Ok(Some(names));
    }
    if kind.hasattr("__dataclass_fields__")? {
        let fields = value.py().import("dataclasses")?.call_method1("fields", (kind,))?;
        return fields.try_iter()?.map(|field| field?.getattr("name")?.extract()).collect::<PyResult<_>>().map(Some);
    }
    if kind.hasattr("__attrs_attrs__")? {
        let fields = kind.getattr("__attrs_attrs__")?;
        return fields.try_iter()?.map(|field| field?.getattr("name")?.extract()).collect::<PyResult<_>>().map(Some);
    }
    if kind.hasattr("__struct_fields__")? {
        return kind.getattr("__struct_fields__")?.extract().map(Some);
    }
    Ok(None)
}

/// The fields of a dataclass whose instances cannot change.
fn frozen_fields(value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<Option<Vec<String>>> {
    let Ok(settings) = kind.getattr("__dataclass_params__") else { return Ok(None) };
    if settings.getattr("frozen")?.is_truthy()? { fields(value, kind) } else { Ok(None) }
}

fn is_mutable_builtin(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyByteArray>()
}

fn is_immutable_builtin(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyFrozenSet>()
        || value.is_instance_of::<PyComplex>()
}

/// Whether a class keeps something in slots, which nothing lists for an instance.
fn has_slots(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    for class in kind.mro() {
        let slots = class.getattr("__dict__")?.call_method1("get", ("__slots__",))?;
        if !slots.is_none() && slots.is_truthy()? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn attributes<'py>(value: &Bound<'py, PyAny>, names: &[&str]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    names.iter().map(|name| value.getattr(*name)).collect()
}

/// The module a class says it is from; empty if it does not say.
pub(super) fn module_of(kind: &Bound<'_, PyType>) -> String {
    kind.module().map(|name| name.to_string()).unwrap_or_default()
}

/// Whether the module has exactly this object under this name.
fn is_reachable(object: &Bound<'_, PyAny>, module: &str, qualname: &str) -> bool {
    let modules = object.py().import("sys").and_then(|sys| sys.getattr("modules"));
    let Ok(found) = modules.and_then(|modules| modules.get_item(module)) else {
        return false;
    };
    let found = qualname.split('.').try_fold(found, |owner, name| owner.getattr(name));
    found.is_ok_and(|found| found.is(object)) || module == "builtins"
}

fn no_zone(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let arguments = PyDict::new(py);
    arguments.set_item("tzinfo", py.None())?;
    Ok(arguments)
}

/// Classes of the standard library, looked up once.
struct Types {
    enumeration: Py<PyType>,
    datetime: Py<PyType>,
    date: Py<PyType>,
    time: Py<PyType>,
    duration: Py<PyType>,
    decimal: Py<PyType>,
    uuid: Py<PyType>,
    path: Py<PyType>,
}

impl Types {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        static TYPES: PyOnceLock<Types> = PyOnceLock::new();
        TYPES.get_or_try_init(py, || {
            let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
                Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            Ok(Self {
                enumeration: class("enum", "Enum")?,
                datetime: class("datetime", "datetime")?,
                date: class("datetime", "date")?,
                time: class("datetime", "time")?,
                duration: class("datetime", "timedelta")?,
                decimal: class("decimal", "Decimal")?,
                uuid: class("uuid", "UUID")?,
                path: class("pathlib", "PurePath")?,
            })
        })
    }
}
