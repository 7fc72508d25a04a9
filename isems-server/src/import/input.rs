//! The files named on the command line, and those in folders.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use flate2::read::MultiGzDecoder;
use isems_core::{BoxError, CsvlogDecoder, Format, JsonDecoder};

use super::{
    feed::Feed,
    json,
    lines::{self, LineDecoder},
    looks,
    scratch::Scratch,
    sqlite,
};

/// A file to import.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Its length; 0 if unknown.
    pub(super) bytes: u64,
}

/// The magic bytes of each kind of file.
const SQLITE: &[u8] = b"SQLite format 3\0";
const GZIP: &[u8] = b"\x1f\x8b";
const REDB: &[u8] = b"redb";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The maximum number of bytes from the start of a file that are examined to tell its format.
const PEEKED: u64 = 64 << 10;

/// Returns the inputs of a path, ordered by name: the file itself, or the files in a folder and its subfolders. `-` is
/// standard input.
pub(super) fn find(path: &Path) -> io::Result<Vec<Input>> {
    if path == Path::new("-") {
        return Ok(vec![Input::standard()]);
    }
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(vec![Input { path: path.into(), bytes: metadata.len() }]);
    }
    let mut inputs = Vec::new();
    search(path, &mut inputs)?;
    if inputs.is_empty() {
        return Err(io::Error::other("no file in this folder has the name of a log; name the files to import"));
    }
    Ok(inputs)
}

fn search(folder: &Path, inputs: &mut Vec<Input>) -> io::Result<()> {
    let with_name = |error| io::Error::other(format!("{}: {error}", folder.display()));
    let mut entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(with_name)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // Links to folders are not followed: they could form a cycle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&entry.path(), inputs)?;
        } else if is_called_like_a_log(&entry.file_name().to_string_lossy())
            && let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            inputs.push(Input { path: entry.path(), bytes: metadata.len() });
        }
    }
    Ok(())
}

/// Returns whether a file in a folder is imported: `*.log`, `*.csv`, `*.ndjson`, `*.json` and `*csvlog*`, also with
/// `.gz`, and `*.sqlite`.
fn is_called_like_a_log(name: &str) -> bool {
    let name = name.to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    [".log", ".csv", ".ndjson", ".json"].iter().any(|end| plain.ends_with(end))
        || plain.contains("csvlog")
        || name.ends_with(".sqlite")
}

impl Input {
    /// Standard input.
    pub(super) fn standard() -> Self {
        Self { path: "-".into(), bytes: 0 }
    }

    /// Feeds the content of the file, which tells its format.
    pub(super) fn read(&self, scratch: &Scratch, feed: &mut Feed) -> Result<(), BoxError> {
        if self.path == Path::new("-") {
            // Nobody knows when the lines were written; they are taken to have arrived when they were measured.
            return read_text(io::stdin(), 0, feed);
        }
        let mut file = File::open(&self.path)?;
        let modified = file.metadata()?.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |time| time.as_secs() as i64);
        let mut start = Vec::with_capacity(SQLITE.len());
        file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut start)?;
        if start == SQLITE {
            drop(file);
            return sqlite::read(&self.path, self.bytes, scratch, feed);
        }
        read_text(io::Cursor::new(start).chain(file), modified, feed)
    }
}

fn read_text(input: impl Read, modified: i64, feed: &mut Feed) -> Result<(), BoxError> {
    let input = Peeked::new(feed.progress.counting(input));
    if !input.start.starts_with(GZIP) {
        return read_unpacked(input, modified, feed);
    }
    let cannot_unpack = |error: BoxError| format!("cannot unpack it to its end: {error}");
    read_unpacked(Peeked::new(MultiGzDecoder::new(input)), modified, feed)
        .map_err(|error| if error.is::<io::Error>() { cannot_unpack(error).into() } else { error })
}

fn read_unpacked(input: Peeked<impl Read>, modified: i64, feed: &mut Feed) -> Result<(), BoxError> {
    let start = input.start.clone();
    if start.starts_with(SQLITE) {
        return Err("a database cannot be read compressed or from standard input: name the file itself".into());
    }
    if start.starts_with(REDB) {
        return Err("this is a database of isems; start a server on it, or `export` it and import that".into());
    }
    let (now, clock) = (feed.now(), feed.clock());
    match Kind::of(&start) {
        Kind::Json => json::read(input, feed)?,
        Kind::JsonLines => {
            lines::read(input, LineDecoder::Json(JsonDecoder::of_collector(now, clock)), feed)?;
        }
        Kind::Csv => lines::read(input, LineDecoder::Csv(None), feed)?,
        Kind::Csvlog => {
            let decoder = CsvlogDecoder::new(now, clock);
            lines::read(input, LineDecoder::Csvlog { decoder, modified }, feed)?;
        }
    }
    if feed.is_wrong_file() {
        return Err(format!(
            "it contains no measurements and looks like {}; expected csvlog lines, CSV or JSON written by isems, or \
             the database of the Python collector",
            looks::like(&start)
        )
        .into());
    }
    Ok(())
}

/// A text to import.
enum Kind {
    Csvlog,
    Csv,
    JsonLines,
    /// An array, a page.
    Json,
}

impl Kind {
    fn of(start: &[u8]) -> Self {
        let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start).trim_ascii_start();
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        match text.first() {
            Some(b'{') if is_measurement(line) => Self::JsonLines,
            Some(b'{' | b'[') => Self::Json,
            _ if Format::of_lines(text) == Format::Csv => Self::Csv,
            _ => Self::Csvlog,
        }
    }
}

/// Returns whether a line is an object on its own, and not a page.
fn is_measurement(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line)
        .is_ok_and(|object| !object.contains_key("measurements"))
}

/// An input whose first bytes have been examined, without the byte order mark.
struct Peeked<R> {
    start: Vec<u8>,
    /// The number of these first bytes that have been read again.
    read: usize,
    /// An error that occurred after the first bytes.
    error: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    fn new(mut rest: R) -> Self {
        let mut start = Vec::new();
        let error = rest.by_ref().take(PEEKED).read_to_end(&mut start).err();
        let read = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { start, read, error, rest }
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut start = &self.start[self.read..];
        if !start.is_empty() {
            let read = start.read(buffer)?;
            self.read += read;
            return Ok(read);
        }
        self.error.take().map_or_else(|| self.rest.read(buffer), Err)
    }
}
