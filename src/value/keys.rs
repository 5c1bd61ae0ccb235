//! Dict keys: how Rust values that are no strings become key text, and back.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::value::StrDeserializer;
use serde::de::{self, IntoDeserializer, Visitor};
use serde::ser::{self, Impossible, Serialize};

use super::mismatch::Mismatch;
use super::ser::Refused;
use super::{literal, write};
use crate::error::{Error, ErrorKind};

/// Appends a key as a quoted literal.
pub(super) struct KeyWriter<'o>(pub(super) &'o mut String);

impl KeyWriter<'_> {
    /// Text that needs no escape.
    fn plain(self, text: impl Display) -> Result<(), Refused> {
        use std::fmt::Write as _;
        write!(self.0, "\"{text}\"").map_err(ser::Error::custom)
    }

    fn float(self, write: impl FnOnce(&mut String)) -> Result<(), Refused> {
        self.0.push('"');
        write(self.0);
        self.0.push('"');
        Ok(())
    }
}

fn no_key<T>(what: &str) -> Result<T, Refused> {
    let message =
        "dict keys must be text, integers, floats, booleans, characters, unit variants or None";
    Err(Error::new(ErrorKind::InvalidType, message)
        .with("key", what)
        .into())
}

macro_rules! plain {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, key: $type) -> Result<(), Refused> {
            self.plain(key)
        }
    )*};
}

impl ser::Serializer for KeyWriter<'_> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Impossible<(), Refused>;
    type SerializeTuple = Impossible<(), Refused>;
    type SerializeTupleStruct = Impossible<(), Refused>;
    type SerializeTupleVariant = Impossible<(), Refused>;
    type SerializeMap = Impossible<(), Refused>;
    type SerializeStruct = Impossible<(), Refused>;
    type SerializeStructVariant = Impossible<(), Refused>;

    plain! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
        serialize_bool bool
    }

    fn serialize_f32(self, key: f32) -> Result<(), Refused> {
        self.float(|out| write::float32(key, out))
    }

    fn serialize_f64(self, key: f64) -> Result<(), Refused> {
        self.float(|out| write::float(key, out))
    }

    fn serialize_char(self, key: char) -> Result<(), Refused> {
        self.serialize_str(key.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, key: &str) -> Result<(), Refused> {
        write::string(key, self.0);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        key: &'static str,
    ) -> Result<(), Refused> {
        self.serialize_str(key)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.plain("null")
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.plain("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), Refused> {
        key.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &T,
    ) -> Result<(), Refused> {
        key.serialize(self)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Refused> {
        no_key("bytes")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Refused> {
        no_key(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Refused> {
        no_key(name)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Refused> {
        no_key("a sequence")
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Refused> {
        no_key("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeSeq, Refused> {
        no_key(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeSeq, Refused> {
        no_key(name)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Refused> {
        no_key("a map")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeMap, Refused> {
        no_key(name)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeMap, Refused> {
        no_key(name)
    }
}

/// Reads a key from its quoted literal. Text is read as a number or a boolean where the type asks
/// for one; `"null"` is `None` where it asks for an option.
pub(super) struct Key<'de>(pub(super) &'de str);

impl Key<'_> {
    fn is_null(&self) -> bool {
        self.0 == "\"null\""
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self.0.trim_matches('"').parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Mismatch;

    parsed! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_i128 visit_i128,
        deserialize_u8 visit_u8, deserialize_u16 visit_u16, deserialize_u32 visit_u32,
        deserialize_u64 visit_u64, deserialize_u128 visit_u128,
        deserialize_f32 visit_f32, deserialize_f64 visit_f64, deserialize_bool visit_bool
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match literal::unescape(self.0) {
            Cow::Borrowed(key) => visitor.visit_borrowed_str(key),
            Cow::Owned(key) => visitor.visit_string(key),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.is_null() {
            visitor.visit_unit()
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let key = literal::unescape(self.0);
        let key: StrDeserializer<'_, Mismatch> = key.as_ref().into_deserializer();
        visitor.visit_enum(key)
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
