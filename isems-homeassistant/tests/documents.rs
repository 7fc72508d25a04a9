//! The documents that describe devices, and those with their values.

use std::{collections::HashSet, env, fs, path::Path, sync::Arc};

use isems_core::{Measurement, Node, StatusFlag, testing::sample_measurement};
use isems_homeassistant::{
    Language, discovery,
    state::{self, Storage},
    topics::{self, Topics, object_id},
};
use isems_insight::{
    Assessment, Battery, Energy, Estimate, Expected, Finding, FindingCode, FindingSeverity, Level, LoadOff, NodeState,
    Snapshot, Traffic, WatchedNode,
};
use serde_json::{Value, json};

const NOW: i64 = 1_750_000_000;

fn topics() -> Topics {
    Topics::new("homeassistant", "collector")
}

fn watched(latest: Measurement) -> WatchedNode {
    let node = Node {
        id: latest.node_id.clone(),
        measurements: 1,
        first_timestamp: latest.timestamp,
        first_received_at: latest.received_at,
        last_received_at: latest.received_at,
        latest,
    };
    WatchedNode { node: Arc::new(node), state: NodeState::Active, usual_interval: Some(300), assessment: None }
}

fn assessed(node: WatchedNode) -> WatchedNode {
    let when = Expected { expected_at: NOW + 3600, earliest: NOW, latest: NOW + 7200 };
    let assessment = Assessment {
        node: node.node.id.clone(),
        at: NOW,
        level: Level::Urgent,
        findings: vec![Finding::new(FindingCode::LoadOffPredicted, FindingSeverity::Urgent, NOW)],
        energy: Energy {
            charge_percent: Some(51.0),
            usable_percent: Some(23.456),
            load_off: Some(LoadOff { when, probability: 0.9 }),
            ..Energy::default()
        },
        course: isems_insight::Course::default(),
        battery: Battery {
            capacity_percent_of_rated: Some(Estimate { value: 81.26, uncertainty: 5.0 }),
            ..Battery::default()
        },
        panel: isems_insight::Panel::default(),
        silence: None,
        upgrade: isems_insight::Upgrade::default(),
        data: isems_insight::DataQuality::default(),
        unknown: Vec::new(),
    };
    WatchedNode { assessment: Some(Arc::new(assessment)), ..node }
}

/// A difference changes what users of Home Assistant see. If it is intended, `UPDATE_GOLDEN=1` writes the files anew.
#[test]
fn descriptions_are_the_golden_files() {
    let id = "Küche/1".parse().unwrap();
    for language in Language::ALL {
        for (name, document) in [
            ("node", discovery::node(&id, Some("ATmega8_A_1"), 1260, &topics(), language)),
            ("collector", discovery::collector(None, &topics(), language)),
        ] {
            let file = format!("tests/goldens/{name}.{}.json", language.tag());
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
            if env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let golden = fs::read_to_string(&path).unwrap();
            assert!(text == golden, "the description differs from {}; UPDATE_GOLDEN=1 writes it anew", path.display());
        }
    }
}

#[test]
fn every_entity_has_an_id_of_its_own_and_a_value_in_the_state() {
    let node = assessed(watched(sample_measurement("Hut", NOW)));
    let snapshot = snapshot(vec![node.clone()]);
    let storage = Storage { database_bytes: Some(1_234_567), free_bytes: Some(5_678_000_000) };
    let documents = [
        (discovery::node(&node.node.id, None, 60, &topics(), Language::English), state::node(&node)),
        (discovery::collector(None, &topics(), Language::English), state::collector(&snapshot, storage)),
    ];
    let mut ids = HashSet::new();
    for (description, state) in documents {
        for (key, component) in description["components"].as_object().unwrap() {
            assert!(ids.insert(component["unique_id"].clone()), "{key}");
            assert_eq!(component["value_template"], format!("{{{{ value_json.{key} }}}}"));
            assert!(!state[key].is_null(), "{key} is not in {state}");
        }
    }
}

#[test]
fn measured_values_depend_on_the_node_and_what_is_known_about_it_does_not() {
    let id = "Hut".parse().unwrap();
    let description = discovery::node(&id, None, 1260, &topics(), Language::English);
    let (collector, node) = (topics().availability(topics::COLLECTOR), topics().availability(&object_id(&id)));
    assert_eq!(description["availability"], json!([{ "topic": collector }, { "topic": node }]));
    assert_eq!(description["availability_mode"], "all");
    for measured in ["voltage", "charge", "temperature", "health", "panel"] {
        let component = &description["components"][measured];
        assert_eq!(component["expire_after"], 1260, "{measured}");
        assert!(component["availability"].is_null(), "{measured}");
    }
    for known in ["load_off", "level", "problem", "last_seen", "connectivity"] {
        let component = &description["components"][known];
        assert!(component["expire_after"].is_null(), "{known}");
        assert_eq!(component["availability"], json!([{ "topic": collector }]), "{known}");
    }
}

#[test]
fn a_node_without_firmware_has_no_version_and_a_collector_with_a_name_bears_it() {
    let id = "Hut".parse().unwrap();
    assert!(discovery::node(&id, None, 60, &topics(), Language::German)["device"]["sw_version"].is_null());
    let collector = discovery::collector(Some("roof"), &topics(), Language::German);
    assert_eq!(collector["device"]["name"], "ISEMS-Sammler roof");
}

#[test]
fn the_state_has_what_is_measured_and_what_is_expected() {
    let latest = Measurement {
        battery_voltage: Some(12.34),
        battery_temperature: Some(18.5),
        mpp_voltage: Some(14.2),
        ..sample_measurement("Hut", NOW)
    };
    let node = assessed(watched(latest));
    assert_eq!(
        state::node(&node),
        json!({
            "voltage": 12.34,
            "charge": 23.5,
            "temperature": 18.5,
            "health": 81.3,
            "panel": 14.2,
            "load_off": "2025-06-15T16:06:40Z",
            "level": "urgent",
            "problem": "ON",
            "findings": ["loadOffPredicted"],
            "last_seen": "2025-06-15T15:06:40Z",
            "connectivity": "ON",
        })
    );
    let silent = state::node(&WatchedNode { state: NodeState::Silent, ..node });
    assert_eq!((&silent["connectivity"], &silent["level"]), (&json!("OFF"), &json!("urgent")));
}

#[test]
fn what_is_unknown_or_void_is_null() {
    let state = state::node(&watched(Measurement::new("Hut".parse().unwrap(), NOW, NOW)));
    for key in ["voltage", "charge", "temperature", "health", "panel", "load_off", "level"] {
        assert_eq!(state[key], Value::Null, "{key}");
    }
    assert_eq!((&state["problem"], &state["findings"]), (&json!("OFF"), &json!([])));

    let with = |flag| Measurement {
        status: Some([flag].into_iter().collect()),
        battery_voltage: Some(12.0),
        battery_temperature: Some(25.0),
        ..sample_measurement("Hut", NOW)
    };
    let lost = state::node(&watched(with(StatusFlag::ControllerLost)));
    assert_eq!((&lost["voltage"], &lost["temperature"]), (&Value::Null, &Value::Null));
    let missing = state::node(&watched(with(StatusFlag::TemperatureSensorMissing)));
    assert_eq!((&missing["voltage"], &missing["temperature"]), (&json!(12.0), &Value::Null));
}

fn snapshot(nodes: Vec<WatchedNode>) -> Snapshot {
    Snapshot { at: NOW, nodes, last_minute: Traffic::default(), last_hour: Traffic::default() }
}

#[test]
fn the_collector_counts_nodes_and_space() {
    let hut = watched(Measurement::new("Hut".parse().unwrap(), NOW, NOW));
    let silent = WatchedNode { state: NodeState::Silent, ..assessed(watched(sample_measurement("Barn", NOW))) };
    let storage = Storage { database_bytes: Some(1_234_567), free_bytes: Some(5_678_000_000) };
    let state = state::collector(&snapshot(vec![hut, silent]), storage);
    let expected = json!({
        "active": 1, "silent": 1, "inactive": 0, "attention": 1, "database_size": 1.2, "disk_free": 5600,
    });
    assert_eq!(state, expected);
    let unknown = state::collector(&snapshot(Vec::new()), Storage::default());
    assert_eq!((&unknown["database_size"], &unknown["disk_free"]), (&Value::Null, &Value::Null));
}
