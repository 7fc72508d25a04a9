//! The files that are named on the command line, and those in folders.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use flate2::read::MultiGzDecoder;
use isems_core::BoxError;

use super::{csvlog, feed::Feed, scratch::Scratch, sqlite};

/// A file to import.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// How long it is.
    pub(super) bytes: u64,
}

/// What begins each kind of file.
const SQLITE: &[u8] = b"SQLite format 3\0";
const GZIP: &[u8] = b"\x1f\x8b";
const REDB: &[u8] = b"redb";

/// The inputs of a path, in order of their names: the file itself, or what a folder and the folders in it have.
pub(super) fn find(path: &Path) -> io::Result<Vec<Input>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(vec![Input { path: path.into(), bytes: metadata.len() }]);
    }
    let mut inputs = Vec::new();
    search(path, &mut inputs)?;
    if inputs.is_empty() {
        return Err(io::Error::other("no file in this folder is called like a log; name the files that are some"));
    }
    Ok(inputs)
}

fn search(folder: &Path, inputs: &mut Vec<Input>) -> io::Result<()> {
    let with_name = |error| io::Error::other(format!("{}: {error}", folder.display()));
    let mut entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(with_name)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // A link to a folder is not followed: it could lead into a circle.
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

/// Whether a file in a folder is taken: `*.log`, `*.csv` and `*csvlog*`, also with `.gz`, and `*.sqlite`.
fn is_called_like_a_log(name: &str) -> bool {
    let name = name.to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    [".log", ".csv"].iter().any(|end| plain.ends_with(end)) || plain.contains("csvlog") || name.ends_with(".sqlite")
}

impl Input {
    /// Feeds what the file holds. Its first bytes tell what it is.
    pub(super) fn read(&self, scratch: &Scratch, feed: &mut Feed) -> Result<(), BoxError> {
        let mut file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let mut start = Vec::with_capacity(SQLITE.len());
        file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut start)?;
        if start == SQLITE {
            drop(file);
            return sqlite::read(&self.path, self.bytes, scratch, feed);
        }
        if start.starts_with(REDB) {
            return Err("this is a database of isems, not a log or the database of the Python collector".into());
        }
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |time| time.as_secs() as i64);
        let is_gzip = start.starts_with(GZIP);
        let whole = io::Cursor::new(start).chain(file);
        let counted = feed.progress.counting(whole);
        if is_gzip {
            csvlog::read(MultiGzDecoder::new(counted), modified, feed)
                .map_err(|error| format!("cannot unpack it to its end: {error}"))?;
        } else {
            csvlog::read(counted, modified, feed)?;
        }
        Ok(())
    }
}
