//! Values of closed sets, which are enums in the document, by their stable names.

use std::{borrow::Cow, iter};

use isems_core::{Field, NumberField, Order, RejectKind, RejectReason, Severity, StatusFlag};
use isems_insight::{FindingCode, FindingSeverity, Level, NodeState, SilenceCause, Survival};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

use crate::csv::{Decimal, Separator};

/// A set of values with stable names.
pub(crate) trait Names: Copy + Send + Sync + 'static {
    /// The set's name in the document.
    const SCHEMA: &'static str;
    /// The meaning of a value.
    const DESCRIPTION: &'static str;
    /// Every value.
    const ALL: &'static [Self];

    /// Returns the value's name.
    fn name(self) -> &'static str;

    /// Returns the value with a name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

impl Names for NumberField {
    const SCHEMA: &'static str = "NumberField";
    const DESCRIPTION: &'static str = "A numeric field of a measurement.";
    const ALL: &'static [Self] = &NumberField::ALL;

    fn name(self) -> &'static str {
        NumberField::name(self)
    }
}

impl Names for RejectReason {
    const SCHEMA: &'static str = "RejectReason";
    const DESCRIPTION: &'static str = "The reason why a line, or a value of one, was not stored.";
    const ALL: &'static [Self] = &RejectReason::ALL;

    fn name(self) -> &'static str {
        self.code()
    }
}

impl Names for RejectKind {
    const SCHEMA: &'static str = "RejectKind";
    const DESCRIPTION: &'static str = "The kind of reject.";
    const ALL: &'static [Self] = &RejectKind::ALL;

    fn name(self) -> &'static str {
        RejectKind::name(self)
    }
}

impl Names for Field {
    const SCHEMA: &'static str = "Field";
    const DESCRIPTION: &'static str = "A field of a measurement.";
    const ALL: &'static [Self] = &Field::ALL;

    fn name(self) -> &'static str {
        Field::name(self)
    }
}

impl Names for StatusFlag {
    const SCHEMA: &'static str = "StatusFlag";
    const DESCRIPTION: &'static str = "A bit of the status word.";
    const ALL: &'static [Self] = &StatusFlag::ALL;

    fn name(self) -> &'static str {
        match self {
            Self::Charging => "charging",
            Self::Discharging => "discharging",
            Self::FullyCharged => "fullyCharged",
            Self::Healthy => "healthy",
            Self::BatteryLow => "batteryLow",
            Self::CapacityTooSmall => "capacityTooSmall",
            Self::TemperatureSensorMissing => "temperatureSensorMissing",
            Self::ControllerLost => "controllerLost",
            Self::BatteryOverheating => "batteryOverheating",
            Self::BatteryCold => "batteryCold",
            Self::UpgradeNotAllowed => "upgradeNotAllowed",
        }
    }
}

impl Names for Severity {
    const SCHEMA: &'static str = "Severity";
    const DESCRIPTION: &'static str = "How serious a flag is: `info` is normal operation, `warning` is worth a look, `error` says that \
                                       something is wrong with the installation, `critical` that every other reading is void.";
    const ALL: &'static [Self] = &[Self::Info, Self::Warning, Self::Error, Self::Critical];

    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl Names for Order {
    const SCHEMA: &'static str = "Order";
    const DESCRIPTION: &'static str = "An order of measured time: `asc` is oldest first, `desc` newest first.";
    const ALL: &'static [Self] = &[Self::OldestFirst, Self::NewestFirst];

    fn name(self) -> &'static str {
        match self {
            Self::OldestFirst => "asc",
            Self::NewestFirst => "desc",
        }
    }
}

impl Names for Separator {
    const SCHEMA: &'static str = "Separator";
    const DESCRIPTION: &'static str = "The character between two values of CSV.";
    const ALL: &'static [Self] = &[Self::Comma, Self::Semicolon, Self::Tab];

    fn name(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Tab => "tab",
        }
    }
}

impl Names for Decimal {
    const SCHEMA: &'static str = "Decimal";
    const DESCRIPTION: &'static str = "The decimal mark of the numbers in CSV.";
    const ALL: &'static [Self] = &[Self::Point, Self::Comma];

    fn name(self) -> &'static str {
        match self {
            Self::Point => ".",
            Self::Comma => ",",
        }
    }
}

impl Names for NodeState {
    const SCHEMA: &'static str = "NodeState";
    const DESCRIPTION: &'static str = "The state of a node.";
    const ALL: &'static [Self] = &NodeState::ALL;

    fn name(self) -> &'static str {
        NodeState::name(self)
    }
}

impl Names for Level {
    const SCHEMA: &'static str = "Level";
    const DESCRIPTION: &'static str = "The urgency with which a node needs attention: `ok` not at all, `attention` at the next opportunity, `urgent` now; \
                                       `unknown` if too little is known.";
    const ALL: &'static [Self] = &Level::ALL;

    fn name(self) -> &'static str {
        Level::name(self)
    }
}

impl Names for FindingSeverity {
    const SCHEMA: &'static str = "FindingSeverity";
    const DESCRIPTION: &'static str = "How much a finding matters: `info` needs nothing, `attention` should be looked after at the next \
                                       opportunity, `urgent` now.";
    const ALL: &'static [Self] = &FindingSeverity::ALL;

    fn name(self) -> &'static str {
        FindingSeverity::name(self)
    }
}

impl Names for FindingCode {
    const SCHEMA: &'static str = "FindingCode";
    const DESCRIPTION: &'static str = "A kind of finding. The codes are stable, and more may be added.";
    const ALL: &'static [Self] = &FindingCode::ALL;

    fn name(self) -> &'static str {
        FindingCode::name(self)
    }
}

impl Names for Survival {
    const SCHEMA: &'static str = "Survival";
    const DESCRIPTION: &'static str =
        "Whether the load stays on through a night: `yes` or `no` with a probability of 80 % or more.";
    const ALL: &'static [Self] = &Survival::ALL;

    fn name(self) -> &'static str {
        Survival::name(self)
    }
}

impl Names for SilenceCause {
    const SCHEMA: &'static str = "SilenceCause";
    const DESCRIPTION: &'static str = "The cause of a silence.";
    const ALL: &'static [Self] = &SilenceCause::ALL;

    fn name(self) -> &'static str {
        SilenceCause::name(self)
    }
}

/// A value of a set, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: Names> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de, T: Names> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        T::named(&name).map(Self).ok_or_else(|| D::Error::custom(format!("{name:?} is unknown")))
    }
}

impl<T: Names> Type for Named<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::SCHEMA.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::SCHEMA.into())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::SCHEMA.into(), |_| MetaSchema {
            description: Some(T::DESCRIPTION),
            enum_items: T::ALL.iter().map(|value| value.name().into()).collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl<T: Names> ParseFromParameter for Named<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        T::named(text).map(Self).ok_or_else(|| {
            let known: Vec<&str> = T::ALL.iter().map(|value| value.name()).collect();
            ParseError::custom(format!("{text:?} is unknown; expected one of {}", known.join(", ")))
        })
    }
}

impl<T: Names> ParseFromJSON for Named<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let text = value.as_str().ok_or_else(|| ParseError::expected_type(value.clone()))?;
        Self::parse_from_parameter(text).map_err(ParseError::propagate)
    }
}

impl<T: Names> ToJSON for Named<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.name().into())
    }
}
