//! Tables for people.

use std::io::{self, Write};

/// A table whose first column is text and whose other columns are aligned to the right.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(header: [String; COLUMNS]) -> Self {
        Self { rows: vec![header] }
    }

    pub(super) fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }

    pub(super) fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
                if place == 0 {
                    write!(output, "{cell:<width$}")?;
                } else {
                    write!(output, "  {cell:>width$}")?;
                }
            }
            writeln!(output)?;
        }
        Ok(())
    }
}
