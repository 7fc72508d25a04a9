//! The status word that nodes report: twelve bits, the first one most significant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The twelve status bits of a node. Bit 0 is the *most* significant one: hex `800`.
///
/// Its text form is `0x` and three lower-case hex digits; it is read from three hex digits in either case, with or
/// without `0x`.
///
/// ```
/// use isems_core::{Status, StatusFlag};
/// let status: Status = "941".parse()?;
/// assert!(status.contains(StatusFlag::Charging) && status.contains(StatusFlag::CapacityTooSmall));
/// assert_eq!(status.to_string(), "0x941");
/// # Ok::<(), isems_core::InvalidStatus>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Status(u16);

impl Status {
    /// A status of these bits; `None` when a bit above the twelfth is set.
    pub fn from_bits(bits: u16) -> Option<Self> {
        (bits <= 0xfff).then_some(Self(bits))
    }

    /// The bits, `0x000..=0xfff`.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Returns whether a flag is set.
    pub fn contains(self, flag: StatusFlag) -> bool {
        self.0 & flag.mask() != 0
    }

    /// The flags that are set, first bit first. The unused twelfth bit has no flag.
    pub fn flags(self) -> impl Iterator<Item = StatusFlag> {
        StatusFlag::ALL.into_iter().filter(move |flag| self.contains(*flag))
    }
}

impl FromIterator<StatusFlag> for Status {
    fn from_iter<I: IntoIterator<Item = StatusFlag>>(flags: I) -> Self {
        Self(flags.into_iter().fold(0, |bits, flag| bits | flag.mask()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0x{:03x}", self.0)
    }
}

impl FromStr for Status {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if digits.len() == 3
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && let Ok(bits) = u16::from_str_radix(digits, 16)
        {
            return Ok(Self(bits));
        }
        Err(InvalidStatus(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Status {
    type Error = InvalidStatus;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.to_string()
    }
}

/// A text that is no [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid status {0:?}: expected three hex digits, such as 941 or 0x941")]
pub struct InvalidStatus(String);

/// The severity of a [`StatusFlag`], as the ISEMS documents rate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Normal operation.
    Info,
    /// Worth a look.
    Warning,
    /// Something is wrong with the installation.
    Error,
    /// Every other reading is void.
    Critical,
}

/// One bit of a [`Status`] with its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StatusFlag {
    /// The battery is being charged.
    Charging,
    /// The battery is being discharged.
    Discharging,
    /// The battery is full; `Charging` is then unset.
    FullyCharged,
    /// The energy system is healthy.
    Healthy,
    /// The battery level is low, which wears the battery.
    BatteryLow,
    /// The energy storage is too small: battery size or wear needs a check.
    CapacityTooSmall,
    /// No temperature sensor is connected; the temperature then reads 25.
    TemperatureSensorMissing,
    /// The solar controller does not answer: every other reading is void.
    ControllerLost,
    /// The battery has 40 degC or more.
    BatteryOverheating,
    /// The battery has -10 degC or less.
    BatteryCold,
    /// The battery or the watchdog's countdown does not allow a firmware upgrade.
    UpgradeNotAllowed,
}

impl StatusFlag {
    /// Every flag, first bit first.
    pub const ALL: [Self; 11] = [
        Self::Charging,
        Self::Discharging,
        Self::FullyCharged,
        Self::Healthy,
        Self::BatteryLow,
        Self::CapacityTooSmall,
        Self::TemperatureSensorMissing,
        Self::ControllerLost,
        Self::BatteryOverheating,
        Self::BatteryCold,
        Self::UpgradeNotAllowed,
    ];

    /// The flag's bit in the word.
    pub fn mask(self) -> u16 {
        0x800 >> self as u16
    }

    /// The severity of the flag when it is set.
    pub fn severity(self) -> Severity {
        match self {
            Self::Charging | Self::Discharging | Self::FullyCharged | Self::Healthy | Self::UpgradeNotAllowed => {
                Severity::Info
            }
            Self::BatteryLow | Self::TemperatureSensorMissing | Self::BatteryCold => Severity::Warning,
            Self::CapacityTooSmall | Self::BatteryOverheating => Severity::Error,
            Self::ControllerLost => Severity::Critical,
        }
    }
}
