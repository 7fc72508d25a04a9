//! The decisions when all nodes raise and clear at once, in fake time: messages, time, and bytes to store.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use isems_alerts::{
    AlertsConfig, Channel, ChannelOptions, Code, Ledger, Message, Notifier, NotifyError, Problem, Subject, View, store,
};
use isems_core::{BoxError, NodeId, RedbRepository, Repository, async_trait};
use isems_insight::{FindingCode, FindingSeverity};

use super::NODES;

/// The time between two looks, seconds.
const LOOK: i64 = 5;

const HOUR: i64 = 3600;

const BEGINNING: i64 = 1_780_000_000;

/// A channel that is only there for its name; the benchmark delivers.
struct Nobody;

#[async_trait]
impl Notifier for Nobody {
    async fn notify(&self, _: &Message) -> Result<String, NotifyError> {
        Ok(String::new())
    }
}

pub(super) async fn run() -> Result<(), BoxError> {
    let nodes: Vec<NodeId> = (0..NODES).map(|number| format!("Node-{number}").parse()).collect::<Result<_, _>>()?;
    let known: HashSet<NodeId> = nodes.iter().cloned().collect();
    let problem = |node: &NodeId| Problem {
        subject: Subject::Node(node.clone()),
        code: Code::Finding(FindingCode::Silent),
        severity: FindingSeverity::Urgent,
        since: BEGINNING,
        facts: BTreeMap::new(),
    };
    let problems: Vec<Problem> = nodes.iter().map(problem).collect();
    let channel =
        |name: &str| Channel { name: name.into(), notifier: Arc::new(Nobody), options: ChannelOptions::default() };
    let channels = [channel("first"), channel("second")];
    let policy = AlertsConfig::default().policy(None);
    let mut ledger = Ledger::new("bench");
    let repository = RedbRepository::in_memory()?;
    let (mut messages, mut looks, mut most_bytes) = (0, Vec::new(), 0);
    for step in 0..3 * HOUR / LOOK {
        let at = BEGINNING + step * LOOK;
        // All of them are raised after an hour, and cleared an hour later.
        let is_raised = (HOUR..2 * HOUR).contains(&(step * LOOK));
        let problems = if is_raised { problems.clone() } else { Vec::new() };
        let view = View { at, problems, judged: known.clone(), nodes: Some(known.clone()) };
        let began = Instant::now();
        ledger.look(&view, &channels, &policy);
        looks.push(began.elapsed());
        for channel in &channels {
            let Some(letter) = ledger.due(&channel.name, at) else { continue };
            let id = letter.message.id.clone();
            messages += 1;
            store::save_all(&repository, &mut ledger).await?;
            most_bytes = most_bytes.max(repository.metadata("alerts").await?.map_or(0, |stored| stored.len()));
            ledger.delivered(&id, at, "thank you".into());
        }
    }
    looks.sort_unstable();
    let total: Duration = looks.iter().sum();
    println!("{NODES} nodes raise and clear at once, {} channels", channels.len());
    println!("messages a channel             {}", messages / channels.len());
    println!("a look, median                 {:>8.2?}", looks[looks.len() / 2]);
    println!("a look, longest                {:>8.2?}", looks[looks.len() - 1]);
    println!("share of the time              {:.3} %", 100.0 * total.as_secs_f64() / (3 * HOUR) as f64);
    println!("bytes to store, most           {most_bytes}");
    Ok(())
}
