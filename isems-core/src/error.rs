//! Errors and panics as text.

use std::{any::Any, error::Error};

/// Formats an error and its causes in one line. A cause that is already part of the text is not repeated.
///
/// ```
/// use isems_core::{RepositoryError, chain};
/// let source = "connection refused".into();
/// let error = RepositoryError::Unavailable { action: "read", retry: true, source };
/// assert_eq!(chain(&error), "cannot read the database: connection refused");
/// ```
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Returns the message of a caught panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
