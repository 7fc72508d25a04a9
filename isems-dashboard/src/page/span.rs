//! Spans of time.

/// A span of time that a page can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    /// The last 24 hours.
    #[default]
    Day,
    /// The last seven days.
    Week,
    /// The last 30 days.
    Month,
    /// The last 365 days.
    Year,
    /// Everything that is kept.
    All,
    /// From one time to another.
    Custom,
}

impl Span {
    /// The spans that have a name, the shortest first.
    pub const NAMED: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Year, Self::All];

    /// Returns the stable name that stands in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Year => "1y",
            Self::All => "all",
            Self::Custom => "custom",
        }
    }

    /// Returns how long it is, seconds, unless that depends on the node.
    pub fn seconds(self) -> Option<i64> {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
            Self::All | Self::Custom => return None,
        };
        Some(days * 86_400)
    }
}
