//! Shows the nodes of a solar mesh in Home Assistant by itself, through its [MQTT discovery].
//!
//! [`HomeAssistant`] publishes every node of a [`Watcher`](isems_insight::Watcher) as a device, and the collector as
//! another one. [`HomeAssistantConfig`] names the broker. The documents are pure functions: [`discovery`] makes those
//! that describe a device and its entities, [`state`] those with the values. All judgements about nodes are
//! [`isems_insight`]'s.
//!
//! ```no_run
//! # use std::sync::Arc;
//! use isems_core::{Collector, RedbRepository};
//! use isems_homeassistant::{BrokerChoice, HomeAssistant, HomeAssistantConfig};
//! use isems_insight::WatchedCollector;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let collector = WatchedCollector::new(Collector::new(Arc::new(RedbRepository::open("isems.redb")?)));
//! let broker = Some(BrokerChoice::At("mqtt://isems:s3cret@homeassistant.local".parse()?));
//! let config = HomeAssistantConfig { broker, ..HomeAssistantConfig::default() };
//! if let Some(bridge) = HomeAssistant::new(&config, &[], collector.watcher())? {
//!     tokio::join!(collector.run(std::future::pending()), bridge.run(std::future::pending()));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Topics
//!
//! All messages are retained, so that a Home Assistant that is restarted knows everything at once. With the default
//! [name](HomeAssistantConfig::name), `collector`:
//!
//! | topic | payload |
//! |---|---|
//! | `homeassistant/device/isems-collector/node-NODE/config` | the device of a node, see [`discovery::node`] |
//! | `homeassistant/device/isems-collector/collector/config` | the device of the collector |
//! | `isems/collector/node-NODE/state` | the newest values, see [`state::node`] |
//! | `isems/collector/node-NODE/availability` | `online` while the node is active, otherwise `offline` |
//! | `isems/collector/collector/state` | see [`state::collector`] |
//! | `isems/collector/collector/availability` | `online` while the collector runs, `offline` when it is lost |
//!
//! `NODE` is the name of the node, [escaped](topics::escape). That the collector is lost is its last will, which the
//! broker publishes.
//!
//! # Connections
//!
//! On every connection, and when Home Assistant says on `homeassistant/status` that it has started, everything is
//! published again. What the broker has kept of nodes that no longer exist, because they were deleted while it was out
//! of reach or the collector did not run, is removed: the bridge subscribes to the configurations of its own devices. A
//! broker that is slow or away holds up nothing else. Messages are made when there is room for them, from what is known
//! then, so nothing but the newest state of each node is ever waiting.
//!
//! [MQTT discovery]: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery

mod bridge;
mod config;
pub mod discovery;
mod entity;
mod language;
mod publications;
mod session;
pub mod state;
pub mod topics;

pub use crate::{
    bridge::{Connection, HomeAssistant},
    config::{BrokerChoice, HomeAssistantConfig, InvalidHomeAssistantConfig},
    language::Language,
};
