//! Tells people what the nodes of a solar mesh are going through: what needs them, once, and that it is over.

mod channel;
mod channels;
mod code;
mod config;
mod language;
mod message;
mod notifier;
mod optional_duration;
mod patterns;
mod schedule;
mod severity;
mod subject;

pub use crate::{
    channel::{Channel, ChannelOptions},
    channels::{ChannelAddress, InvalidAddress, Secret},
    code::{Code, Trouble},
    config::{AlertsConfig, ChannelConfig, InvalidChannel},
    message::{Change, Item, Message, MessageKind},
    notifier::{Notifier, NotifyError},
    patterns::Patterns,
    schedule::{DigestTime, InvalidTime, QuietHours},
    subject::Subject,
};
