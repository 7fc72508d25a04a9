//! The ways to reach people, with real peers.

mod addresses;
mod command;
mod documents;
mod email;
mod http;
mod mosquitto;
mod ntfy;
mod python;
pub(crate) mod recorder;
mod webhook;

use isems_alerts::{Change, Channel, ChannelConfig, Code, Item, Message, MessageKind, NotifyError, Subject, Trouble};
use isems_insight::{FindingCode, FindingSeverity};

/// A message that tells of a node, with characters that have a meaning somewhere.
fn message() -> Message {
    Message {
        id: "7b-1".into(),
        kind: MessageKind::Alert,
        at: 1_767_225_600,
        severity: FindingSeverity::Urgent,
        title: "Dorf/Kirche läuft leer".into(),
        text: "The \"battery\" is at 3 %.\nCharge it: {\\}".into(),
        link: Some("https://isems.example/nodes/Dorf%2FKirche".into()),
        items: vec![item("Dorf/Kirche", FindingCode::ALL[0], Change::Raised)],
    }
}

fn item(node: &str, code: FindingCode, change: Change) -> Item {
    Item {
        subject: Subject::Node(node.parse().expect("a name")),
        code: Code::Finding(code),
        change,
        severity: FindingSeverity::Urgent,
        since: 1_767_222_000,
        until: (!change.is_open()).then_some(1_767_225_600),
        text: format!("{node} needs somebody."),
        link: None,
    }
}

fn trouble(part: &str, trouble: Trouble) -> Item {
    Item {
        subject: Subject::Collector(part.into()),
        code: Code::Trouble(trouble),
        ..item("any", FindingCode::ALL[0], Change::Raised)
    }
}

/// Opens a channel by its address, with its settings after a `#`.
fn open(address: &str) -> Channel {
    config(address).open().expect("a channel")
}

fn config(address: &str) -> ChannelConfig {
    address.parse().expect("an address")
}

async fn notify(address: &str, message: &Message) -> Result<String, NotifyError> {
    open(address).notifier.notify(message).await
}

/// Returns the examples in a language that `docs/alerts.md` contains.
fn documented(language: &str) -> Vec<String> {
    let text = include_str!("../../../../docs/alerts.md");
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(Into::into)).collect()
}
