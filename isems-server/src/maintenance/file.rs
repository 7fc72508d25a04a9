//! A file that has its name once it is complete.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use isems_core::BoxError;

/// A file on its way. Until it is [finished](Self::finish) it stands beside its name; if it never is, it goes.
pub(super) struct OutputFile {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl OutputFile {
    /// Begins a file, which may replace another one, but not the database.
    pub(super) fn create(path: &Path, database: &Path) -> Result<Self, BoxError> {
        // What a link points to is replaced, not the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.exists() && !path.is_file() {
            return Err(
                format!("{} is no regular file; leave --output out and redirect the output", path.display()).into()
            );
        }
        if database.canonicalize().is_ok_and(|database| database == path) {
            return Err(format!("{} is the database itself; choose another --output", path.display()).into());
        }
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished).map_err(|error| cannot("write", &unfinished, &error))?;
        Ok(Self { file, unfinished, path, is_finished: false })
    }

    /// Gives the file its name, and returns its size in bytes.
    pub(super) fn finish(mut self) -> Result<u64, BoxError> {
        self.file.sync_all().map_err(|error| cannot("write", &self.unfinished, &error))?;
        let size = self.file.metadata()?.len();
        fs::rename(&self.unfinished, &self.path).map_err(|error| cannot("write", &self.path, &error))?;
        self.is_finished = true;
        Ok(size)
    }
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
            // What cannot be removed is overwritten by the next attempt.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
