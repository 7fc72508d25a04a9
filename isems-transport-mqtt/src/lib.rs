//! Subscribes to the measurements of solar mesh nodes at an MQTT broker for isems-core.

mod broker;
mod config;
mod error;
mod session;
mod tls;
mod topic;
mod transport;

pub use crate::{
    broker::{Broker, InvalidBroker},
    config::{InvalidMqttConfig, MqttConfig},
    topic::Topic,
    transport::MqttTransport,
};
