//! [`Mismatch`]: why stored text does not fit a Rust type, told without any stored value.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, ErrorKind};

/// An error on the way from text to a type: what was expected, and where.
///
/// serde's own messages quote the value that was found; these name its kind only.
#[derive(Debug)]
pub(super) struct Mismatch(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    offset: Option<usize>,
    /// innermost first
    path: Vec<Step>,
}

/// One step from a value to a part of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// An item of a list.
    Item(usize),
    /// A field that the type declares.
    Field(&'static str),
    /// Some other key: stored data, so it is not named.
    Key,
}

impl Mismatch {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            offset: None,
            path: Vec::new(),
        }))
    }

    /// Says where the value starts that does not fit, unless a part of it is to blame.
    pub(super) fn at(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Says how one gets to the value from the one around it.
    pub(super) fn under(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }

    /// The error for the user; `base` is the offset of the text that was read.
    pub(super) fn into_error(self, base: usize) -> Error {
        let mut error = Error::new(ErrorKind::Codec, &self.0.message);
        if !self.0.path.is_empty() {
            error = error.with("path", Path(&self.0.path));
        }
        match self.0.offset {
            Some(offset) => error.with("offset", base + offset),
            None => error,
        }
    }
}

struct Path<'a>(&'a [Step]);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().rev().try_for_each(|step| match step {
            Step::Item(number) => write!(f, "[{number}]"),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Key => f.write_str(".*"),
        })
    }
}

fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a dict",
        _ => "something else",
    }
}

impl de::Error for Mismatch {
    fn custom<T: Display>(_: T) -> Self {
        Self::new("the stored value is refused by the type it is read as")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", kind(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "expected {expected}, found {} that does not fit",
            kind(&found)
        ))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found length {len}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!(
            "expected one of the variants {expected:?}, found another one"
        ))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!(
            "expected only the fields {expected:?}, found another one"
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the field {field} is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the field {field} is there twice"))
    }
}

impl std::error::Error for Mismatch {}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}
