//! The level of a node, and the severity of findings about it.

/// The urgency with which a node needs attention, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing needs doing.
    Ok,
    /// Too little is known to say.
    Unknown,
    /// It should be looked after at the next opportunity.
    Attention,
    /// It needs attention now.
    Urgent,
}

impl Level {
    /// Every level, the best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Unknown, Self::Attention, Self::Urgent];

    /// Returns the stable name used in answers, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Attention => "attention",
            Self::Urgent => "urgent",
        }
    }
}

/// The severity of a [finding](crate::Finding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingSeverity {
    /// Worth knowing; nothing needs doing.
    Info,
    /// It should be looked after at the next opportunity.
    Attention,
    /// It needs attention now.
    Urgent,
}

impl FindingSeverity {
    /// Every severity, the least one first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Attention, Self::Urgent];

    /// Returns the stable name used in answers, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Attention => "attention",
            Self::Urgent => "urgent",
        }
    }

    /// Returns the level of a node whose worst finding has this severity.
    pub fn level(self) -> Level {
        match self {
            Self::Info => Level::Ok,
            Self::Attention => Level::Attention,
            Self::Urgent => Level::Urgent,
        }
    }
}
