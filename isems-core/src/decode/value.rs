//! The values of single fields, shared by all formats. A value that cannot be used is dropped, and its line kept.

use std::sync::Arc;

use crate::{DroppedValue, Field, NumberField, Reject, RejectReason, Status, measurement::is_text};

/// Reads the values of a line, and collects those that cannot be used.
pub(super) struct Values<'a> {
    pub(super) line: u32,
    pub(super) dropped: &'a mut Vec<DroppedValue>,
}

impl Values<'_> {
    /// Drops a value.
    pub(super) fn drop(&mut self, field: Field, reason: RejectReason, text: &str) {
        let text = Reject::text_of(text.as_bytes());
        self.dropped.push(DroppedValue { reason, field, line: self.line, text });
    }

    fn take<T>(&mut self, field: Field, text: &str, value: Result<Option<T>, RejectReason>) -> Option<T> {
        value.unwrap_or_else(|reason| {
            self.drop(field, reason, text);
            None
        })
    }

    pub(super) fn number(&mut self, field: NumberField, text: &str) -> Option<f64> {
        let value = number(text).and_then(|number| match number {
            Some(number) if !field.range().contains(&number) => Err(RejectReason::NumberOutOfRange),
            number => Ok(number),
        });
        self.take(field.into(), text, value)
    }

    pub(super) fn power_save_level(&mut self, text: &str) -> Option<u8> {
        let value = number(text).and_then(|level| match level {
            None => Ok(None),
            Some(level) if level.fract() != 0.0 => Err(RejectReason::NumberInvalid),
            Some(level) if (0.0..=255.0).contains(&level) => Ok(Some(level as u8)),
            Some(_) => Err(RejectReason::NumberOutOfRange),
        });
        self.take(Field::PowerSaveLevel, text, value)
    }

    pub(super) fn status(&mut self, text: &str) -> Option<Status> {
        let trimmed = text.trim_ascii();
        let value = if is_missing(trimmed) {
            Ok(None)
        } else {
            trimmed.parse().map(Some).map_err(|_| RejectReason::StatusInvalid)
        };
        self.take(Field::Status, text, value)
    }

    /// A text field. Neighbouring lines mostly repeat it, so that the `previous` line's text is shared.
    pub(super) fn text(&mut self, field: Field, text: &str, previous: &mut Option<Arc<str>>) -> Option<Arc<str>> {
        if text.is_empty() || text == "-" {
            return None;
        }
        if let Some(previous) = previous
            && **previous == *text
        {
            return Some(previous.clone());
        }
        if !is_text(text) {
            self.drop(field, RejectReason::TextInvalid, text);
            return None;
        }
        let shared: Arc<str> = text.into();
        *previous = Some(shared.clone());
        Some(shared)
    }
}

/// Returns whether the text stands for a missing value: empty, a lone `-`, or a division by zero as Lua prints it.
fn is_missing(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.is_empty() || ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
}

/// Reads a number, `None` when it is missing. The error is the reason why it cannot be used.
pub(super) fn number(text: &str) -> Result<Option<f64>, RejectReason> {
    let text = text.trim_ascii();
    if is_missing(text) {
        return Ok(None);
    }
    let number: f64 = text.parse().map_err(|_| RejectReason::NumberInvalid)?;
    if number.is_finite() { Ok(Some(number)) } else { Err(RejectReason::NumberOutOfRange) }
}
