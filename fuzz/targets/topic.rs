//! Topics of messages.

#![no_main]

use isems_core::{Format, NodeId, RejectReason};
use isems_transport_mqtt::Topic;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|topic: &str| match Topic::parse(topic) {
    Ok(Topic { node, format }) => {
        let last = match format {
            Format::Csvlog => "csvlog",
            Format::Json => "data.json",
            Format::Csv => panic!("no topic has CSV"),
        };
        assert_eq!(NodeId::new(node.as_str()), Ok(node.clone()), "the node is one");
        let end = format!("{node}/{last}");
        assert!(topic == end || topic.ends_with(&format!("/{end}")), "the topic ends in node and format");
        assert_eq!(Topic::parse(&end), Ok(Topic { node, format }), "what stands before them says nothing");
    }
    Err(RejectReason::TopicUnknown) => {
        assert!(!["csvlog", "data.json"].contains(&topic.rsplit('/').next().unwrap_or_default()));
    }
    Err(reason) => assert_eq!(reason, RejectReason::NodeIdInvalid),
});
