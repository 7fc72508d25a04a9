//! The table of a measurement's fields, from which decoding, output formats, the API schema and the metrics take names,
//! units, ranges and descriptions.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A field of a [`Measurement`](crate::Measurement).
///
/// ```
/// use isems_core::Field;
/// let field = Field::from_name("batteryVoltage").expect("it is one");
/// assert_eq!((field.unit(), field.csvlog_place()), ("V", Some(8)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The node.
    NodeId,
    /// The measured time.
    Timestamp,
    /// The clock that the measured time was read from.
    TimeSource,
    /// The time of arrival.
    ReceivedAt,
    /// The revision of the packet format.
    IsemsRevision,
    /// The name of the firmware.
    FirmwareVersion,
    /// The power save level.
    PowerSaveLevel,
    /// A number with a unit.
    Number(NumberField),
    /// The status word.
    Status,
}

/// A numeric field of a [`Measurement`](crate::Measurement), in the order of the csvlog line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the field of `Measurement` with this name, documented there")]
pub enum NumberField {
    TimeToShutdown,
    OpenCircuitVoltage,
    MppVoltage,
    BatteryVoltage,
    BatteryChargeEstimate,
    BatteryHealthEstimate,
    BatteryTemperature,
    LowVoltageDisconnectVoltage,
    TemperatureCorrectedVoltage,
    RatedBatteryCapacity,
    RatedSolarModuleCapacity,
    Latitude,
    Longitude,
}

/// A row of the table.
struct Properties {
    name: &'static str,
    unit: &'static str,
    range: RangeInclusive<f64>,
    csvlog_place: Option<usize>,
    decimals: u8,
    description: &'static str,
}

const fn text(name: &'static str, csvlog_place: Option<usize>, description: &'static str) -> Properties {
    Properties { name, unit: "", range: 0.0..=0.0, csvlog_place, decimals: 0, description }
}

const fn number(
    name: &'static str,
    unit: &'static str,
    range: RangeInclusive<f64>,
    csvlog_place: usize,
    decimals: u8,
    description: &'static str,
) -> Properties {
    Properties { name, unit, range, csvlog_place: Some(csvlog_place), decimals, description }
}

const NODE_ID: Properties = text("nodeId", Some(0), "The node's name, as its owner typed it.");
const TIMESTAMP: Properties =
    text("timestamp", Some(2), "When it was measured. A node has at most one measurement a second.");
const TIME_SOURCE: Properties = text("timeSource", None, "Whose clock `timestamp` is.");
const RECEIVED_AT: Properties = text("receivedAt", None, "When it arrived here.");
const ISEMS_REVISION: Properties = text("isemsRevision", Some(1), "Revision of the packet format.");
const FIRMWARE_VERSION: Properties = text("openMPPTFirmwareVersion", Some(3), "Name of the firmware.");
const POWER_SAVE_LEVEL: Properties =
    number("isPowerSaveMode", "", 0.0..=255.0, 5, 0, "Level of power saving, 0 (none) to 6.");
const STATUS: Properties = text(
    "status",
    Some(18),
    "Status word of twelve bits in hex, most significant bit first. The oldest nodes report none.",
);

/// The range of voltages, percentages and temperatures. It is wide, see [`NumberField::range`].
const THOUSAND: RangeInclusive<f64> = -1e3..=1e3;

/// The numeric fields, in the order of [`NumberField::ALL`].
const NUMBERS: [Properties; NumberField::ALL.len()] = [
    number(
        "timeToShutdown",
        "min",
        -1e6..=1e8,
        4,
        0,
        "The watchdog's countdown to the next scheduled power cycle, nominally minutes. Not how long the battery lasts.",
    ),
    number("openCircuitVoltage", "V", THOUSAND, 6, 3, "Panel voltage without load, V."),
    number(
        "mppVoltage",
        "V",
        THOUSAND,
        7,
        3,
        "Panel voltage at the tracked maximum power point, V. 0 or below the battery's voltage at night.",
    ),
    number("batteryVoltage", "V", THOUSAND, 8, 3, "Battery voltage, V. 0 when the node has lost its solar controller."),
    number(
        "batteryChargeEstimate",
        "%",
        THOUSAND,
        9,
        0,
        "Charge that the node derives from the battery's voltage, percent. The load is cut at about 36, not at 0.",
    ),
    number(
        "batteryHealthEstimate",
        "%",
        THOUSAND,
        10,
        0,
        "Health of the battery, percent. 100 can mean that it was not measured since the last reboot.",
    ),
    number(
        "batteryTemperature",
        "degC",
        -273.15..=1e3,
        11,
        2,
        "Battery temperature, degrees Celsius. 25 when the sensor is missing (flag `temperatureSensorMissing`).",
    ),
    number("lowVoltageDisconnectVoltage", "V", THOUSAND, 12, 2, "The voltage below which the load is cut, V."),
    number("temperatureCorrectedVoltage", "V", THOUSAND, 13, 3, "Charge end voltage at this temperature, V."),
    number(
        "rateBatteryCapacity",
        "Ah",
        0.0..=1e6,
        14,
        1,
        "Rated capacity of the battery as its owner typed it in, Ah.",
    ),
    number("ratedSolarModuleCapacity", "W", 0.0..=1e6, 15, 1, "Rated power of the panel as its owner typed it in, W."),
    number(
        "latitude",
        "deg",
        -90.0..=90.0,
        16,
        6,
        "Latitude, degrees north. 52.52 is the shipped default, 0 is unset.",
    ),
    number(
        "longitude",
        "deg",
        -180.0..=180.0,
        17,
        6,
        "Longitude, degrees east. 13.4 is the shipped default, 0 is unset.",
    ),
];

impl Field {
    /// Every field, in the order of a measurement's JSON and CSV forms.
    pub const ALL: [Self; 21] = [
        Self::NodeId,
        Self::Timestamp,
        Self::TimeSource,
        Self::ReceivedAt,
        Self::IsemsRevision,
        Self::FirmwareVersion,
        Self::Number(NumberField::TimeToShutdown),
        Self::PowerSaveLevel,
        Self::Number(NumberField::OpenCircuitVoltage),
        Self::Number(NumberField::MppVoltage),
        Self::Number(NumberField::BatteryVoltage),
        Self::Number(NumberField::BatteryChargeEstimate),
        Self::Number(NumberField::BatteryHealthEstimate),
        Self::Number(NumberField::BatteryTemperature),
        Self::Number(NumberField::LowVoltageDisconnectVoltage),
        Self::Number(NumberField::TemperatureCorrectedVoltage),
        Self::Number(NumberField::RatedBatteryCapacity),
        Self::Number(NumberField::RatedSolarModuleCapacity),
        Self::Number(NumberField::Latitude),
        Self::Number(NumberField::Longitude),
        Self::Status,
    ];

    /// The fields of a csvlog line, in order.
    pub const CSVLOG: [Self; 19] = {
        let mut fields = [Self::NodeId; 19];
        let mut from = 0;
        while from < Self::ALL.len() {
            let field = Self::ALL[from];
            if let Some(place) = field.csvlog_place() {
                fields[place] = field;
            }
            from += 1;
        }
        fields
    };

    const fn properties(self) -> &'static Properties {
        match self {
            Self::NodeId => &NODE_ID,
            Self::Timestamp => &TIMESTAMP,
            Self::TimeSource => &TIME_SOURCE,
            Self::ReceivedAt => &RECEIVED_AT,
            Self::IsemsRevision => &ISEMS_REVISION,
            Self::FirmwareVersion => &FIRMWARE_VERSION,
            Self::PowerSaveLevel => &POWER_SAVE_LEVEL,
            Self::Number(field) => field.properties(),
            Self::Status => &STATUS,
        }
    }

    /// Returns the field's name on the wire and in JSON.
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// Returns the field of a name, or `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Returns the field's unit, empty if it has none.
    pub const fn unit(self) -> &'static str {
        self.properties().unit
    }

    /// Returns the field's position in a csvlog line, counted from 0, or `None` if only a collector knows the field.
    pub const fn csvlog_place(self) -> Option<usize> {
        self.properties().csvlog_place
    }

    /// Returns a description of one or two sentences.
    pub const fn description(self) -> &'static str {
        self.properties().description
    }

    /// Returns the field's bit in a [`FieldSet`].
    const fn bit(self) -> u32 {
        match self {
            Self::NodeId => 1,
            Self::Timestamp => 1 << 1,
            Self::TimeSource => 1 << 2,
            Self::ReceivedAt => 1 << 3,
            Self::IsemsRevision => 1 << 4,
            Self::FirmwareVersion => 1 << 5,
            Self::PowerSaveLevel => 1 << 6,
            Self::Status => 1 << 7,
            Self::Number(field) => 1 << (8 + field as u32),
        }
    }
}

/// A set of fields.
///
/// ```
/// use isems_core::{Field, FieldSet};
/// let fields: FieldSet = [Field::Timestamp, Field::Status].into_iter().collect();
/// assert!(fields.contains(Field::Status) && !fields.contains(Field::ReceivedAt));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FieldSet(u32);

impl FieldSet {
    /// Every field.
    pub const ALL: Self = {
        let mut bits = 0;
        let mut place = 0;
        while place < Field::ALL.len() {
            bits |= Field::ALL[place].bit();
            place += 1;
        }
        Self(bits)
    };

    /// Returns whether the set contains a field.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self(fields.into_iter().fold(0, |bits, field| bits | field.bit()))
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(Field::ALL.iter().filter(|field| self.contains(**field))).finish()
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Serializes as the name.
impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Deserializes from the name.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format_args!("{name:?} is not a field of a measurement")))
    }
}

impl From<NumberField> for Field {
    fn from(field: NumberField) -> Self {
        Self::Number(field)
    }
}

impl NumberField {
    /// Every numeric field, in the order of the csvlog line.
    pub const ALL: [Self; 13] = [
        Self::TimeToShutdown,
        Self::OpenCircuitVoltage,
        Self::MppVoltage,
        Self::BatteryVoltage,
        Self::BatteryChargeEstimate,
        Self::BatteryHealthEstimate,
        Self::BatteryTemperature,
        Self::LowVoltageDisconnectVoltage,
        Self::TemperatureCorrectedVoltage,
        Self::RatedBatteryCapacity,
        Self::RatedSolarModuleCapacity,
        Self::Latitude,
        Self::Longitude,
    ];

    const fn properties(self) -> &'static Properties {
        &NUMBERS[self as usize]
    }

    /// Returns the field's name on the wire and in JSON.
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// Returns the field's unit, empty if it has none.
    pub const fn unit(self) -> &'static str {
        self.properties().unit
    }

    /// Returns the accepted values. The ranges are wide: they exclude what is impossible, not what is unlikely.
    pub const fn range(self) -> &'static RangeInclusive<f64> {
        &self.properties().range
    }

    /// Returns the number of decimals that nodes print.
    pub const fn decimals(self) -> u8 {
        self.properties().decimals
    }

    /// Returns a description of one or two sentences.
    pub const fn description(self) -> &'static str {
        self.properties().description
    }
}
