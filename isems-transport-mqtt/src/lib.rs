//! A transport for isems-core that subscribes to the measurements of solar mesh nodes at an MQTT broker.
//!
//! [`MqttConfig`] names the [`Broker`] and the topics, [`MqttTransport`] is the transport, and [`Topic`] is the meaning
//! of a message's topic: its node and its format. A [`Connector`] leads other clients to such a broker.
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
//! everything in it is on disk, in the order of arrival. When the connection is lost or the repository fails, the
//! broker resends what was not acknowledged; lines that are already stored are then duplicates. A JSON object without
//! a `timestamp` is dated by its arrival, so if it was stored but its acknowledgement was lost, it becomes a second
//! measurement unless it comes again within a minute.
//!
//! The broker also keeps the session's subscriptions. Topic filters that are removed from the configuration are
//! therefore unsubscribed on the next connection.
//!
//! # What is not stored
//!
//! Some messages are rejected, counted, and acknowledged, so that they are not sent again:
//!
//! * those whose topic has an unknown last level (`topic_unknown`) or no node before it (`node_id_invalid`),
//! * those that name a different node than their topic does (`node_mismatch`), or cannot be read for another reason,
//! * those larger than [`max_packet_bytes`](MqttConfig::max_packet_bytes) (`too_large`),
//! * retained JSON objects, which the broker sends on every subscription: nobody knows when they were published
//!   (`timestamp_invalid`). Retained csvlog lines have their own times and are stored, so a deleted node comes back
//!   with them on the next connection; clear them at the broker with an empty retained message.
//!
//! An empty message, which clears a retained one, is acknowledged but not counted.
//!
//! A message above 16 MiB, or above `max_packet_bytes` if that is more, is not even read. It cannot be acknowledged
//! either, so the broker would resend it on every connection. In this case, the transport has the broker discard the
//! session, **with everything queued in it**, logs an error, and begins a new one. A limit on the size of messages at
//! the broker (`message_size_limit` in Mosquitto) prevents this.
//!
//! # Settings of the broker
//!
//! The broker decides how much it keeps and how much it sends ahead. In Mosquitto:
//!
//! * `max_queued_messages` is 1000 by default: further messages are dropped while the collector is away or slow. Raise
//!   it.
//! * `max_inflight_messages` is 20 by default: the number of messages sent before the first one is acknowledged.
//!   Messages in flight share a write to the disk, so raising it helps where such a write takes long.
//! * `persistence` is off by default: without it, the broker loses its queues when it restarts.

mod broker;
mod config;
mod connector;
mod error;
mod session;
mod subscriptions;
mod topic;
mod transport;
mod trial;

pub use crate::{
    broker::{Broker, InvalidBroker},
    config::{InvalidMqttConfig, MqttConfig},
    connector::Connector,
    topic::Topic,
    transport::MqttTransport,
    trial::{Trial, try_broker},
};
