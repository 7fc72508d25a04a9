//! Object ids and topics, for any name that a node can have.

use isems_core::NodeId;
use isems_homeassistant::topics::{self, Topics, escape, object_id};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = NodeId> {
    // Names that are alike, and any others.
    let text = prop_oneof!["[_a-c0-9/+# .ü-]{1,6}", "\\PC{1,20}"];
    text.prop_filter_map("a node cannot have this name", |text| NodeId::new(&text).ok())
}

proptest! {
    #[test]
    fn ids_have_only_characters_that_home_assistant_allows(name in name()) {
        let id = object_id(&name);
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        prop_assert!(id.chars().all(is_allowed), "{id}");
    }

    #[test]
    fn two_names_never_have_one_id(one in name(), other in name()) {
        prop_assert_eq!(one == other, object_id(&one) == object_id(&other));
        prop_assert_ne!(object_id(&one), topics::COLLECTOR);
    }

    #[test]
    fn two_collectors_never_have_one_id(
        one in name(), other in name(), of_one in "[_a-c/]{1,4}", of_other in "[_a-c/]{1,4}",
    ) {
        let ids = |collector: &str, node| {
            let topics = Topics::new("homeassistant", collector);
            let node = object_id(node);
            (topics.device_id(&node), topics.config(&node), topics.state(&node), topics.availability(&node))
        };
        let (one_ids, other_ids) = (ids(&of_one, &one), ids(&of_other, &other));
        let are_same = one == other && of_one == of_other;
        prop_assert_eq!(are_same, one_ids.0 == other_ids.0);
        prop_assert_eq!(are_same, one_ids.1 == other_ids.1);
        prop_assert_eq!(are_same, one_ids.2 == other_ids.2);
        prop_assert_eq!(are_same, one_ids.3 == other_ids.3);
    }

    #[test]
    fn topics_of_configurations_tell_their_device(name in name()) {
        let topics = Topics::new("home/assistant", "roof");
        let id = object_id(&name);
        let config = topics.config(&id);
        prop_assert_eq!(topics.object_id_of_config(&config), Some(&*id));
        prop_assert_eq!(Topics::new("home/assistant", "ro").object_id_of_config(&config), None);
        prop_assert_eq!(Topics::new("home", "roof").object_id_of_config(&config), None);
    }
}

#[test]
fn only_the_collectors_own_configurations_are_its_own() {
    let topics = Topics::new("homeassistant", "collector");
    assert_eq!(topics.configs(), "homeassistant/device/isems-collector/+/config");
    for other in [
        "homeassistant/device/isems-collector/config",
        "homeassistant/device/isems-collector/a/b/config",
        "homeassistant/sensor/isems-collector/a/config",
        "homeassistant/device/isems-collector2/a/config",
        "homeassistant/status",
        "",
    ] {
        assert_eq!(topics.object_id_of_config(other), None, "{other}");
    }
}

#[test]
fn readable_names_stay_readable() {
    assert_eq!(escape("Elektra-Dach"), "Elektra-Dach");
    assert_eq!(escape("Haus 3/Süd_1"), "Haus_203_2fS_c3_bcd_5f1");
}
