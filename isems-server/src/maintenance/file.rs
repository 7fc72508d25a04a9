//! A file that gets its name once it is complete.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use isems_core::BoxError;

/// An unfinished file. Until it is [finished](Self::finish), it lies beside its final name; if it never is, it is
/// removed.
pub(super) struct OutputFile {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
    may_replace: bool,
    is_finished: bool,
}

impl OutputFile {
    /// Begins a file, which may replace an existing one unless that is the database.
    pub(super) fn create(path: &Path, database: &Path) -> Result<Self, BoxError> {
        // The target of a link is replaced, not the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.exists() && !path.is_file() {
            return Err(
                format!("{} is not a regular file; omit --output and redirect the output", path.display()).into()
            );
        }
        if database.canonicalize().is_ok_and(|database| database == path) {
            return Err(format!("{} is the database itself; choose another --output", path.display()).into());
        }
        Self::begin(path, true)
    }

    /// Begins a file that must not exist yet.
    pub(super) fn create_new(path: &Path) -> Result<Self, BoxError> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        Self::begin(path.to_owned(), false)
    }

    fn begin(path: PathBuf, may_replace: bool) -> Result<Self, BoxError> {
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let file = File::options().write(true).create(true).truncate(false).open(&unfinished);
        let file = file.map_err(|error| cannot("write", &unfinished, &error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => format!("another command is writing {}", path.display()).into(),
            TryLockError::Error(error) => cannot("write", &unfinished, &error),
        })?;
        file.set_len(0).map_err(|error| cannot("write", &unfinished, &error))?;
        Ok(Self { file, unfinished, path, may_replace, is_finished: false })
    }

    /// Gives the file its name, flushes file and folder to the disk, and returns its size in bytes.
    pub(super) fn finish(mut self) -> Result<u64, BoxError> {
        self.file.sync_all().map_err(|error| cannot("write", &self.unfinished, &error))?;
        let size = self.file.metadata()?.len();
        if !self.may_replace {
            // Only one process can create it, and only that one continues.
            File::create_new(&self.path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.path),
                _ => cannot("write", &self.path, &error),
            })?;
        }
        fs::rename(&self.unfinished, &self.path).map_err(|error| cannot("write", &self.path, &error))?;
        self.is_finished = true;
        // Some systems cannot flush folders; they make names durable in another way.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        Ok(size)
    }
}

fn exists(path: &Path) -> BoxError {
    format!("{} exists already; choose another path", path.display()).into()
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> BoxError {
    format!("cannot {action} {}: {error}", path.display()).into()
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // A file that cannot be removed is overwritten by the next attempt.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
