//! Sizes in settings: text such as `500MiB` or `4GB`, or a number of bytes.

use std::fmt;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de};

/// A number of bytes.
pub(super) struct Size(pub(super) u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Size;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a size such as 500MiB or 4GB, or a number of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        let invalid = |_| E::custom(format_args!("invalid size {text:?}: expected a size such as 500MiB or 4GB"));
        text.trim().parse().map(|ByteSize(bytes)| Size(bytes)).map_err(invalid)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        let invalid = |_| E::custom(format_args!("invalid size {bytes}: expected a size such as 500MiB or 4GB"));
        bytes.try_into().map(Size).map_err(invalid)
    }
}
