//! The meaning of topics, and the topic filters that make sense.

use isems_core::{Format, NodeId, RejectReason};

/// The meaning of a message's topic: its last level names the format, the level before it the node.
///
/// | last level | format |
/// |---|---|
/// | `csvlog` | [`Format::Csvlog`] |
/// | `data.json` | [`Format::Json`] |
///
/// ```
/// use isems_core::Format;
/// use isems_transport_mqtt::Topic;
/// let topic = Topic::parse("/isems/Elektra-Dach/csvlog").unwrap();
/// assert_eq!((topic.node.as_str(), topic.format), ("Elektra-Dach", Format::Csvlog));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The node that the message belongs to.
    pub node: NodeId,
    /// The format of the message.
    pub format: Format,
}

impl Topic {
    /// Parses a topic. The error is the reason for rejecting its messages: [`RejectReason::TopicUnknown`] if the last
    /// level names no format, [`RejectReason::NodeIdInvalid`] if the level before it is missing or not a node id.
    pub fn parse(topic: &str) -> Result<Self, RejectReason> {
        let (rest, last) = topic.rsplit_once('/').unwrap_or(("", topic));
        let format = format_of(last).ok_or(RejectReason::TopicUnknown)?;
        let node = rest.rsplit('/').next().unwrap_or(rest);
        let node = NodeId::new(node).map_err(|_| RejectReason::NodeIdInvalid)?;
        Ok(Self { node, format })
    }
}

fn format_of(last_level: &str) -> Option<Format> {
    match last_level {
        "csvlog" => Some(Format::Csvlog),
        "data.json" => Some(Format::Json),
        _ => None,
    }
}

/// Checks that a topic filter is valid, and that it matches topics that can be parsed.
pub(crate) fn check_filter(filter: &str) -> Result<(), &'static str> {
    if filter.is_empty() {
        return Err("it is empty");
    }
    if filter.len() > usize::from(u16::MAX) {
        return Err("it is longer than 65535 bytes");
    }
    if filter.chars().any(char::is_control) {
        return Err("it contains a control character");
    }
    let levels: Vec<&str> = filter.split('/').collect();
    if levels.iter().any(|level| level.len() > 1 && level.contains(['+', '#'])) {
        return Err("a `+` or `#` must be a level of its own");
    }
    let (last, before) = levels.split_last().ok_or("it is empty")?;
    if before.contains(&"#") {
        return Err("a `#` must be the last level");
    }
    if *last == "#" {
        return Ok(());
    }
    if *last != "+" && format_of(last).is_none() {
        return Err("its last level must be `csvlog`, `data.json`, `+` or `#`: it tells the format");
    }
    match before.last() {
        Some(node) if *node == "+" || NodeId::new(node).is_ok() => Ok(()),
        _ => Err("the level before the last must be `+` or a node id: it tells the node"),
    }
}
