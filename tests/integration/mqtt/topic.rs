//! What topics say.

use isems_core::{Format, RejectReason};
use isems_transport_mqtt::Topic;

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
