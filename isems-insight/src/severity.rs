//! How serious a status is.

use isems_core::{Severity, Status, StatusFlag};

/// Returns the highest severity of the flags that are set, [`Info`](Severity::Info) where none is or no status is
/// reported.
pub fn severity(status: Option<Status>) -> Severity {
    status.into_iter().flat_map(Status::flags).map(StatusFlag::severity).max().unwrap_or(Severity::Info)
}
