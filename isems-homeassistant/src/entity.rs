//! The entities of the devices.

use crate::language::Text;

/// An entity: one value of a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entity {
    /// The key in the device's state document, and the end of the unique id.
    pub(crate) key: &'static str,
    pub(crate) name: Text,
    pub(crate) platform: Platform,
    pub(crate) device_class: Option<&'static str>,
    pub(crate) unit: Option<&'static str>,
    /// The number of decimals that are shown.
    pub(crate) decimals: Option<u8>,
    pub(crate) is_diagnostic: bool,
    /// Set if a node measures it. It is unavailable while the node is silent. What the collector knows about a node is
    /// not.
    pub(crate) is_measured: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Sensor,
    BinarySensor,
}

impl Platform {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::BinarySensor => "binary_sensor",
        }
    }
}

/// A number without a class. The following entities are made of it.
const NUMBER: Entity = Entity {
    key: "",
    name: Text { english: "", german: "" },
    platform: Platform::Sensor,
    device_class: None,
    unit: None,
    decimals: Some(0),
    is_diagnostic: false,
    is_measured: false,
};

/// The key of the level, the only entity with a list of values.
pub(crate) const LEVEL: &str = "level";

/// The key of the problem, the only entity with attributes.
pub(crate) const PROBLEM: &str = "problem";

/// The entities of a node.
pub(crate) static NODE: [Entity; 10] = [
    Entity {
        key: "voltage",
        name: Text { english: "Battery voltage", german: "Akkuspannung" },
        device_class: Some("voltage"),
        unit: Some("V"),
        decimals: Some(2),
        is_measured: true,
        ..NUMBER
    },
    Entity {
        key: "charge",
        name: Text { english: "Charge", german: "Ladung" },
        device_class: Some("battery"),
        unit: Some("%"),
        is_measured: true,
        ..NUMBER
    },
    Entity {
        key: "temperature",
        name: Text { english: "Battery temperature", german: "Akkutemperatur" },
        device_class: Some("temperature"),
        unit: Some("°C"),
        decimals: Some(1),
        is_measured: true,
        ..NUMBER
    },
    Entity {
        key: "health",
        name: Text { english: "Battery health", german: "Akkuzustand" },
        unit: Some("%"),
        is_diagnostic: true,
        is_measured: true,
        ..NUMBER
    },
    Entity {
        key: "panel",
        name: Text { english: "Panel voltage", german: "Modulspannung" },
        device_class: Some("voltage"),
        unit: Some("V"),
        decimals: Some(2),
        is_measured: true,
        ..NUMBER
    },
    Entity {
        key: "load_off",
        name: Text { english: "Load off expected", german: "Abschaltung erwartet" },
        device_class: Some("timestamp"),
        decimals: None,
        ..NUMBER
    },
    Entity {
        key: LEVEL,
        name: Text { english: "Level", german: "Dringlichkeit" },
        device_class: Some("enum"),
        decimals: None,
        ..NUMBER
    },
    Entity {
        key: PROBLEM,
        name: Text { english: "Problem", german: "Problem" },
        platform: Platform::BinarySensor,
        device_class: Some("problem"),
        decimals: None,
        ..NUMBER
    },
    Entity {
        key: "last_seen",
        name: Text { english: "Last seen", german: "Zuletzt gehört" },
        device_class: Some("timestamp"),
        decimals: None,
        is_diagnostic: true,
        ..NUMBER
    },
    Entity {
        key: "connectivity",
        name: Text { english: "Connectivity", german: "Verbindung" },
        platform: Platform::BinarySensor,
        device_class: Some("connectivity"),
        decimals: None,
        is_diagnostic: true,
        ..NUMBER
    },
];

/// The entities of the collector.
pub(crate) static COLLECTOR: [Entity; 6] = [
    Entity { key: "active", name: Text { english: "Active nodes", german: "Aktive Knoten" }, ..NUMBER },
    Entity { key: "silent", name: Text { english: "Silent nodes", german: "Stille Knoten" }, ..NUMBER },
    Entity { key: "inactive", name: Text { english: "Inactive nodes", german: "Inaktive Knoten" }, ..NUMBER },
    Entity {
        key: "attention",
        name: Text { english: "Nodes that need attention", german: "Knoten, die jemanden brauchen" },
        ..NUMBER
    },
    Entity {
        key: "database_size",
        name: Text { english: "Database size", german: "Größe der Datenbank" },
        device_class: Some("data_size"),
        unit: Some("MB"),
        decimals: Some(1),
        is_diagnostic: true,
        ..NUMBER
    },
    Entity {
        key: "disk_free",
        name: Text { english: "Free disk space", german: "Freier Speicherplatz" },
        device_class: Some("data_size"),
        unit: Some("MB"),
        is_diagnostic: true,
        ..NUMBER
    },
];
