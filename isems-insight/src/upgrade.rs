//! The safety of upgrading a node's firmware.

/// The safety of a firmware upgrade: the battery must last, and no reboot may come in between.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Upgrade {
    /// Set if it is safe now; `None` if that cannot be said.
    pub safe: Option<bool>,
    /// The facts behind it, as English sentences.
    pub reasons: Vec<String>,
    /// The next time at which it will be safe, if it is not now.
    pub next_window: Option<TimeWindow>,
}

/// A time from one instant to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    /// The first instant, Unix seconds, UTC.
    pub from: i64,
    /// The first instant after it, Unix seconds, UTC.
    pub to: i64,
}
