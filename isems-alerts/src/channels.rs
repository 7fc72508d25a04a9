//! The ways to reach people, one file each.

mod address;
mod command;
mod email;
mod http;
mod mqtt;
mod ntfy;
mod secret;
mod template;
mod webhook;

use std::sync::Arc;

use isems_core::{BoxError, chain};

pub(crate) use self::address::Kind;
pub use self::{
    address::{ChannelAddress, InvalidAddress},
    secret::Secret,
};
use self::{command::Command, email::Email, mqtt::Mqtt, ntfy::Ntfy, webhook::Webhook};
use crate::{ChannelConfig, Notifier};

/// Opens the way to reach people that a configuration describes. Nothing is sent yet. Errors contain no secrets.
pub(crate) fn open(config: &ChannelConfig) -> Result<Arc<dyn Notifier>, String> {
    let opened = || -> Result<Arc<dyn Notifier>, BoxError> {
        Ok(match config.to.kind() {
            Kind::Ntfy => Arc::new(Ntfy::new(config)?),
            Kind::Email => Arc::new(Email::new(config)?),
            Kind::Webhook => Arc::new(Webhook::new(config)?),
            Kind::Mqtt => Arc::new(Mqtt::new(config)?),
            Kind::Command => Arc::new(Command::new(config)?),
        })
    };
    opened().map_err(|error| chain(&*error))
}
