//! The amount that a file holds, by node and column.

use std::{fs, path::Path};

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableStats};

use super::{
    asker::Patience,
    database::OpenDatabase,
    failure::Failure,
    report::{NodeStatistics, Statistics},
    row, sealed,
    tables::{BLOCKS, METADATA, NODES, REJECTS, ROWS, piece_key, row_key, week_of_piece},
};

pub(super) fn statistics(database: &OpenDatabase, path: &Path, patience: &Patience) -> Result<Statistics, Failure> {
    let transaction = database.begin_read()?;
    let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
    let records = transaction.open_table(NODES)?;
    let mut statistics = Statistics::default();
    for record in records.iter()? {
        patience.check()?;
        let (number, record) = record?;
        // An unreadable record is logged when the file is opened, and reported by `check`.
        let Ok(node) = row::decode_node(number.value(), record.value()) else { continue };
        let (mut recent, mut bytes) = (0, 0);
        let base = row_key(node.number, 0);
        for row in rows.range(base..base + (1 << 32))? {
            recent += 1;
            bytes += row?.1.value().len() as u64 + 8;
        }
        for piece in blocks.range(piece_key(node.number, 0, 0)..=piece_key(node.number, u16::MAX, u16::MAX))? {
            let (key, piece) = piece?;
            bytes += piece.value().len() as u64 + 8;
            // The first piece of a block lists the sizes of its columns.
            if key.value() as u16 == 0
                && let Ok(Some(header)) = sealed::header(&blocks, node.number, week_of_piece(key.value()))
            {
                for (kind, bytes) in header.columns() {
                    *statistics.columns.entry(kind.name()).or_default() += bytes.len() as u64;
                }
            }
        }
        statistics.nodes.push(NodeStatistics {
            id: node.id.clone(),
            measurements: node.measurements,
            recent,
            bytes,
            first_timestamp: node.first_timestamp,
            last_timestamp: node.latest.timestamp,
        });
    }
    statistics.nodes.sort_by(|a, b| a.id.cmp(&b.id));
    statistics.live_bytes = live_bytes(&transaction)?;
    statistics.file_bytes = fs::metadata(path).map_or(statistics.live_bytes, |metadata| metadata.len());
    statistics.free_bytes = statistics.file_bytes.saturating_sub(statistics.live_bytes);
    Ok(statistics)
}

/// Returns the number of bytes of a file that are in use. Cost: reading the whole file.
pub(super) fn live_bytes(transaction: &ReadTransaction) -> Result<u64, Failure> {
    let tables = [
        transaction.open_table(ROWS)?.stats()?,
        transaction.open_table(BLOCKS)?.stats()?,
        transaction.open_table(NODES)?.stats()?,
        transaction.open_table(METADATA)?.stats()?,
        transaction.open_table(REJECTS)?.stats()?,
    ];
    let in_use = |stats: &TableStats| stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
    Ok(tables.iter().map(in_use).sum())
}
