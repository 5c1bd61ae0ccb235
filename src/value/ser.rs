//! [`Document::from_serialize`]: any `T: Serialize`, written straight as the text of a document.

use std::any::type_name;
use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::keys::KeyWriter;
use super::{Document, MAX_DEPTH, Notes, write};
use crate::error::{Error, ErrorKind, Result};

impl Document {
    /// Writes a value as `serde_json` would shape it: structs and maps are dicts, an enum variant with
    /// data is a dict of one item, bytes are a list of integers.
    ///
    /// Integers may have any width. An `f32` is written with its own shortest digits: `0.1f32` is
    /// `0.1`. Keys that are integers, floats, booleans, characters or unit variants become text,
    /// `None` becomes `"null"`.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use mcp_refcache::value::Document;
    /// let document = Document::from_serialize(&BTreeMap::from([(7, (f64::NAN, Some('é')))]))?;
    /// assert_eq!(document.text(), r#"{"7": [NaN, "\u00e9"]}"#);
    /// # Ok::<(), mcp_refcache::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidType`] for other keys, [`ErrorKind::InvalidArgument`] for a value nested
    /// deeper than [`MAX_DEPTH`], [`ErrorKind::Codec`] if a `Serialize` implementation gives up (its
    /// message may hold stored values and is dropped), [`ErrorKind::Unsupported`] beyond 4 GiB.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let mut writer = Writer::default();
        match value.serialize(&mut writer) {
            Ok(()) => Self::from_written(writer.out, Notes::default()),
            Err(Refused(Some(error))) => Err(*error),
            Err(Refused(None)) => Err(Error::new(
                ErrorKind::Codec,
                format!(
                    "the Serialize implementation of {} gave up",
                    type_name::<T>()
                ),
            )),
        }
    }
}

/// Why writing stopped; `None`: a `Serialize` implementation gave up.
#[derive(Debug)]
pub(super) struct Refused(Option<Box<Error>>);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(Some(Box::new(error)))
    }
}

impl ser::Error for Refused {
    fn custom<T: Display>(_: T) -> Self {
        Self(None)
    }
}

impl std::error::Error for Refused {}

impl Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("a Serialize implementation gave up"),
        }
    }
}

type Written<T = ()> = Result<T, Refused>;

#[derive(Default)]
struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    /// Opens as many lists and dicts as there are brackets in `close`.
    fn open(&mut self, open: &str, close: &'static str) -> Written<Items<'_>> {
        self.depth += close.len();
        if self.depth > MAX_DEPTH {
            return Err(Error::invalid("value is nested too deep")
                .with("max_depth", MAX_DEPTH)
                .into());
        }
        self.out.push_str(open);
        Ok(Items {
            writer: self,
            first: true,
            close,
        })
    }

    /// Opens the dict of one item that stands for an enum variant with data, and what is in it.
    fn open_variant(
        &mut self,
        variant: &str,
        open: &str,
        close: &'static str,
    ) -> Written<Items<'_>> {
        let items = self.open("{", close)?;
        write::string(variant, &mut items.writer.out);
        items.writer.out.push_str(": ");
        items.writer.out.push_str(open);
        Ok(items)
    }

    fn text(&mut self, text: &str) -> Written {
        self.out.push_str(text);
        Ok(())
    }
}

/// What was opened, up to its closing brackets.
struct Items<'w> {
    writer: &'w mut Writer,
    first: bool,
    close: &'static str,
}

impl Items<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.writer.out.push_str(", ");
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Written {
        self.separate();
        write::string(name, &mut self.writer.out);
        self.writer.out.push_str(": ");
        value.serialize(&mut *self.writer)
    }

    fn close(self) -> Written {
        self.writer.depth -= self.close.len();
        self.writer.text(self.close)
    }
}

macro_rules! integers {
    ($($method:ident $int:ty),*) => {$(
        fn $method(self, number: $int) -> Written {
            self.text(itoa::Buffer::new().format(number))
        }
    )*};
}

impl<'w> ser::Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Items<'w>;
    type SerializeTuple = Items<'w>;
    type SerializeTupleStruct = Items<'w>;
    type SerializeTupleVariant = Items<'w>;
    type SerializeMap = Items<'w>;
    type SerializeStruct = Items<'w>;
    type SerializeStructVariant = Items<'w>;

    integers! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    }

    fn serialize_bool(self, value: bool) -> Written {
        self.text(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, number: f32) -> Written {
        write::float32(number, &mut self.out);
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Written {
        write::float(number, &mut self.out);
        Ok(())
    }

    fn serialize_char(self, c: char) -> Written {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Written {
        write::string(text, &mut self.out);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Written {
        self.text("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.text("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.text("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let items = self.open_variant(variant, "", "}")?;
        value.serialize(&mut *items.writer)?;
        items.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Written<Items<'w>> {
        self.open("[", "]")
    }

    fn serialize_tuple(self, _: usize) -> Written<Items<'w>> {
        self.open("[", "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Written<Items<'w>> {
        self.open("[", "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<Items<'w>> {
        self.open_variant(variant, "[", "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Written<Items<'w>> {
        self.open("{", "}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Written<Items<'w>> {
        self.open("{", "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Written<Items<'w>> {
        self.open_variant(variant, "{", "}}")
    }
}

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.separate();
        key.serialize(KeyWriter(&mut self.writer.out))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.writer.out.push_str(": ");
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Written {
        self.close()
    }
}

macro_rules! items {
    ($($compound:ident $method:ident),*) => {$(
        impl ser::$compound for Items<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.item(value)
            }

            fn end(self) -> Written {
                self.close()
            }
        }
    )*};
}

items! {
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
}

macro_rules! fields {
    ($($compound:ident),*) => {$(
        impl ser::$compound for Items<'_> {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                self.field(name, value)
            }

            fn end(self) -> Written {
                self.close()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
