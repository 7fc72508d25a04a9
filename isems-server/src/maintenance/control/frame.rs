//! Frames: a kind, a length (4 bytes, most significant first), and that many bytes.

use std::io::{self, Read, Write};

/// The longest frame, bytes.
const MAX_BYTES: usize = 1 << 20;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the command writes.
    Output = 0,
    /// Why it failed. It is the last frame.
    Error = 1,
    /// It has ended; a byte says whether all is well (1) or not (0). It is the last frame.
    Done = 2,
}

pub(super) fn write(mut stream: impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let mut header = [kind as u8, 0, 0, 0, 0];
    header[1..].copy_from_slice(&(bytes.len() as u32).to_be_bytes());
    stream.write_all(&header)?;
    stream.write_all(bytes)
}

/// Reads a frame, its bytes into `bytes`.
pub(super) fn read(mut stream: impl Read, bytes: &mut Vec<u8>) -> io::Result<Kind> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let [kind, length @ ..] = header;
    let kind = [Kind::Output, Kind::Error, Kind::Done].into_iter().find(|known| *known as u8 == kind);
    let length = u32::from_be_bytes(length) as usize;
    let kind = kind.filter(|_| length <= MAX_BYTES).ok_or(io::ErrorKind::InvalidData)?;
    bytes.resize(length, 0);
    stream.read_exact(bytes)?;
    Ok(kind)
}

/// Writes output as frames.
pub(super) struct Output<W>(pub(super) W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
        write(&mut self.0, Kind::Output, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
