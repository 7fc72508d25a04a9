//! The nodes that are polled, and the brokers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use isems_core::{BoxError, Inbox, RedbRepository, RejectReason, Repository, Transport, chain, unix_now};
use isems_transport_http::{HttpConfig, HttpTransport, PollError};
use isems_transport_mqtt::{MqttConfig, Trial, try_broker};

use super::verdict::Report;

/// The time that a broker is listened to.
const LISTENS: Duration = Duration::from_secs(5);

/// A node whose newest line is older than this has stopped measuring, or has another time, seconds.
const OLD: i64 = 3600;

/// The clocks of the nodes that were polled, as seen from this machine.
#[derive(Debug, Default)]
pub(super) struct NodeClocks {
    /// The number of nodes that answered.
    pub(super) answered: usize,
    /// The addresses of those whose lines are ahead of the clock of this machine.
    pub(super) ahead: Vec<String>,
}

/// Polls every target into memory, and returns what its lines say of its clock.
pub(super) async fn nodes(config: &HttpConfig, report: &mut Report) -> NodeClocks {
    let mut clocks = NodeClocks::default();
    if config.targets.is_empty() {
        return clocks;
    }
    let tried = async {
        let repository = Arc::new(RedbRepository::in_memory()?);
        let transport = HttpTransport::new(config.clone())?;
        let inbox = Inbox::new(transport.name(), repository.clone());
        let mut answers = BTreeMap::new();
        transport
            .poll_all(&inbox, |target, result| {
                if let Ok(receipt) = result {
                    clocks.answered += 1;
                    if receipt.rejected.of(RejectReason::ClockAhead) > 0 {
                        clocks.ahead.push(target.to_string());
                    }
                }
                answers.insert(target.to_string(), result.as_ref().map(|receipt| receipt.stored).map_err(chain_of));
            })
            .await;
        let nodes = repository.nodes().await?;
        Ok::<_, BoxError>((answers, nodes))
    };
    let (answers, nodes) = match tried.await {
        Ok(found) => found,
        Err(error) => {
            report.problem("nodes", format!("they cannot be polled: {}", chain(&*error)), "see the settings [http]");
            return clocks;
        }
    };
    let good = answers.values().filter(|answer| matches!(answer, Ok(stored) if *stored > 0)).count();
    if good > 0 {
        report.ok("nodes", format!("{good} of {} answer with a log", answers.len()));
    }
    for (target, answer) in &answers {
        match answer {
            Ok(0) => {
                let text = format!("{target} answers, but its log has no usable line");
                report.warning("nodes", text, "wait for its first measurement; `isems-server rejects` lists bad lines");
            }
            Ok(_) => {}
            Err(error) => {
                let advice = "check its address and that it is on: `curl -v` on the address shows what it says";
                report.problem("nodes", format!("{target}: {error}"), advice);
            }
        }
    }
    let now = unix_now();
    for node in nodes.iter().filter(|node| node.latest.timestamp < now - OLD) {
        let text = format!("the newest line of {} is {} hours old", node.id, (now - node.latest.timestamp) / 3600);
        report.warning("nodes", text, "it has stopped measuring, or its clock is behind");
    }
    clocks
}

fn chain_of(error: &PollError) -> String {
    chain(error)
}

/// Connects to every broker, subscribes, and listens for a moment.
pub(super) async fn brokers(brokers: &[MqttConfig], report: &mut Report) {
    for config in brokers {
        let broker = &config.broker;
        match try_broker(config, LISTENS).await {
            Ok(Trial { heard: Some(topic) }) => {
                report.ok("broker", format!("{broker} accepts the subscription; heard {topic}"));
            }
            Ok(Trial { heard: None }) => {
                let seconds = LISTENS.as_secs();
                let text = format!("{broker} accepts the subscription, and nothing came within {seconds} s");
                let advice = format!(
                    "that is well if nodes publish less often; otherwise check the topic filters ({}) and the broker's \
                     access list",
                    config.topics.join(", ")
                );
                report.warning("broker", text, advice);
            }
            Err(error) => {
                let advice = "check its address, user and password, and that it is running";
                report.problem("broker", format!("{broker}: {error}"), advice);
            }
        }
    }
}
