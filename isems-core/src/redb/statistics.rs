//! How much a file holds.

use std::{fs, path::Path, sync::PoisonError};

use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableStats};

use super::{
    failure::Failure,
    report::{NodeStatistics, Statistics},
    sealed,
    tables::{BLOCKS, METADATA, NODES, REJECTS, ROWS, piece_key, row_key, week_of_piece},
    writer::NodeIndex,
};

pub(super) fn statistics(database: &Database, nodes: &NodeIndex, path: &Path) -> Result<Statistics, Failure> {
    let nodes: Vec<_> = nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let transaction = database.begin_read()?;
    let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
    let mut statistics = Statistics::default();
    for node in nodes {
        let (mut recent, mut bytes) = (0, 0);
        let base = row_key(node.number, 0);
        for row in rows.range(base..base + (1 << 32))? {
            recent += 1;
            bytes += row?.1.value().len() as u64 + 8;
        }
        for piece in blocks.range(piece_key(node.number, 0, 0)..=piece_key(node.number, u16::MAX, u16::MAX))? {
            let (key, piece) = piece?;
            bytes += piece.value().len() as u64 + 8;
            // The first piece of a block tells what its columns take.
            if key.value() as u16 == 0
                && let Ok(Some(header)) = sealed::header(&blocks, node.number, week_of_piece(key.value()))
            {
                for (kind, length) in header.columns() {
                    *statistics.columns.entry(kind.name()).or_default() += length as u64;
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
    let tables = [
        rows.stats()?,
        blocks.stats()?,
        transaction.open_table(NODES)?.stats()?,
        transaction.open_table(METADATA)?.stats()?,
        transaction.open_table(REJECTS)?.stats()?,
    ];
    let in_use = |stats: &TableStats| stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
    statistics.live_bytes = tables.iter().map(in_use).sum();
    statistics.file_bytes = fs::metadata(path).map_or(statistics.live_bytes, |metadata| metadata.len());
    statistics.free_bytes = statistics.file_bytes.saturating_sub(statistics.live_bytes);
    Ok(statistics)
}
