//! Fingerprints of arrays and tables (numpy, pandas, polars) by content; none of the three is imported for it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyType};

use super::Walker;
use super::kinds::Table;

/// Writes a table or an array.
pub(super) fn write(
    walker: &mut Walker,
    table: Table,
    value: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
) -> PyResult<()> {
    match table {
        Table::Array => array(walker, value, class),
        Table::Scalar => scalar(walker, value, class),
        Table::Frame => frame(walker, value, class),
        Table::Series => series(walker, value, class),
        Table::Index => index(walker, value, class),
        Table::PolarsFrame => polars_frame(walker, value, class),
        Table::PolarsSeries => polars_series(walker, value, class),
    }
}

/// Type, shape and bytes in C order, whatever the layout in memory; objects one by one.
fn array(walker: &mut Walker, array: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
    let dtype = array.getattr("dtype")?;
    let mut parts = vec![dtype.repr()?.into_any(), array.getattr("shape")?];
    if let Ok(added) = array.getattr("__dict__") {
        parts.push(added);
    }
    walker.parts(class, &parts)?;
    if dtype.getattr("hasobject")?.is_truthy()? {
        return walker.walk(&array.call_method0("tolist")?);
    }
    bytes(walker, array)
}

fn scalar(
    walker: &mut Walker,
    value: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
) -> PyResult<()> {
    walker.parts(class, &[value.getattr("dtype")?.repr()?.into_any()])?;
    bytes(walker, value)
}

fn bytes(walker: &mut Walker, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let content = value.call_method0("tobytes")?;
    walker
        .sink
        .blob(b'b', content.cast::<PyBytes>()?.as_bytes());
    Ok(())
}

fn frame(walker: &mut Walker, frame: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
    let parts = [
        frame.getattr("columns")?,
        frame.getattr("index")?,
        frame.getattr("attrs")?,
    ];
    walker.parts(class, &parts)?;
    let width = parts[0].len()?;
    for at in 0..width {
        let column = frame
            .getattr("iloc")?
            .get_item((pyo3::types::PySlice::full(frame.py()), at))?;
        column_values(walker, &column)?;
    }
    Ok(())
}

fn series(
    walker: &mut Walker,
    series: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
) -> PyResult<()> {
    let parts = [
        series.getattr("name")?,
        series.getattr("index")?,
        series.getattr("attrs")?,
    ];
    walker.parts(class, &parts)?;
    column_values(walker, series)
}

fn index(walker: &mut Walker, index: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<()> {
    // a list of names is its own class in pandas
    let names = PyList::empty(index.py());
    names.call_method1("extend", (index.getattr("names")?,))?;
    let mut parts = vec![names.into_any()];
    if let Ok(step) = index.getattr("step") {
        // a range: its three numbers say everything
        parts.extend([index.getattr("start")?, index.getattr("stop")?, step]);
        return walker.parts(class, &parts);
    }
    if let Ok(frequency) = index.getattr("freq") {
        parts.push(frequency.repr()?.into_any());
    }
    walker.parts(class, &parts)?;
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

fn polars_frame(
    walker: &mut Walker,
    frame: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
) -> PyResult<()> {
    walker.parts(class, &[frame.getattr("shape")?])?;
    for column in frame.call_method0("get_columns")?.try_iter()? {
        walker.walk(&column?)?;
    }
    Ok(())
}

fn polars_series(
    walker: &mut Walker,
    series: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
) -> PyResult<()> {
    let dtype = series.getattr("dtype")?.repr()?.into_any();
    walker.parts(
        class,
        &[
            series.getattr("name")?,
            dtype,
            series.call_method0("to_list")?,
        ],
    )
}
