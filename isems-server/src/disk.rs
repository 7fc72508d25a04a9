//! The disk with the database.

use isems_core::RedbRepository;

/// Returns the free space of the disk with a database, bytes.
#[cfg(unix)]
pub(crate) fn free_bytes(database: &RedbRepository) -> Option<u64> {
    let disk = rustix::fs::statvfs(database.path()).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
pub(crate) fn free_bytes(_: &RedbRepository) -> Option<u64> {
    None
}
