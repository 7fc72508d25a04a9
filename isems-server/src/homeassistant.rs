//! The wiring of the bridge to Home Assistant.

use std::sync::Arc;

use isems_core::RedbRepository;
use isems_homeassistant::{HomeAssistant, HomeAssistantConfig, InvalidHomeAssistantConfig, state::Storage};
use isems_insight::Watcher;
use isems_transport_mqtt::MqttConfig;

use crate::disk::free_bytes;

/// Makes the bridge that shows the nodes of a watcher in Home Assistant, if the settings name a broker for it.
pub(crate) fn bridge(
    config: &HomeAssistantConfig,
    brokers: &[MqttConfig],
    watcher: Watcher,
    database: Arc<RedbRepository>,
) -> Result<Option<HomeAssistant>, InvalidHomeAssistantConfig> {
    let bridge = HomeAssistant::new(config, brokers, watcher)?;
    let storage = move || Storage { database_bytes: database.file_bytes(), free_bytes: free_bytes(&database) };
    Ok(bridge.map(|bridge| bridge.storage(storage)))
}
