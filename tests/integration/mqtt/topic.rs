//! The meaning of topics.

use isems_core::{Format, NodeId, RejectReason};
use isems_transport_mqtt::{Broker, Topic};
use proptest::{collection::vec, prelude::*, sample::select};

#[test]
fn the_last_level_is_the_format_and_the_one_before_the_node() {
    for (topic, node, format) in [
        ("/isems/Elektra-Dach/csvlog", "Elektra-Dach", Format::Csvlog),
        ("isems/Elektra-Dach/csvlog", "Elektra-Dach", Format::Csvlog),
        ("/isems/Hütte 7/data.json", "Hütte 7", Format::Json),
        ("isems/testdrive/foobar/Hut/data.json", "Hut", Format::Json),
        ("Hut/csvlog", "Hut", Format::Csvlog),
        ("/Hut/csvlog", "Hut", Format::Csvlog),
    ] {
        let parsed = Topic::parse(topic).unwrap_or_else(|reason| panic!("{topic}: {reason}"));
        assert_eq!((parsed.node.as_str(), parsed.format), (node, format), "{topic}");
    }
}

#[test]
fn other_topics_are_rejected_with_the_reason() {
    for (topic, reason) in [
        ("", RejectReason::TopicUnknown),
        ("/isems/Hut/csv.log", RejectReason::TopicUnknown),
        ("/isems/Hut/CSVLOG", RejectReason::TopicUnknown),
        ("/isems/Hut/csvlog/", RejectReason::TopicUnknown),
        ("csvlog", RejectReason::NodeIdInvalid),
        ("/csvlog", RejectReason::NodeIdInvalid),
        ("/isems//csvlog", RejectReason::NodeIdInvalid),
        ("/isems/ /csvlog", RejectReason::NodeIdInvalid),
        ("/isems/a;b/data.json", RejectReason::NodeIdInvalid),
    ] {
        assert_eq!(Topic::parse(topic), Err(reason), "{topic}");
    }
}

/// Generates texts that partly look like topics or addresses.
fn anything() -> impl Strategy<Value = String> {
    let words = [
        "/",
        "//",
        "isems",
        "Hut",
        "csvlog",
        "data.json",
        ";",
        " ",
        "ä",
        "\u{feff}",
        "\0",
        "+",
        "#",
        "mqtt",
        "mqtts",
        "://",
        "@",
        ":",
        "[",
        "]",
        "fd00::7",
        "%",
        "%40",
        "1883",
        "65536",
        "broker.mesh",
        "?",
    ];
    let piece =
        prop_oneof![8 => select(words.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_topic_its_last_two_levels_decide(topic in anything()) {
        let (rest, last) = topic.rsplit_once('/').unwrap_or(("", &topic));
        let node = NodeId::new(rest.rsplit('/').next().unwrap_or_default());
        let expected = match (last, node) {
            ("csvlog", Ok(node)) => Ok(Topic { node, format: Format::Csvlog }),
            ("data.json", Ok(node)) => Ok(Topic { node, format: Format::Json }),
            ("csvlog" | "data.json", Err(_)) => Err(RejectReason::NodeIdInvalid),
            _ => Err(RejectReason::TopicUnknown),
        };
        prop_assert_eq!(Topic::parse(&topic), expected);
    }

    #[test]
    fn what_is_shown_of_a_broker_reads_back_and_has_no_password(text in anything()) {
        for text in [text.clone(), format!("mqtt://name:hunter2@{text}")] {
            match text.parse::<Broker>() {
                Ok(broker) => {
                    let shown = broker.to_string();
                    prop_assert_eq!(shown.parse::<Broker>().map(|again| again.to_string()), Ok(shown.clone()));
                    let debug = format!("{broker:?}");
                    prop_assert!(!shown.contains("hunter2") && !debug.contains("hunter2"));
                }
                Err(error) => prop_assert!(!error.to_string().contains("hunter2"), "{}", error),
            }
        }
    }
}
