//! Tells people what the nodes of a solar mesh are going through: what needs them, once, and that it is over.

mod alerts;
mod channel;
mod channels;
mod code;
mod compose;
mod config;
mod episode;
mod language;
mod ledger;
mod letter;
mod lookout;
mod message;
mod mute;
mod notifier;
mod optional_duration;
mod past_message;
mod patterns;
mod problem;
mod schedule;
mod severity;
pub mod store;
mod subject;
mod texts;
mod troubles;
mod view;

pub use crate::{
    alerts::{Alerts, AlertsOptions, AlertsState, Trial, try_channels},
    channel::{Channel, ChannelOptions},
    channels::{ChannelAddress, InvalidAddress, Secret},
    code::{Code, Trouble},
    config::{AlertsConfig, ChannelConfig, InvalidChannel},
    episode::Episode,
    ledger::{Changes, Ledger, Policy},
    letter::Letter,
    lookout::{Lookout, WatcherLookout},
    message::{Change, Item, Message, MessageKind},
    mute::{InvalidMute, Mute},
    notifier::{Notifier, NotifyError},
    past_message::PastMessage,
    patterns::Patterns,
    problem::{Fact, Problem},
    schedule::{DigestTime, InvalidTime, QuietHours},
    subject::Subject,
    texts::title_of,
    view::View,
};
