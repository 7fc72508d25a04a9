//! Backup: a compact copy of everything, as it is at one moment.
//!
//! The copy is read from one snapshot while storing goes on. It is written to `NAME.unfinished`, read back by
//! [`check`](super::check), compacted, and renamed to its name. A crash leaves the unfinished file, which the next
//! attempt overwrites if nobody else holds its lock; what has the name is complete.
//!
//! Tables are copied in transactions of [`ENTRIES_A_TRANSACTION`] entries that are not flushed one by one; the last
//! commit is, so a copy that is cut short by a loss of power has not been renamed yet.
//!
//! Where a tier is damaged, the rest of it is copied node by node [around](super::around) the damage, and the records
//! of nodes are corrected to what could be copied. Records of nodes, rows and blocks that can be read but fail their
//! checksum are copied as they are: they are evidence, and the copy's readers leave them out like the original's.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, Durability, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, Value, WriteTransaction,
};

use super::{
    around::Tier,
    asker::Patience,
    bytes::DamagedRecord,
    check::check,
    database::OpenDatabase,
    delete::remaining,
    failure::{Failure, caught},
    options::make_tables,
    report::{Copied, Damage},
    row, sealed,
    tables::{BLOCKS, METADATA, NODES, NumberedNode, REJECTS, ROWS, out_of_order},
    tiers::Tiers,
};

/// The number of entries copied in one transaction, so that memory use stays flat.
const ENTRIES_A_TRANSACTION: usize = 5_000;

/// The cache of the copy while it is written, in bytes.
const CACHE_BYTES: usize = 8 << 20;

/// Copies everything readable into a new file, which gets its name only once it is complete.
pub(super) fn backup(database: &OpenDatabase, path: &Path, patience: &Patience) -> Result<Copied, Failure> {
    if path.exists() {
        return Err(Failure::Other(format!("{} exists already; choose another path", path.display())));
    }
    let unfinished = unfinished(path);
    make_empty(&unfinished).map_err(|error| match error {
        TryLockError::WouldBlock => another_copy(path),
        TryLockError::Error(error) => cannot("write", &unfinished, &error),
    })?;
    let target = match Builder::new().set_cache_size(CACHE_BYTES).create(&unfinished) {
        // Another copy got hold of the file just now. It must not be removed.
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(another_copy(path)),
        target => target.map_err(Failure::from),
    };
    let result = target.and_then(|target| copy(database, target, patience)).and_then(|damages| {
        fs::rename(&unfinished, path).map_err(|error| cannot("rename", &unfinished, &error))?;
        let bytes = fs::metadata(path).map_err(|error| cannot("read", path, &error))?.len();
        Ok(Copied { bytes, damages })
    });
    if result.is_err() {
        // A file that cannot be removed is overwritten by the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Returns the path at which a file is written before it is complete.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// Creates an empty file, replacing a leftover unfinished one unless somebody is writing it.
pub(super) fn make_empty(path: &Path) -> Result<(), TryLockError> {
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    let emptied = file.set_len(0);
    // Closing is not enough: a program that is being started at this moment inherits the file, and with it the lock,
    // until it runs.
    let unlocked = file.unlock();
    emptied.and(unlocked).map_err(TryLockError::Error)
}

fn another_copy(path: &Path) -> Failure {
    Failure::Other(format!("another copy to {} is being made", path.display()))
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Other(format!("cannot {action} {}: {error}", path.display()))
}

/// Copies everything, and returns the damage.
fn copy(database: &OpenDatabase, mut target: Database, patience: &Patience) -> Result<Vec<Damage>, Failure> {
    let source = database.begin_read()?;
    make_tables(&target)?;
    let mut damages = Vec::new();
    or_lost(copy_table(&source, &target, METADATA), "the notes of transports", &mut damages)?;
    or_lost(copy_table(&source, &target, NODES), "the records of nodes", &mut damages)?;
    or_lost(copy_table(&source, &target, REJECTS), "the table of rejects", &mut damages)?;
    let nodes = nodes(&target)?;
    let mut lost = Vec::new();
    let of_rows = copy_tier(&source, &target, Tier::Rows, &nodes, &mut lost, patience)?;
    let of_blocks = copy_tier(&source, &target, Tier::Blocks, &nodes, &mut lost, patience)?;
    let is_damaged = of_rows.is_some() || of_blocks.is_some();
    let whole = if is_damaged { correct(&target, nodes)? } else { BTreeSet::new() };
    let mut copied = check(&target.begin_read()?, patience)?.damages;
    // The header of a block that lost a part still counts its measurements.
    lost.retain(|(number, lost)| !whole.contains(number) || copied.iter().any(|damage| lost.covers(damage)));
    if lost.is_empty() {
        damages.extend(of_rows.into_iter().chain(of_blocks));
    }
    damages.extend(lost.into_iter().map(|(_, damage)| damage));
    copied.retain(|damage| !damages.iter().any(|lost| lost.covers(damage)));
    damages.append(&mut copied);
    let mut transaction = target.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.commit()?;
    while target.compact()? {
        patience.check()?;
    }
    Ok(damages)
}

impl Damage {
    /// Returns whether another damage lies within this one.
    fn covers(&self, other: &Self) -> bool {
        let (Some(seconds), Some(others)) = (&self.seconds, &other.seconds) else { return false };
        self.place == other.place && seconds.start <= others.start && others.end <= seconds.end
    }
}

/// Limits damage in the original to the damaged data, and records it.
fn or_lost(copied: Result<(), Failure>, place: &str, damages: &mut Vec<Damage>) -> Result<(), Failure> {
    match copied {
        Err(damage) if damage.is_damage() => {
            damages.push(Damage { place: place.into(), seconds: None, problem: damage.to_string() });
            Ok(())
        }
        copied => copied,
    }
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    source: &ReadTransaction,
    target: &Database,
    definition: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let mut entries = caught(|| Ok(source.open_table(definition)?.range::<K::SelfType<'_>>(..)?))?;
    loop {
        let transaction = begin(target)?;
        let mut copied = 0;
        let mut read = Ok(());
        {
            let mut table = transaction.open_table(definition)?;
            // Nothing is written while reading something that redb can panic on.
            let mut copy_next = || -> Result<bool, Failure> {
                let Some((key, value)) = caught(|| Ok(entries.next().transpose()?))? else { return Ok(false) };
                let (key, value) = caught(|| Ok((key.value(), value.value())))?;
                table.insert(key, value)?;
                Ok(true)
            };
            while copied < ENTRIES_A_TRANSACTION && read.is_ok() {
                match copy_next() {
                    Ok(true) => copied += 1,
                    Ok(false) => break,
                    Err(failure) => read = Err(failure),
                }
            }
        }
        transaction.commit()?;
        read?;
        if copied < ENTRIES_A_TRANSACTION {
            return Ok(());
        }
    }
}

/// Begins a transaction that is only on disk once a later one is.
fn begin(target: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = target.begin_write()?;
    transaction.set_durability(Durability::None)?;
    Ok(transaction)
}

/// Copies a table of rows or blocks. If it is damaged, the rest is copied node by node, as far as it can be read.
/// Unreadable parts are added to those lost, by node number. Returns the damage of the table.
fn copy_tier(
    source: &ReadTransaction,
    target: &Database,
    tier: Tier,
    nodes: &[NumberedNode],
    lost: &mut Vec<(u32, Damage)>,
    patience: &Patience,
) -> Result<Option<Damage>, Failure> {
    let table = source.open_table(tier.table())?;
    let mut keys = 0..u64::MAX;
    let failure = match copy_keys(&table, target, tier, &mut keys, patience) {
        Err(failure) if failure.is_damage() => failure,
        copied => return copied.map(|()| None),
    };
    for node in nodes {
        let copy = |parts: &mut Range<u64>| {
            if tier == Tier::Blocks && parts.end - parts.start == 1 {
                return copy_block(&table, target, node.number, parts.start as u16);
            }
            let mut keys = tier.keys(node.number, parts);
            let copied = copy_keys(&table, target, tier, &mut keys, patience);
            parts.start = tier.part_of(node.number, keys.start);
            copied
        };
        let all = tier.keys(node.number, &tier.all());
        if keys.start < all.end {
            let start = tier.part_of(node.number, keys.start.max(all.start));
            let damages = tier.read_around(node, start..tier.all().end, copy)?;
            lost.extend(damages.into_iter().map(|damage| (node.number, damage)));
        }
    }
    let place = format!("the table of {}", tier.name());
    Ok(Some(Damage { place, seconds: None, problem: failure.to_string() }))
}

/// Copies the entries with some keys, as far as they can be read, moving the start of the keys past them.
fn copy_keys(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    target: &Database,
    tier: Tier,
    keys: &mut Range<u64>,
    patience: &Patience,
) -> Result<(), Failure> {
    while keys.start < keys.end {
        patience.check()?;
        let mut entries = Vec::new();
        // Nothing is written while reading something that redb can panic on.
        let read = caught(|| {
            for entry in table.range(keys.clone())?.take(ENTRIES_A_TRANSACTION) {
                let (key, value) = entry?;
                let (key, value) = (key.value(), value.value());
                // Keys out of order would make a reader that goes from one to the next run for ever.
                if !keys.contains(&key) || entries.last().is_some_and(|(before, _)| *before >= key) {
                    return Err(out_of_order().into());
                }
                entries.push((key, value.to_vec()));
            }
            Ok(())
        });
        let is_last = read.is_ok() && entries.len() < ENTRIES_A_TRANSACTION;
        keys.start = entries.last().map_or(keys.start, |(last, _)| last + 1);
        insert(target, tier, &entries)?;
        read?;
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Copies the readable pieces of a block. Fails if one is unreadable.
fn copy_block(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    target: &Database,
    number: u32,
    week: u16,
) -> Result<(), Failure> {
    let Some(header) = sealed::header(table, number, week)? else { return Ok(()) };
    let mut entries = Vec::new();
    let mut result = Ok(());
    for key in sealed::piece_keys(number, week, &header) {
        let read = caught(|| {
            let piece = table.get(key)?.ok_or(DamagedRecord("a piece is missing"))?;
            entries.push((key, piece.value().to_vec()));
            Ok(())
        });
        result = result.and(read);
    }
    insert(target, Tier::Blocks, &entries)?;
    result
}

fn insert(target: &Database, tier: Tier, entries: &[(u64, Vec<u8>)]) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let transaction = begin(target)?;
    {
        let mut table = transaction.open_table(tier.table())?;
        for (key, value) in entries {
            table.insert(key, value.as_slice())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Returns the nodes whose records can be read.
fn nodes(target: &Database) -> Result<Vec<NumberedNode>, Failure> {
    let mut nodes = Vec::new();
    for record in target.begin_read()?.open_table(NODES)?.iter()? {
        let (number, record) = record?;
        nodes.extend(row::decode_node(number.value(), record.value()));
    }
    Ok(nodes)
}

/// Corrects the nodes' records to what could be copied. Returns the numbers of those that lost nothing, because the
/// unreadable parts cannot have held any of their data.
fn correct(target: &Database, nodes: Vec<NumberedNode>) -> Result<BTreeSet<u32>, Failure> {
    let mut whole = BTreeSet::new();
    let transaction = begin(target)?;
    {
        let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
        let mut records = transaction.open_table(NODES)?;
        for node in nodes {
            match remaining(&Tiers { rows: &rows, blocks: &blocks }, &node, None)? {
                Some(rest) if rest.measurements == node.measurements => {
                    whole.insert(node.number);
                }
                Some(rest) => drop(records.insert(rest.number, row::encode_node(&rest).as_slice())?),
                None => drop(records.remove(node.number)?),
            }
        }
    }
    transaction.commit()?;
    Ok(whole)
}
