//! Reading binary values, little-endian, without ever reading past their end.

use std::str;

/// A value in the database that cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("damaged record: {0}")]
pub(super) struct DamagedRecord(pub(super) &'static str);

impl From<pco::errors::PcoError> for DamagedRecord {
    fn from(_: pco::errors::PcoError) -> Self {
        Self("compressed numbers cannot be decoded")
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DamagedRecord> {
        let (head, tail) = self.0.split_first_chunk().ok_or(DamagedRecord("too short"))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], DamagedRecord> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(DamagedRecord("too short"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DamagedRecord> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DamagedRecord> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DamagedRecord> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DamagedRecord> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, DamagedRecord> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, DamagedRecord> {
        self.array().map(f64::from_le_bytes)
    }

    /// Reads a text of up to 255 bytes, preceded by its length.
    pub(super) fn text(&mut self) -> Result<&'a str, DamagedRecord> {
        let length = usize::from(self.u8()?);
        str::from_utf8(self.bytes(length)?).map_err(|_| DamagedRecord("text is not UTF-8"))
    }
}
