//! Fingerprints of arrays and tables (numpy, pandas, polars) by content; none of the three is imported for it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyType};

use super::Walker;
use super::objects::module_of;

/// Which table or array a class is, whatever module its subclass comes from.
enum Table {
    Array,
    Scalar,
    Frame,
    Series,
    Index,
    PolarsFrame,
    PolarsSeries,
}

/// Writes the value if it is a table or an array.
pub(super) fn write(walker: &mut Walker, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> Option<PyResult<()>> {
    let table = table_of(kind)?;
    Some(match table {
        Table::Array => array(walker, value, kind),
        Table::Scalar => scalar(walker, value, kind),
        Table::Frame => frame(walker, value, kind),
        Table::Series => series(walker, value, kind),
        Table::Index => index(walker, value, kind),
        Table::PolarsFrame => polars_frame(walker, value, kind),
        Table::PolarsSeries => polars_series(walker, value, kind),
    })
}

/// Whether this is a scalar of pandas whose `repr` is exact.
pub(super) fn is_pandas_scalar(kind: &Bound<'_, PyType>) -> bool {
    let name = kind.name().map(|name| name.to_string()).unwrap_or_default();
    matches!(name.as_str(), "NAType" | "NaTType" | "Period" | "Interval" | "Timestamp" | "Timedelta")
}

fn table_of(kind: &Bound<'_, PyType>) -> Option<Table> {
    // numpy's scalars derive from built-in numbers, whose subclasses are looked at here too
    kind.mro().iter().find_map(|class| {
        let class = class.cast_into::<PyType>().ok()?;
        let module = module_of(&class);
        let root = module.split('.').next().unwrap_or_default();
        let name = class.name().ok()?;
        match (root, name.to_str().ok()?) {
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

/// Type, shape and bytes in C order, whatever the layout in memory; objects one by one.
fn array(walker: &mut Walker, array: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    let dtype = array.getattr("dtype")?;
    let mut parts = vec![dtype.repr()?.into_any(), array.getattr("shape")?];
    if let Ok(added) = array.getattr("__dict__") {
        parts.push(added);
    }
    walker.parts(kind, &parts)?;
    if dtype.getattr("hasobject")?.is_truthy()? {
        return walker.walk(&array.call_method0("tolist")?);
    }
    bytes(walker, array)
}

fn scalar(walker: &mut Walker, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    walker.parts(kind, &[value.getattr("dtype")?.repr()?.into_any()])?;
    bytes(walker, value)
}

fn bytes(walker: &mut Walker, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let content = value.call_method0("tobytes")?;
    walker.sink.blob(b'b', content.cast::<PyBytes>()?.as_bytes());
    Ok(())
}

fn frame(walker: &mut Walker, frame: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    let parts = [frame.getattr("columns")?, frame.getattr("index")?, frame.getattr("attrs")?];
    walker.parts(kind, &parts)?;
    let width = parts[0].len()?;
    for at in 0..width {
        let column = frame.getattr("iloc")?.get_item((pyo3::types::PySlice::full(frame.py()), at))?;
        column_values(walker, &column)?;
    }
    Ok(())
}

fn series(walker: &mut Walker, series: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    let parts = [series.getattr("name")?, series.getattr("index")?, series.getattr("attrs")?];
    walker.parts(kind, &parts)?;
    column_values(walker, series)
}

fn index(walker: &mut Walker, index: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    // a list of names is its own class in pandas
    let names = PyList::empty(index.py());
    names.call_method1("extend", (index.getattr("names")?,))?;
    let mut parts = vec![names.into_any()];
    if let Ok(step) = index.getattr("step") {
        // a range: its three numbers say everything
        parts.extend([index.getattr("start")?, index.getattr("stop")?, step]);
        return walker.parts(kind, &parts);
    }
    if let Ok(frequency) = index.getattr("freq") {
        parts.push(frequency.repr()?.into_any());
    }
    walker.parts(kind, &parts)?;
    column_values(walker, index)
}

/// Type and values of a column or an index.
fn column_values(walker: &mut Walker, column: &Bound<'_, PyAny>) -> PyResult<()> {
    let dtype = column.getattr("dtype")?;
    walker.walk(dtype.str()?.as_any())?;
    if let Ok(categories) = dtype.getattr("categories") {
        let categories: Bound<'_, PyAny> = categories;
        walker.walk(&categories)?;
        walker.walk(&dtype.getattr("ordered")?)?;
    }
    walker.walk(&column.call_method0("to_numpy")?)
}

fn polars_frame(walker: &mut Walker, frame: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    walker.parts(kind, &[frame.getattr("shape")?])?;
    for column in frame.call_method0("get_columns")?.try_iter()? {
        walker.walk(&column?)?;
    }
    Ok(())
}

fn polars_series(walker: &mut Walker, series: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> PyResult<()> {
    let dtype = series.getattr("dtype")?.repr()?.into_any();
    walker.parts(kind, &[series.getattr("name")?, dtype, series.call_method0("to_list")?])
}
