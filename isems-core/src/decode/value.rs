//! The values of single fields, shared by both formats.

use std::sync::Arc;

use crate::{Fault, Field, Measurement, RejectReason, Status};

/// Whether the text stands for a missing value: empty, a lone `-`, or a division by zero as Lua prints it.
fn is_missing(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.is_empty() || ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
}

/// A number, or `None` when it is missing. The error is the kind of fault.
pub(super) fn number(text: &str) -> Result<Option<f64>, RejectReason> {
    let text = text.trim_ascii();
    if is_missing(text) {
        return Ok(None);
    }
    let number: f64 = text.parse().map_err(|_| RejectReason::NumberInvalid)?;
    if number.is_finite() { Ok(Some(number)) } else { Err(RejectReason::NumberOutOfRange) }
}

pub(super) fn field_number(field: Field, text: &str) -> Result<Option<f64>, Fault> {
    let number = number(text).map_err(|reason| Fault { reason, field: field.name() })?;
    match number {
        Some(number) if !field.range().contains(&number) => {
            Err(Fault { reason: RejectReason::NumberOutOfRange, field: field.name() })
        }
        number => Ok(number),
    }
}

pub(super) fn power_save_level(text: &str) -> Result<Option<u8>, Fault> {
    let fault = |reason| Fault { reason, field: "isPowerSaveMode" };
    match number(text).map_err(fault)? {
        None => Ok(None),
        Some(level) if level.fract() != 0.0 => Err(fault(RejectReason::NumberInvalid)),
        Some(level) if (0.0..=255.0).contains(&level) => Ok(Some(level as u8)),
        Some(_) => Err(fault(RejectReason::NumberOutOfRange)),
    }
}

pub(super) fn status(text: &str) -> Result<Option<Status>, Fault> {
    let text = text.trim_ascii();
    if is_missing(text) {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Fault { reason: RejectReason::StatusInvalid, field: "status" })
}

/// A text field. Neighbouring lines mostly repeat it, so that the `previous` line's text is shared.
pub(super) fn text(
    field: &'static str,
    text: &str,
    previous: &mut Option<Arc<str>>,
) -> Result<Option<Arc<str>>, Fault> {
    if text.is_empty() || text == "-" {
        return Ok(None);
    }
    if let Some(previous) = previous
        && **previous == *text
    {
        return Ok(Some(previous.clone()));
    }
    if text.len() > Measurement::MAX_TEXT_BYTES || text.chars().any(char::is_control) {
        return Err(Fault { reason: RejectReason::TextInvalid, field });
    }
    let shared: Arc<str> = text.into();
    *previous = Some(shared.clone());
    Ok(Some(shared))
}
