//! The documents that describe devices to Home Assistant, in the form of its [device discovery].
//!
//! [device discovery]: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload

use isems_core::NodeId;
use isems_insight::Level;
use serde_json::{Map, Value, json};

use crate::{
    Language,
    entity::{self, Entity, LEVEL, PROBLEM, Platform},
    language::Text,
    topics::{self, Topics},
};

/// Returns the configuration of a node's device.
///
/// Measured values are available while both the collector and the node are, and expire `expire_after` seconds after
/// their last message, which must be later than the node counts as silent. What the collector knows about the node,
/// such as that it is silent, is available while the collector is.
pub fn node(id: &NodeId, firmware: Option<&str>, expire_after: u32, topics: &Topics, language: Language) -> Value {
    let object_id = topics::object_id(id);
    let mut device = json!({
        "identifiers": [topics.device_id(&object_id)],
        "name": id.as_str(),
        "model": MODEL.in_language(language),
        "via_device": topics.device_id(topics::COLLECTOR),
    });
    if let Some(firmware) = firmware {
        device["sw_version"] = json!(firmware);
    }
    let of_collector = json!({ "topic": topics.availability(topics::COLLECTOR) });
    let components = entity::NODE.iter().map(|entity| {
        let mut component = component(entity, &object_id, topics, language);
        if entity.is_measured {
            component.insert("expire_after".into(), json!(expire_after));
        } else {
            component.insert("availability".into(), json!([of_collector]));
        }
        (entity.key, component)
    });
    let availability = json!([of_collector, { "topic": topics.availability(&object_id) }]);
    document(&device, components, &availability, &topics.state(&object_id))
}

/// Returns the configuration of the collector's device. `name` is the collector's, if it has another one than the
/// default.
pub fn collector(name: Option<&str>, topics: &Topics, language: Language) -> Value {
    let title = TITLE.in_language(language);
    let device = json!({
        "identifiers": [topics.device_id(topics::COLLECTOR)],
        "name": name.map_or_else(|| title.into(), |name| format!("{title} {name}")),
        "model": "isems-server",
        "sw_version": env!("CARGO_PKG_VERSION"),
    });
    let components = entity::COLLECTOR.iter();
    let components = components.map(|entity| (entity.key, component(entity, topics::COLLECTOR, topics, language)));
    let availability = json!([{ "topic": topics.availability(topics::COLLECTOR) }]);
    document(&device, components, &availability, &topics.state(topics::COLLECTOR))
}

/// The model of a node's device.
const MODEL: Text = Text { english: "ISEMS node", german: "ISEMS-Knoten" };

/// The name of the collector's device.
const TITLE: Text = Text { english: "ISEMS collector", german: "ISEMS-Sammler" };

fn document(
    device: &Value,
    components: impl Iterator<Item = (&'static str, Map<String, Value>)>,
    availability: &Value,
    state_topic: &str,
) -> Value {
    let components: Map<String, Value> = components.map(|(key, component)| (key.into(), component.into())).collect();
    json!({
        "device": device,
        "origin": {
            "name": "isems",
            "sw_version": env!("CARGO_PKG_VERSION"),
            "support_url": env!("CARGO_PKG_REPOSITORY"),
        },
        "availability": availability,
        "availability_mode": "all",
        "state_topic": state_topic,
        "components": components,
    })
}

fn component(entity: &Entity, object_id: &str, topics: &Topics, language: Language) -> Map<String, Value> {
    let mut component = Map::new();
    let mut set = |key: &str, value: Value| drop(component.insert(key.into(), value));
    set("platform", json!(entity.platform.name()));
    set("unique_id", json!(format!("{}_{}", topics.device_id(object_id), entity.key)));
    set("name", json!(entity.name.in_language(language)));
    set("value_template", json!(format!("{{{{ value_json.{} }}}}", entity.key)));
    if let Some(class) = entity.device_class {
        set("device_class", json!(class));
    }
    if let Some(unit) = entity.unit {
        set("unit_of_measurement", json!(unit));
    }
    if let Some(decimals) = entity.decimals {
        set("suggested_display_precision", json!(decimals));
        set("state_class", json!("measurement"));
    }
    if entity.is_diagnostic {
        set("entity_category", json!("diagnostic"));
    }
    if entity.key == LEVEL {
        // Home Assistant has a state `unknown` of its own, for what has no value.
        let levels = Level::ALL.into_iter().filter(|level| *level != Level::Unknown);
        set("options", levels.map(Level::name).collect());
    }
    if entity.key == PROBLEM && entity.platform == Platform::BinarySensor {
        set("json_attributes_topic", json!(topics.state(object_id)));
        set("json_attributes_template", json!("{{ {'findings': value_json.findings} | tojson }}"));
    }
    component
}
