//! The messages that are due: what has changed of each device since it was published.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
};

use isems_core::NodeId;
use isems_insight::{NodeState, Snapshot, WatchedNode};

use crate::{
    HomeAssistantConfig, Language, discovery,
    state::{self, Storage},
    topics::{self, Topics},
};

/// A retained message. One without a payload removes what the broker has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
}

/// The devices, with what is known of each and what of it has been published.
///
/// Devices with news wait in a queue, each once. Their messages are made when they leave it, so that whatever waits is
/// the newest.
#[derive(Debug)]
pub(crate) struct Publications {
    topics: Topics,
    language: Language,
    own_name: Option<String>,
    /// By object id.
    devices: BTreeMap<String, Device>,
    /// The object ids of former nodes of which the broker keeps something.
    obsolete: BTreeSet<String>,
    queue: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Device {
    known: Facts,
    published: Facts,
    is_queued: bool,
}

/// All that is published of a device.
#[derive(Debug, Clone, Default, PartialEq)]
struct Facts {
    description: Option<Description>,
    state: Option<String>,
    availability: Option<&'static str>,
}

/// All that the configuration of a device depends on.
#[derive(Debug, Clone, PartialEq)]
enum Description {
    Collector,
    Node { id: NodeId, firmware: Option<Arc<str>>, expire_after: u32 },
}

impl Publications {
    pub(crate) fn new(config: &HomeAssistantConfig) -> Self {
        Self {
            topics: config.topics(),
            language: config.language,
            own_name: config.own_name().map(Into::into),
            devices: BTreeMap::new(),
            obsolete: BTreeSet::new(),
            queue: VecDeque::new(),
        }
    }

    /// Takes note that the broker keeps a configuration on a topic. Returns whether it may be that of a former node,
    /// which the next update decides.
    pub(crate) fn found(&mut self, topic: &str) -> bool {
        let object_id = self.topics.object_id_of_config(topic).filter(|id| !self.devices.contains_key(*id));
        object_id.is_some_and(|object_id| self.obsolete.insert(object_id.into()))
    }

    /// Forgets what has been published, so that the next update makes everything due.
    pub(crate) fn forget(&mut self) {
        self.devices.values_mut().for_each(|device| device.published = Facts::default());
    }

    /// Brings everything up to date. News are due then.
    pub(crate) fn update(&mut self, snapshot: &Snapshot, storage: Storage) {
        let mut before = mem::take(&mut self.devices);
        let state = state::collector(snapshot, storage).to_string();
        let collector = Facts { description: Some(Description::Collector), state: Some(state), availability: None };
        // The collector comes first, because the devices of nodes refer to its own.
        self.set(topics::COLLECTOR.into(), before.remove(topics::COLLECTOR), |_| collector);
        for watched in &snapshot.nodes {
            let object_id = topics::object_id(&watched.node.id);
            let device = before.remove(&object_id);
            self.set(object_id, device, |known| known.of_node(watched));
        }
        self.obsolete.extend(before.into_keys());
        self.obsolete.retain(|object_id| !self.devices.contains_key(object_id));
        self.queue.retain(|object_id| self.devices.contains_key(object_id));
        self.queue.extend(self.obsolete.iter().cloned());
    }

    fn set(&mut self, object_id: String, device: Option<Device>, facts: impl FnOnce(&Facts) -> Facts) {
        let mut device = device.unwrap_or_default();
        device.known = facts(&device.known);
        if device.known != device.published && !mem::replace(&mut device.is_queued, true) {
            self.queue.push_back(object_id.clone());
        }
        self.devices.insert(object_id, device);
    }

    /// Publishes what is due as long as `publish` takes it, and returns whether everything is published. Nothing is
    /// before the first update.
    pub(crate) fn publish(&mut self, mut publish: impl FnMut(Message) -> bool) -> bool {
        while let Some(object_id) = self.queue.pop_front() {
            if !self.publish_device(&object_id, &mut publish) {
                self.queue.push_front(object_id);
                return false;
            }
        }
        !self.devices.is_empty()
    }

    /// Publishes the news of a device, or removes one of a former node. Returns whether `publish` took everything.
    fn publish_device(&mut self, object_id: &str, publish: &mut impl FnMut(Message) -> bool) -> bool {
        let Self { topics, language, own_name, devices, obsolete, .. } = self;
        let mut send = |topic, payload| publish(Message { topic, payload });
        let Some(Device { known, published, is_queued }) = devices.get_mut(object_id) else {
            let mut all =
                [topics.config(object_id), topics.state(object_id), topics.availability(object_id)].into_iter();
            let are_sent = all.all(|topic| send(topic, String::new()));
            if are_sent {
                obsolete.remove(object_id);
            }
            return are_sent;
        };
        if known.description != published.description {
            let config = match &known.description {
                Some(Description::Node { id, firmware, expire_after }) => {
                    discovery::node(id, firmware.as_deref(), *expire_after, topics, *language)
                }
                _ => discovery::collector(own_name.as_deref(), topics, *language),
            };
            if !send(topics.config(object_id), config.to_string()) {
                return false;
            }
            published.description.clone_from(&known.description);
        }
        if let Some(state) = &known.state
            && known.state != published.state
        {
            if !send(topics.state(object_id), state.clone()) {
                return false;
            }
            published.state.clone_from(&known.state);
        }
        if let Some(availability) = known.availability
            && known.availability != published.availability
        {
            if !send(topics.availability(object_id), availability.into()) {
                return false;
            }
            published.availability = known.availability;
        }
        *is_queued = false;
        true
    }
}

impl Facts {
    /// Returns the facts of a node, given the earlier ones.
    fn of_node(&self, watched: &WatchedNode) -> Self {
        let before = match self.description {
            Some(Description::Node { expire_after, .. }) => Some(expire_after),
            _ => None,
        };
        let description = Description::Node {
            id: watched.node.id.clone(),
            firmware: watched.node.latest.firmware_version.clone(),
            expire_after: expire_after(watched.silent_after(), before),
        };
        let availability = state::availability(watched.state == NodeState::Active);
        let state = state::node(watched).to_string();
        Self { description: Some(description), state: Some(state), availability: Some(availability) }
    }
}

/// Returns the number of seconds after which measured values expire, for a node that counts as silent after some
/// seconds: a third longer, which is one more of its usual intervals, in whole minutes. The number before is kept while
/// it is not too small, and not more than twice as long as needed: an interval varies, and each change is a new
/// configuration.
fn expire_after(silent_after: i64, before: Option<u32>) -> u32 {
    let least = u32::try_from(silent_after).unwrap_or(u32::MAX / 4).min(u32::MAX / 4);
    match before {
        Some(before) if (least + 1..=least.saturating_mul(2)).contains(&before) => before,
        _ => (least + least / 3 + 1).next_multiple_of(60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_expire_after_the_node_counts_as_silent() {
        for silent_after in [1, 3, 180, 195, 900, 2700, 86_400 * 30, i64::MAX] {
            let first = expire_after(silent_after, None);
            assert!(i64::from(first) > silent_after.min(i64::from(u32::MAX / 4)), "{silent_after}: {first}");
            assert_eq!(expire_after(silent_after, Some(first)), first, "it stays");
        }
    }

    #[test]
    fn an_interval_that_varies_a_little_changes_nothing() {
        let first = expire_after(900, None);
        assert_eq!(first, 1260);
        assert_eq!(expire_after(930, Some(first)), first);
        assert_eq!(expire_after(870, Some(first)), first);
        assert!(expire_after(3600, Some(first)) > 3600);
        assert!(expire_after(180, Some(first)) < first);
    }
}
