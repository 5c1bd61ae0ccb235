//! Export and import through files and streams of Python.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::super::error::from_py;
use crate::cache::RefCache;
use crate::error::{Error, ErrorKind, Result};
use crate::file::private;
use crate::portable::{self, Conflict, ExportOptions, Exported, ImportOptions, Imported, Progress};

/// A path, or a stream of bytes.
pub(super) enum Place {
    Path(PathBuf),
    Stream(Py<PyAny>),
}

impl Place {
    /// A path (a str or `PathLike`), or an object with the method that the direction needs.
    pub(super) fn of(given: &Bound<'_, PyAny>, method: &str) -> PyResult<Self> {
        if given.hasattr(method)? {
            return Ok(Self::Stream(given.clone().unbind()));
        }
        Ok(Self::Path(given.extract()?))
    }
}

/// Writes the entries of a cache.
pub(super) fn export(
    core: &RefCache,
    place: &Place,
    namespace: Option<&str>,
    skip_unportable: bool,
    progress: Option<&Py<PyAny>>,
) -> Result<Exported> {
    let options = ExportOptions {
        namespace,
        skip_unportable,
    };
    let mut report = |done: Progress| told(progress, done);
    match place {
        Place::Path(path) => {
            let mut file = BufWriter::new(created(path).map_err(|error| unusable(path, error))?);
            let exported = portable::export(core, &mut file, &options, &mut report)?;
            file.flush().map_err(|error| unusable(path, error))?;
            Ok(exported)
        }
        Place::Stream(stream) => {
            let mut stream = BufWriter::new(Stream(stream));
            let exported = portable::export(core, &mut stream, &options, &mut report)?;
            stream.flush().map_err(stream_failed)?;
            Ok(exported)
        }
    }
}

/// Reads the entries of an export.
pub(super) fn import(
    core: &RefCache,
    place: &Place,
    overwrite: bool,
    rename_namespaces: &[(String, String)],
    dry_run: bool,
    progress: Option<&Py<PyAny>>,
) -> Result<Imported> {
    let renamed: Vec<(&str, &str)> = rename_namespaces
        .iter()
        .map(|(before, after)| (&**before, &**after))
        .collect();
    let options = ImportOptions {
        conflict: match overwrite {
            true => Conflict::Overwrite,
            false => Conflict::Skip,
        },
        rename_namespaces: &renamed,
        dry_run,
    };
    let mut report = |done: Progress| told(progress, done);
    let mut reader: Box<dyn BufRead + '_> = match place {
        Place::Path(path) => Box::new(BufReader::new(
            File::open(path).map_err(|error| unusable(path, error))?,
        )),
        Place::Stream(stream) => Box::new(BufReader::new(Stream(stream))),
    };
    portable::import(core, &mut *reader, &options, &mut report)
}

/// A new file that only its owner can read: it holds every value in plain text.
fn created(path: &PathBuf) -> io::Result<File> {
    private(File::options().write(true).create(true).truncate(true)).open(path)
}

fn unusable(path: &std::path::Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "the file of the export cannot be used")
        .with("path", path.display())
        .with("why", &error)
        .caused_by(error)
}

fn stream_failed(error: io::Error) -> Error {
    match error.into_inner().map(|inner| inner.downcast::<PyErr>()) {
        Some(Ok(raised)) => from_py(*raised),
        _ => Error::new(ErrorKind::Io, "the stream of the export failed"),
    }
}

fn told(progress: Option<&Py<PyAny>>, done: Progress) -> Result<()> {
    Python::attach(|py| {
        py.check_signals()?;
        match progress {
            Some(progress) => progress.call1(py, (done.entries, done.total)).map(drop),
            None => Ok(()),
        }
    })
    .map_err(from_py)
}

/// A stream of Python, for bytes.
struct Stream<'a>(&'a Py<PyAny>);

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| {
            self.0
                .call_method1(py, "write", (PyBytes::new(py, bytes),))
                .map(drop)
        })
        .map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Python::attach(|py| match self.0.bind(py).hasattr("flush")? {
            true => self.0.call_method0(py, "flush").map(drop),
            false => Ok(()),
        })
        .map_err(io::Error::other)
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let read = self.0.call_method1(py, "read", (buffer.len(),))?;
            let read = read.bind(py);
            if read.is_instance_of::<PyString>() {
                return Err(pyo3::exceptions::PyTypeError::new_err(
                    "the stream gives str: open it for bytes, in mode 'rb'",
                ));
            }
            let bytes: &[u8] = read.extract()?;
            let room = buffer.get_mut(..bytes.len()).ok_or_else(|| {
                pyo3::exceptions::PyValueError::new_err(
                    "the stream gives more than it was asked for",
                )
            })?;
            room.copy_from_slice(bytes);
            Ok(bytes.len())
        })
        .map_err(io::Error::other)
    }
}
