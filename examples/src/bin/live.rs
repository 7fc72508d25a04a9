//! Shows measurements live in a terminal, which nodes fall silent or come back, and what is the matter with them.
//!
//! `cargo run -p isems-examples --bin live -- 10.36.0.7 10.36.0.9` polls these nodes once a minute. A node whose usual
//! interval is known counts as silent after three of them.

use std::{env, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, RedbRepository};
use isems_insight::{Event, NextError, WatchedCollector, Watcher};
use isems_transport_http::{HttpConfig, HttpTransport};

async fn show(watcher: Watcher) {
    let mut events = watcher.subscribe();
    loop {
        match events.next().await {
            Ok(event) => match &event.event {
                Event::Stored(measurement) => {
                    let volts = measurement.battery_voltage.map_or("?".into(), |volts| volts.to_string());
                    println!("{}: {volts} V at {}", measurement.node_id, measurement.timestamp);
                }
                Event::StateChanged(change) => {
                    println!("{}: {} (was {})", change.node, change.state.name(), change.previous.name());
                }
                Event::FindingRaised(change) | Event::FindingChanged(change) => {
                    let finding = &change.finding;
                    println!("{}: {}, {}", change.node, finding.code.meaning(), finding.severity.name());
                }
                Event::FindingCleared(change) => println!("{}: over: {}", change.node, change.finding.code.meaning()),
            },
            Err(NextError::Missed(count)) => println!("{count} events came faster than they could be shown"),
            Err(NextError::Ended) => return,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let targets = env::args().skip(1).map(|node| node.parse()).collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() {
        return Err("which nodes? name their addresses".into());
    }
    let config = HttpConfig { targets, interval: Duration::from_mins(1), ..HttpConfig::default() };
    let collector = Collector::new(Arc::new(RedbRepository::in_memory()?)).transport(HttpTransport::new(config)?)?;
    let collector = WatchedCollector::new(collector);
    let watcher = collector.watcher();
    tokio::select! {
        () = show(watcher) => {}
        () = collector.run(async { drop(tokio::signal::ctrl_c().await) }) => {}
    }
    Ok(())
}
