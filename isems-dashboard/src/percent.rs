//! Places in percent.

/// Returns a share in percent, with at most two decimals.
pub(crate) fn percent(share: f64) -> String {
    // Adding zero turns -0 into 0.
    format!("{}%", (share * 1e4).round() / 100.0 + 0.0)
}
