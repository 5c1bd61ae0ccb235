//! [`Reader`]: a serde deserializer over the text of a document.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::keys::Key;
use super::mismatch::{Mismatch, Step};
use super::{MAX_DEPTH, literal, scan};

/// For text that is not in the format of documents. It cannot happen to text that was parsed or written
/// here, but an excerpt may hold text that a generator made.
#[cold]
fn damaged() -> Mismatch {
    Mismatch::new("the text is not in the format of a document")
}

type Read<T> = Result<T, Mismatch>;

/// Reads the value that a text begins with.
pub(super) struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Whether all of the text was read.
    pub(super) fn end(&self) -> Read<()> {
        if self.at < self.text.len() {
            return Err(damaged().at(self.at));
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, text: &str) -> Read<()> {
        if !self.text[self.at..].starts_with(text) {
            return Err(damaged());
        }
        self.at += text.len();
        Ok(())
    }

    /// Takes the text up to `end`.
    fn take(&mut self, end: usize) -> Read<&'de str> {
        let taken = self.text.get(self.at..end).ok_or_else(damaged)?;
        self.at = end;
        Ok(taken)
    }

    fn literal(&mut self) -> Read<&'de str> {
        match self.peek() {
            Some(b'"') => self.take(scan::string_end(self.text.as_bytes(), self.at)),
            _ => Err(damaged()),
        }
    }

    /// Whether another item follows; moves behind the separator.
    fn more(&mut self, first: bool, close: u8) -> Read<bool> {
        if self.peek() == Some(close) {
            return Ok(false);
        }
        if !first {
            self.expect(", ")?;
        }
        Ok(true)
    }

    fn enter(&mut self) -> Read<()> {
        if self.depth == MAX_DEPTH {
            return Err(Mismatch::new("value is nested too deep"));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, close: &str) -> Read<()> {
        self.depth -= 1;
        match self.peek() {
            Some(b',') => Err(Mismatch::new("there are more items than expected")),
            _ => self.expect(close),
        }
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        match literal::unescape(self.literal()?) {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn scalar(&mut self) -> Read<&'de str> {
        self.take(scan::value_end(self.text.as_bytes(), self.at))
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let number = self.scalar()?;
        if let Ok(number) = number.parse() {
            visitor.visit_u64(number)
        } else if let Ok(number) = number.parse() {
            visitor.visit_i64(number)
        } else {
            visitor.visit_f64(number.parse().map_err(|_| damaged())?)
        }
    }

    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        self.enter()?;
        let value = visitor.visit_seq(Items {
            reader: self,
            next: 0,
        })?;
        self.leave("]")?;
        Ok(value)
    }

    fn dict<V: Visitor<'de>>(
        &mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.enter()?;
        let value = visitor.visit_map(Pairs {
            reader: self,
            key: None,
            fields,
        })?;
        self.leave("}")?;
        Ok(value)
    }
}

macro_rules! wide {
    ($($method:ident $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            let start = self.at;
            if let Ok(number) = self.scalar()?.parse() {
                return visitor.$visit(number);
            }
            self.at = start;
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            Some(b'"') => self.string(visitor),
            Some(b'[') => self.list(visitor),
            Some(b'{') => self.dict(&[], visitor),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number(visitor),
            _ => match self.scalar()? {
                "null" => visitor.visit_unit(),
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                _ => Err(damaged()),
            },
        }
    }

    // beyond 64 bits, and singles without rounding twice
    wide!(deserialize_i128 visit_i128, deserialize_u128 visit_u128, deserialize_f32 visit_f32);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.expect("null")?;
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    /// Bytes are a list of integers, or the UTF-8 of a text.
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            Some(b'"') => visitor.visit_bytes(literal::unescape(self.literal()?).as_bytes()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.peek() {
            Some(b'{') => self.dict(fields, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.peek() {
            Some(b'"') => {
                let variant = literal::unescape(self.literal()?);
                let variant: StrDeserializer<'_, Mismatch> = variant.as_ref().into_deserializer();
                visitor.visit_enum(variant)
            }
            Some(b'{') => {
                self.enter()?;
                let value = visitor.visit_enum(Variant { reader: self })?;
                self.leave("}")?;
                Ok(value)
            }
            _ => Err(Mismatch::new(
                "expected a variant: a string or a dict of one item",
            )),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.scalar()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f64 char str string unit unit_struct seq tuple tuple_struct map
        identifier
    }
}

struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if !self.reader.more(self.next == 0, b']')? {
            return Ok(None);
        }
        let (start, number) = (self.reader.at, self.next);
        self.next += 1;
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(mismatch) => Err(mismatch.at(start).under(Step::Item(number))),
        }
    }
}

struct Pairs<'r, 'de> {
    reader: &'r mut Reader<'de>,
    key: Option<&'de str>,
    fields: &'static [&'static str],
}

impl Pairs<'_, '_> {
    fn step(&self) -> Step {
        let key = self.key.map(literal::unescape).unwrap_or_default();
        let declared = self.fields.iter().find(|field| **field == key);
        declared.map_or(Step::Key, |field| Step::Field(field))
    }
}

impl<'de> de::MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        if !self.reader.more(self.key.is_none(), b'}')? {
            return Ok(None);
        }
        let start = self.reader.at;
        let key = self.reader.literal()?;
        self.key = Some(key);
        match seed.deserialize(Key(key)) {
            Ok(key) => Ok(Some(key)),
            Err(mismatch) => Err(mismatch.at(start)),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        self.reader.expect(": ")?;
        let start = self.reader.at;
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(value),
            Err(mismatch) => Err(mismatch.at(start).under(self.step())),
        }
    }
}

/// An enum variant with data: a dict of one item.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Read<(V::Value, Self)> {
        let variant = seed.deserialize(Key(self.reader.literal()?))?;
        self.reader.expect(": ")?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Mismatch;

    fn unit_variant(self) -> Read<()> {
        de::Deserialize::deserialize(self.reader)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        de::Deserializer::deserialize_any(self.reader, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        de::Deserializer::deserialize_struct(self.reader, "", fields, visitor)
    }
}
