//! A settings file.

use std::{fs, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::document::{Document, Fault};

/// A settings file.
pub(super) struct SettingsFile {
    path: String,
    text: String,
}

impl SettingsFile {
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
        Ok(Self { path: path.into(), text })
    }

    /// Returns the content, which has been validated on its own.
    pub(super) fn document(&self) -> Result<Document<'_>, String> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            let line = self.line(error.span().unwrap_or_default().start);
            format!("{}, line {line}: this is not valid TOML: {}", self.path, error.message())
        })?;
        let document = Document::new(table.into_inner());
        document.settings().map_err(|fault| self.describe(&fault))?;
        Ok(document)
    }

    /// Says where in the file a fault is, if that is its origin.
    pub(super) fn describe(&self, fault: &Fault) -> String {
        if fault.span.is_empty() {
            return fault.to_string();
        }
        let line = self.line(fault.span.start);
        let table = DeTable::parse(&self.text).ok();
        let mut keys = Vec::new();
        if let Some(table) = &table {
            find(table.get_ref(), &fault.span, &mut keys);
        }
        format!("{}, line {line}, {}: {fault}", self.path, keys.join("."))
    }

    /// Returns the number of the line at a position, counted from 1.
    fn line(&self, position: usize) -> usize {
        let before = self.text.as_bytes().iter().take(position);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Collects the keys that lead to a place, and returns whether it is in the table. A table with a heading spans no more
/// than that, so it is searched whatever its span.
fn find<'a>(table: &'a DeTable<'_>, place: &Range<usize>, keys: &mut Vec<&'a str>) -> bool {
    table.iter().any(|(key, value)| {
        keys.push(key.get_ref());
        let is_here = find_in(value, place, keys) || covers(&key.span(), place);
        if !is_here {
            keys.pop();
        }
        is_here
    })
}

fn find_in<'a>(value: &'a Spanned<DeValue<'_>>, place: &Range<usize>, keys: &mut Vec<&'a str>) -> bool {
    let is_inside = match value.get_ref() {
        DeValue::Table(table) => find(table, place, keys),
        DeValue::Array(values) => values.iter().any(|value| find_in(value, place, keys)),
        _ => false,
    };
    is_inside || covers(&value.span(), place)
}

fn covers(span: &Range<usize>, place: &Range<usize>) -> bool {
    span.start <= place.start && place.end <= span.end
}
