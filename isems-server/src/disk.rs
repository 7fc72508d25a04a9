//! The disk with the database.

use std::path::Path;

use isems_core::RedbRepository;

/// Returns the free space of the disk with a database, bytes.
pub(crate) fn free_bytes(database: &RedbRepository) -> Option<u64> {
    free_at(database.path())
}

/// Returns the free space of the disk with a file, or with the folder in which it would be, bytes.
#[cfg(unix)]
pub(crate) fn free_at(path: &Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(path).or_else(|_| rustix::fs::statvfs(folder)).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
pub(crate) fn free_at(_: &Path) -> Option<u64> {
    None
}
