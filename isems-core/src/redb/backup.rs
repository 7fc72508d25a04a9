//! A copy of everything, as it is at one moment.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, Durability, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value,
};

use super::{
    failure::Failure,
    tables::{BLOCKS, METADATA, NODES, REJECTS, ROWS},
};

/// How many entries are copied in a transaction, so that memory stays flat.
const ENTRIES_A_TRANSACTION: usize = 5_000;

/// How much of the copy is kept in memory while it is written.
const CACHE_BYTES: usize = 8 << 20;

/// Copies everything into a new file, which has its name only when it is complete. Returns its size in bytes.
pub(super) fn backup(database: &Database, path: &Path) -> Result<u64, Failure> {
    if path.exists() {
        return Err(Failure::Other(format!("{} exists already; choose another path", path.display())));
    }
    let unfinished = unfinished(path);
    make_empty(&unfinished).map_err(|error| match error {
        TryLockError::WouldBlock => Failure::Other(format!("another copy to {} is being made", path.display())),
        TryLockError::Error(error) => cannot("write", &unfinished, &error),
    })?;
    let result = copy(database, &unfinished).and_then(|()| {
        fs::rename(&unfinished, path).map_err(|error| cannot("rename", &unfinished, &error))?;
        Ok(fs::metadata(path).map_err(|error| cannot("read", path, &error))?.len())
    });
    if result.is_err() {
        // What cannot be removed is overwritten by the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Where a file is written before it is complete.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Makes an empty file, also of one that was left behind unfinished, unless somebody is writing it.
pub(super) fn make_empty(path: &Path) -> Result<(), TryLockError> {
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    file.set_len(0).map_err(TryLockError::Error)
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Other(format!("cannot {action} {}: {error}", path.display()))
}

fn copy(database: &Database, path: &Path) -> Result<(), Failure> {
    let source = database.begin_read()?;
    let mut target = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
    copy_table(&source, &target, METADATA)?;
    copy_table(&source, &target, NODES)?;
    copy_table(&source, &target, ROWS)?;
    copy_table(&source, &target, BLOCKS)?;
    copy_table(&source, &target, REJECTS)?;
    let mut last = target.begin_write()?;
    last.set_quick_repair(true);
    last.commit()?;
    while target.compact()? {}
    Ok(())
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    source: &ReadTransaction,
    target: &Database,
    definition: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let table = source.open_table(definition)?;
    let mut entries = table.iter()?;
    loop {
        let mut transaction = target.begin_write()?;
        transaction.set_durability(Durability::None)?;
        let mut copied = 0;
        {
            let mut table = transaction.open_table(definition)?;
            for entry in entries.by_ref().take(ENTRIES_A_TRANSACTION) {
                let (key, value) = entry?;
                table.insert(key.value(), value.value())?;
                copied += 1;
            }
        }
        transaction.commit()?;
        if copied < ENTRIES_A_TRANSACTION {
            return Ok(());
        }
    }
}
