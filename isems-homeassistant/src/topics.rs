//! The topics of a collector's devices.

use std::fmt::Write;

use isems_core::NodeId;

/// The topic on which Home Assistant says that it has started, whatever its discovery prefix is.
pub const BIRTH: &str = "homeassistant/status";

/// The object id of the collector's own device.
pub const COLLECTOR: &str = "collector";

/// The topics and ids of a collector's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    discovery_prefix: String,
    name: String,
}

impl Topics {
    /// Makes the topics of a collector with a name, for a Home Assistant with a discovery prefix.
    pub fn new(discovery_prefix: &str, name: &str) -> Self {
        Self { discovery_prefix: discovery_prefix.into(), name: escape(name) }
    }

    /// Returns the topic of a device's configuration.
    pub fn config(&self, object_id: &str) -> String {
        format!("{}/device/{}/{object_id}/config", self.discovery_prefix, self.group())
    }

    /// Returns the filter of the configurations of all devices of this collector.
    pub fn configs(&self) -> String {
        self.config("+")
    }

    /// Returns the object id in the topic of a configuration of this collector's devices.
    pub fn object_id_of_config<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let rest = topic.strip_prefix(&*self.discovery_prefix)?.strip_prefix("/device/")?;
        let object_id = rest.strip_prefix(&*self.group())?.strip_prefix('/')?.strip_suffix("/config")?;
        (!object_id.contains('/')).then_some(object_id)
    }

    /// Returns the topics on which Home Assistant says that it has started.
    pub fn births(&self) -> Vec<String> {
        let mut births = vec![BIRTH.into(), format!("{}/status", self.discovery_prefix)];
        births.dedup();
        births
    }

    /// Returns the topic of a device's values.
    pub fn state(&self, object_id: &str) -> String {
        format!("isems/{}/{object_id}/state", self.name)
    }

    /// Returns the topic of a device's availability.
    pub fn availability(&self, object_id: &str) -> String {
        format!("isems/{}/{object_id}/availability", self.name)
    }

    /// Returns the unique id of a device, from which those of its entities are made.
    pub fn device_id(&self, object_id: &str) -> String {
        format!("{}_{object_id}", self.group())
    }

    /// Returns the client id: always the same, so that the broker gives up an old connection of this collector before
    /// it accepts a new one, and not later.
    pub fn client_id(&self) -> String {
        format!("{}-ha", self.group())
    }

    /// Returns the level of the topics that belong to this collector.
    fn group(&self) -> String {
        format!("isems-{}", self.name)
    }
}

/// Returns the object id of a node's device.
///
/// ```
/// use isems_homeassistant::topics::object_id;
/// assert_eq!(object_id(&"Elektra-Dach".parse()?), "node-Elektra-Dach");
/// assert_eq!(object_id(&"Küche/1".parse()?), "node-K_c3_bcche_2f1");
/// # Ok::<(), isems_core::InvalidNodeId>(())
/// ```
pub fn object_id(node: &NodeId) -> String {
    format!("node-{}", escape(node.as_str()))
}

/// Returns a name with the characters that Home Assistant allows in an object id. ASCII letters, digits and `-` stay;
/// every other byte of its UTF-8, `_` included, is a `_` with two hex digits, so that two names never become one.
pub fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            escaped.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "_{byte:02x}");
        }
    }
    escaped
}
