//! The matter of an alert.

use std::fmt;

use isems_insight::FindingCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Declares the collector's own troubles with their names and meanings in one table.
macro_rules! troubles {
    ($($variant:ident, $name:literal, $meaning:literal;)*) => {
        /// A trouble of the collector itself. Names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Trouble {
            $(#[doc = $meaning] $variant,)*
        }

        impl Trouble {
            /// Every trouble.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Returns the stable name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

troubles! {
    DatabaseFull, "databaseFull", "There is no space left to store measurements.";
    DatabaseFailing, "databaseFailing", "Measurements cannot be stored.";
    ClockUnset, "collectorClockUnset", "The clock of the collector's computer is not set.";
    ClockBehind, "collectorClockBehind", "The clock of the collector's computer is behind.";
    SourcesAway, "sourcesAway", "Nothing that a transport collects from can be reached: a broker, or all nodes.";
    AllNodesSilent, "allNodesSilent", "Nearly all nodes fell silent together, so the cause is near the collector.";
    BackupFailed, "backupFailed", "The last backup failed.";
    CheckFailed, "checkFailed", "The last check of the database failed, or found damage.";
}

impl Trouble {
    /// Returns whether it explains why nodes are silent: nothing from them would arrive.
    pub fn explains_silence(self) -> bool {
        match self {
            Self::DatabaseFull
            | Self::DatabaseFailing
            | Self::ClockUnset
            | Self::ClockBehind
            | Self::SourcesAway
            | Self::AllNodesSilent => true,
            Self::BackupFailed | Self::CheckFailed => false,
        }
    }
}

/// The matter of an alert: a finding about a node, or a trouble of the collector itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A trouble of the collector itself.
    Trouble(Trouble),
    /// A finding about a node.
    Finding(FindingCode),
}

impl Code {
    /// Returns the stable name. No trouble has the name of a finding.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trouble(trouble) => trouble.name(),
            Self::Finding(finding) => finding.name(),
        }
    }

    /// Returns every code.
    pub fn all() -> impl Iterator<Item = Self> {
        let troubles = Trouble::ALL.into_iter().map(Self::Trouble);
        troubles.chain(FindingCode::ALL.into_iter().map(Self::Finding))
    }

    /// Returns what has a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| de::Error::custom(format_args!("unknown finding {name:?}")))
    }
}
