//! A copy of everything, as it is at one moment.

use std::{
    fs::{self, File, TryLockError},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, Durability, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableHandle, Value, WriteTransaction,
};
use tracing::error;

use super::{
    database::OpenDatabase,
    delete::remaining,
    failure::{Failure, caught},
    options::make_tables,
    row,
    tables::{BLOCKS, METADATA, NODES, REJECTS, ROWS, out_of_order, piece_key, row_key, week_of, week_start},
    tiers::Tiers,
};
use crate::Node;

/// How many entries are copied in a transaction, so that memory stays flat.
const ENTRIES_A_TRANSACTION: usize = 5_000;

/// How much of the copy is kept in memory while it is written.
const CACHE_BYTES: usize = 8 << 20;

/// Copies everything that can be read into a new file, which has its name only when it is complete. Returns its size in bytes.
pub(super) fn backup(database: &OpenDatabase, path: &Path) -> Result<u64, Failure> {
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

fn copy(database: &OpenDatabase, path: &Path) -> Result<(), Failure> {
    let source = database.begin_read()?;
    let mut target = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
    make_tables(&target)?;
    or_lost("metadata", copy_table(&source, &target, METADATA))?;
    or_lost("nodes", copy_table(&source, &target, NODES))?;
    or_lost("rejects", copy_table(&source, &target, REJECTS))?;
    let nodes = nodes(&target)?;
    let rows = copy_weeks(&source, &target, ROWS, &nodes, |number, week| row_key(number, 0) + week_start(week))?;
    let blocks = copy_weeks(&source, &target, BLOCKS, &nodes, |number, week| piece_key(number, week, 0))?;
    if !rows || !blocks {
        correct(&target, nodes)?;
    }
    let mut last = target.begin_write()?;
    last.set_quick_repair(true);
    last.commit()?;
    while target.compact()? {}
    Ok(())
}

/// Damage of the original costs what is damaged, and is told.
fn or_lost(table: &str, copied: Result<(), Failure>) -> Result<bool, Failure> {
    match copied {
        Ok(()) => Ok(true),
        Err(damage) if damage.is_damage() => {
            error!(table, %damage, "a part of a damaged table is not in the copy");
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    source: &ReadTransaction,
    target: &Database,
    definition: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let table = source.open_table(definition)?;
    let mut entries = table.iter()?;
    loop {
        let transaction = begin(target)?;
        let mut copied = 0;
        let mut read = Ok(());
        {
            let mut table = transaction.open_table(definition)?;
            for entry in entries.by_ref().take(ENTRIES_A_TRANSACTION) {
                match entry {
                    Ok((key, value)) => drop(table.insert(key.value(), value.value())?),
                    Err(error) => {
                        read = Err(error);
                        break;
                    }
                }
                copied += 1;
            }
        }
        transaction.commit()?;
        read?;
        if copied < ENTRIES_A_TRANSACTION {
            return Ok(());
        }
    }
}

/// A transaction that is not on disk before a later one is.
fn begin(target: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = target.begin_write()?;
    transaction.set_durability(Durability::None)?;
    Ok(transaction)
}

/// Copies a table of rows or blocks. Where it is damaged, it is copied week by week of the nodes, as far as it can be read.
/// Returns whether all could be read.
fn copy_weeks(
    source: &ReadTransaction,
    target: &Database,
    definition: TableDefinition<'_, u64, &'static [u8]>,
    nodes: &[Node],
    start: fn(u32, u16) -> u64,
) -> Result<bool, Failure> {
    let table = source.open_table(definition)?;
    let copied = copy_range(&table, target, definition, 0..u64::MAX);
    if or_lost(definition.name(), copied)? {
        return Ok(true);
    }
    for node in nodes {
        for week in 0..=week_of(u32::MAX.into()) {
            let range = start(node.number, week)..start(node.number, week + 1);
            if let Err(damage) = copy_range(&table, target, definition, range) {
                if !damage.is_damage() {
                    return Err(damage);
                }
                error!(
                    table = definition.name(), node = %node.id, week_from = week_start(week), %damage,
                    "a part of a damaged week is not in the copy"
                );
            }
        }
    }
    Ok(false)
}

/// Copies what has keys of a range, as far as it can be read.
fn copy_range(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    target: &Database,
    definition: TableDefinition<'_, u64, &'static [u8]>,
    mut range: Range<u64>,
) -> Result<(), Failure> {
    while range.start < range.end {
        let mut entries = Vec::new();
        // Nothing is written while something is read that redb can panic over.
        let read = caught(|| {
            for entry in table.range(range.clone())?.take(ENTRIES_A_TRANSACTION) {
                let (key, value) = entry?;
                if !range.contains(&key.value()) {
                    return Err(out_of_order().into());
                }
                entries.push((key.value(), value.value().to_vec()));
            }
            Ok(())
        });
        range.start = entries.last().map_or(range.end, |(key, _)| key.saturating_add(1));
        if !entries.is_empty() {
            let transaction = begin(target)?;
            {
                let mut table = transaction.open_table(definition)?;
                for (key, value) in entries {
                    table.insert(key, value.as_slice())?;
                }
            }
            transaction.commit()?;
        }
        read?;
    }
    Ok(())
}

/// The nodes whose records can be read.
fn nodes(target: &Database) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    for record in target.begin_read()?.open_table(NODES)?.iter()? {
        let (number, record) = record?;
        nodes.extend(row::decode_node(number.value(), record.value()));
    }
    Ok(nodes)
}

/// Makes the nodes' records agree with what could be copied.
fn correct(target: &Database, nodes: Vec<Node>) -> Result<(), Failure> {
    let transaction = begin(target)?;
    {
        let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
        let mut records = transaction.open_table(NODES)?;
        for node in nodes {
            match remaining(&Tiers { rows: &rows, blocks: &blocks }, &node, None)? {
                Some(node) => records.insert(node.number, row::encode_node(&node).as_slice())?,
                None => records.remove(node.number)?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}
