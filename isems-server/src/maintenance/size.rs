//! Numbers of bytes, for people.

use std::fmt;

/// A number of bytes, formatted with at least three digits: `999 B`, `12.3 kB`, `4.56 GB`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let (mut number, mut unit) = (self.0 as f64, 0);
        while number >= 999.5 && unit + 1 < UNITS.len() {
            (number, unit) = (number / 1000.0, unit + 1);
        }
        let decimals = match number {
            _ if unit == 0 => 0,
            ..9.995 => 2,
            ..99.95 => 1,
            _ => 0,
        };
        formatter.pad(&format!("{number:.decimals$} {}", UNITS[unit]))
    }
}
