//! The severity of a status.

use isems_core::{Severity, Status, StatusFlag};

/// Returns the highest severity among the flags that are set, or [`Info`](Severity::Info) if none is set or there is no
/// status.
pub fn severity(status: Option<Status>) -> Severity {
    status.into_iter().flat_map(Status::flags).map(StatusFlag::severity).max().unwrap_or(Severity::Info)
}
