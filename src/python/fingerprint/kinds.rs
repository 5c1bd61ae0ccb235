//! What kind of thing a class makes, found out once for each class.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString,
    PyTuple, PyType,
};

use super::watched::Watched;

/// Where the content of an object is.
pub(in crate::python) enum Kind {
    /// In these attributes.
    Attributes(&'static [&'static str]),
    /// In its text.
    Text,
    /// In its `repr`.
    Repr,
    /// In its class alone.
    Single,
    ZoneInfo,
    /// In its attributes and its bytes.
    Bytes(&'static [&'static str]),
    Deque,
    MappingProxy,
    Secret,
    Class,
    Function,
    Partial,
    Model(Model),
    Table(Table),
    /// A subclass of a built-in type without slots.
    Subclass {
        mutable: bool,
    },
    /// Reading it uses it up.
    Stream,
    /// Nowhere.
    Identity,
}

/// A class with named fields: pydantic, dataclass, attrs, msgspec.
pub(in crate::python) struct Model {
    /// The fields.
    pub(in crate::python) fields: Vec<Py<PyString>>,
    /// Further attributes that make a difference.
    pub(super) beside: &'static [&'static str],
    /// Whether instances never change.
    pub(super) frozen: bool,
}

/// Arrays and tables, whatever module a subclass comes from.
#[derive(Clone, Copy)]
pub(in crate::python) enum Table {
    Array,
    Scalar,
    Frame,
    Series,
    Index,
    PolarsFrame,
    PolarsSeries,
}

/// The kind of thing that instances of a class are.
pub(in crate::python) fn kind_of(class: &Bound<'_, PyType>) -> PyResult<Arc<Kind>> {
    static KINDS: Watched<Arc<Kind>> = Watched::new();
    if let Some(kind) = KINDS.get(class) {
        return Ok(kind);
    }
    let kind = Arc::new(find_out(class)?);
    Ok(KINDS.get_or_insert(class, || kind.clone()).unwrap_or(kind))
}

fn find_out(class: &Bound<'_, PyType>) -> PyResult<Kind> {
    if let Some(kind) = standard(class)? {
        return Ok(kind);
    }
    if class.hasattr("__next__")? || class.hasattr("__await__")? {
        return Ok(Kind::Stream);
    }
    if class.is_subclass_of::<PyType>()? {
        return Ok(Kind::Class);
    }
    if let Some(table) = table(class) {
        return Ok(Kind::Table(table));
    }
    if let Some(model) = model(class)? {
        return Ok(Kind::Model(model));
    }
    let mutable = class.is_subclass_of::<PyDict>()?
        || class.is_subclass_of::<PyList>()?
        || class.is_subclass_of::<PySet>()?
        || class.is_subclass_of::<PyByteArray>()?;
    let immutable = class.is_subclass_of::<PyString>()?
        || class.is_subclass_of::<PyTuple>()?
        || class.is_subclass_of::<PyInt>()?
        || class.is_subclass_of::<PyFloat>()?
        || class.is_subclass_of::<PyBytes>()?
        || class.is_subclass_of::<PyFrozenSet>()?
        || class.is_subclass_of::<PyComplex>()?;
    if (mutable || immutable) && !has_slots(class)? {
        Ok(Kind::Subclass { mutable })
    } else {
        Ok(Kind::Identity)
    }
}

/// Types of the standard library, and single values of others.
fn standard(class: &Bound<'_, PyType>) -> PyResult<Option<Kind>> {
    let types = Types::get(class.py())?;
    let is = |parent: &Py<PyType>| class.is_subclass(parent.bind(class.py()));
    if is(&types.enumeration)? {
        return Ok(Some(Kind::Attributes(&["_name_", "_value_"])));
    }
    let (module, name) = (module_of(class), class.qualname()?.to_string());
    let root = module.split('.').next().unwrap_or_default();
    if root == "pandas" && (is(&types.date)? || is(&types.duration)?) {
        return Ok(Some(Kind::Repr)); // to the nanosecond
    }
    if is(&types.datetime)? {
        return Ok(Some(Kind::Attributes(DATETIME)));
    }
    if is(&types.date)? {
        return Ok(Some(Kind::Attributes(&["year", "month", "day"])));
    }
    if is(&types.time)? {
        return Ok(Some(Kind::Attributes(&[
            "hour",
            "minute",
            "second",
            "microsecond",
            "fold",
            "tzinfo",
        ])));
    }
    if is(&types.duration)? {
        return Ok(Some(Kind::Attributes(&["days", "seconds", "microseconds"])));
    }
    if is(&types.decimal)? || is(&types.uuid)? || is(&types.path)? || root == "ipaddress" {
        return Ok(Some(Kind::Text));
    }
    Ok(Some(match (module.as_str(), name.as_str()) {
        ("builtins", "ellipsis" | "NotImplementedType") => Kind::Single,
        ("builtins", "range" | "slice") => Kind::Attributes(&["start", "stop", "step"]),
        ("builtins", "memoryview") => Kind::Bytes(&["format", "shape"]),
        ("array", "array") => Kind::Bytes(&["typecode"]),
        ("builtins", "mappingproxy") => Kind::MappingProxy,
        ("builtins", "module") => Kind::Attributes(&["__name__"]),
        ("builtins", "function") => Kind::Function,
        ("builtins", "method") => Kind::Attributes(&["__func__", "__self__"]),
        ("builtins", "builtin_function_or_method") => {
            Kind::Attributes(&["__module__", "__qualname__", "__self__"])
        }
        ("builtins", "method-wrapper") => Kind::Attributes(&["__name__", "__self__"]),
        ("builtins", "method_descriptor" | "wrapper_descriptor") => {
            Kind::Attributes(&["__objclass__", "__name__"])
        }
        ("builtins", "code") => Kind::Attributes(CODE),
        ("types", "SimpleNamespace") => Kind::Attributes(&["__dict__"]),
        ("functools", "partial") => Kind::Partial,
        ("datetime", "timezone") => Kind::Repr,
        ("zoneinfo", "ZoneInfo") => Kind::ZoneInfo,
        ("fractions", "Fraction") => Kind::Attributes(&["numerator", "denominator"]),
        ("re", "Pattern") => Kind::Attributes(&["pattern", "flags"]),
        ("collections", "deque") => Kind::Deque,
        // mocks pretend to be everything
        ("unittest.mock", _) => Kind::Identity,
        (_, "SecretStr" | "SecretBytes") if root == "pydantic" => Kind::Secret,
        (_, name)
            if root.starts_with("pydantic") && (name.ends_with("Url") || name.ends_with("Dsn")) =>
        {
            Kind::Text
        }
        (_, "NAType" | "NaTType" | "Period" | "Interval") if root == "pandas" => Kind::Repr,
        _ => return Ok(None),
    }))
}

const DATETIME: &[&str] = &[
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "microsecond",
    "fold",
    "tzinfo",
];

const CODE: &[&str] = &[
    "co_name",
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
];

fn table(class: &Bound<'_, PyType>) -> Option<Table> {
    class.mro().iter().find_map(|class| {
        let class = class.cast_into::<PyType>().ok()?;
        let (module, name) = (module_of(&class), class.name().ok()?.to_string());
        match (module.split('.').next().unwrap_or_default(), name.as_str()) {
            ("numpy", "ndarray") => Some(Table::Array),
            ("numpy", "generic") => Some(Table::Scalar),
            ("pandas", "DataFrame") => Some(Table::Frame),
            ("pandas", "Series") => Some(Table::Series),
            ("pandas", "Index") => Some(Table::Index),
            ("polars", "DataFrame") => Some(Table::PolarsFrame),
            ("polars", "Series") => Some(Table::PolarsSeries),
            _ => None,
        }
    })
}

fn model(class: &Bound<'_, PyType>) -> PyResult<Option<Model>> {
    let named = |fields: Bound<'_, PyAny>| {
        fields
            .try_iter()?
            .map(|field| Ok(field?.getattr("name")?.extract()?))
            .collect()
    };
    let plain = |fields: Vec<Py<PyString>>| Model {
        fields,
        beside: &[],
        frozen: false,
    };
    if class.hasattr("__pydantic_validator__")? && class.hasattr("model_fields")? {
        let fields = class
            .getattr("model_fields")?
            .try_iter()?
            .map(|name| Ok(name?.extract()?))
            .collect::<PyResult<_>>()?;
        // what was set explicitly decides what `exclude_unset` leaves out
        let beside = &[
            "__pydantic_extra__",
            "__pydantic_private__",
            "__pydantic_fields_set__",
        ];
        return Ok(Some(Model {
            fields,
            beside,
            frozen: false,
        }));
    }
    if class.hasattr("__dataclass_fields__")? {
        let fields: PyResult<_> = named(
            class
                .py()
                .import("dataclasses")?
                .call_method1("fields", (class,))?,
        );
        let settings = class.getattr(intern!(class.py(), "__dataclass_params__"));
        let frozen = settings
            .and_then(|settings| settings.getattr("frozen")?.is_truthy())
            .unwrap_or(false);
        return Ok(Some(Model {
            frozen,
            ..plain(fields?)
        }));
    }
    if class.hasattr("__attrs_attrs__")? {
        return Ok(Some(plain(named(class.getattr("__attrs_attrs__")?)?)));
    }
    if class.hasattr("__struct_fields__")? {
        return Ok(Some(plain(class.getattr("__struct_fields__")?.extract()?)));
    }
    Ok(None)
}

/// Whether a class keeps something in slots, which nothing lists for an instance.
fn has_slots(class: &Bound<'_, PyType>) -> PyResult<bool> {
    for class in class.mro() {
        let slots = class
            .getattr("__dict__")?
            .call_method1("get", ("__slots__",))?;
        if !slots.is_none() && slots.is_truthy()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The module a class says it is from; empty if it does not say.
pub(super) fn module_of(class: &Bound<'_, PyType>) -> String {
    class
        .module()
        .map(|name| name.to_string())
        .unwrap_or_default()
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
                Ok(py
                    .import(module)?
                    .getattr(name)?
                    .cast_into::<PyType>()?
                    .unbind())
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
