//! Subscribes to the measurements of solar mesh nodes at an MQTT broker for isems-core.
//!
//! [`MqttConfig`] says which [`Broker`] and which topics, [`MqttTransport`] is the transport made of it, and [`Topic`]
//! is what the topic of a message says: its node and its format.
//!
//! ```no_run
//! # use std::sync::Arc;
//! use isems_core::{Collector, RedbRepository};
//! use isems_transport_mqtt::{MqttConfig, MqttTransport};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = MqttConfig { broker: "mqtts://collector:s3cret@mesh.example".parse()?, ..MqttConfig::default() };
//! let repository = Arc::new(RedbRepository::open("isems.redb")?);
//! Collector::new(repository).transport(MqttTransport::new(config)?)?.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Nothing is lost, nothing is stored twice
//!
//! The transport speaks MQTT 3.1.1. Its session is persistent, under a client id that stays the same, and its
//! subscriptions have QoS 1: the broker keeps what arrives while the collector is away. A message is acknowledged when
//! all that it brought is on disk, in the order of arrival. When the connection is lost or the repository fails, what
//! is not acknowledged comes again; lines that were stored already are then duplicates. A JSON object has no time but
//! its arrival, so one that was stored, but whose acknowledgement got lost, is a measurement of its own when it comes
//! again.
//!
//! The broker also keeps the session's subscriptions. Topic filters that are removed from the configuration are
//! therefore unsubscribed on the next connection.
//!
//! # What is not stored
//!
//! These messages are rejected, counted and acknowledged, so that they do not come again:
//!
//! * whose topic has an unknown last level (`topic_unknown`) or no node before it (`node_id_invalid`),
//! * that name another node than their topic does (`node_mismatch`), or cannot be read otherwise,
//! * that are larger than [`max_packet_bytes`](MqttConfig::max_packet_bytes) (`too_large`),
//! * retained JSON objects, which the broker sends on every subscription: when they were published is unknown
//!   (`timestamp_invalid`). Retained csvlog lines have their own times and are stored, so a deleted node comes back
//!   with them on the next connection; clear them at the broker with an empty retained message.
//!
//! An empty message, as it clears a retained one, is acknowledged and not counted.
//!
//! A message above 16 MiB, or above `max_packet_bytes` if that is more, is not even read. It cannot be acknowledged
//! either, and the broker would send it again on every connection. So the transport then has the broker discard the
//! session, **with all that is queued in it**, logs that as an error, and begins a new one. Limit the size of messages
//! at the broker (`message_size_limit` in Mosquitto) and this never happens.
//!
//! # Settings of the broker
//!
//! The broker decides how much it keeps and how much it sends ahead. In Mosquitto:
//!
//! * `max_queued_messages` is 1000: more messages than that are dropped while the collector is away or slow. Raise it.
//! * `max_inflight_messages` is 20: so many messages are sent before the first is acknowledged. Messages in flight
//!   share a write to the disk, so more of them help where such a write takes long.
//! * `persistence` is off: without it, a restart of the broker loses its queues.

mod broker;
mod config;
mod error;
mod session;
mod subscriptions;
mod topic;
mod transport;

pub use crate::{
    broker::{Broker, InvalidBroker},
    config::{InvalidMqttConfig, MqttConfig},
    topic::Topic,
    transport::MqttTransport,
};
