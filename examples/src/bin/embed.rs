//! Embeds the core: collects from a simulated node into memory, and prints each measurement as it arrives.
//!
//! `cargo run -p isems-examples --bin embed`; press Ctrl-C to stop. The node starts an hour in the past and sends one
//! measurement per second until it has caught up.

use std::{sync::Arc, time::Duration};

use isems_core::{
    BoxError, Collector, Inbox, RedbRepository, Repository, Transport, async_trait, simulation::SimulatedNode, unix_now,
};
use tokio::time;

/// Measures once a second while the node's time is in the past.
struct Simulated(SimulatedNode);

#[async_trait]
impl Transport for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let mut seconds = time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let is_due = self.0.next_timestamp() <= unix_now();
            if let Some(measurement) = is_due.then(|| self.0.next()).flatten() {
                inbox.deliver_measurements("the simulator", vec![measurement]).await?;
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let repository = Arc::new(RedbRepository::in_memory()?);
    let node = SimulatedNode::new(1, 0, unix_now() - 3600);
    let id = node.id().clone();
    let collector = Collector::new(repository.clone()).transport(Simulated(node))?;
    let monitor = collector.monitor();

    let print = async {
        let mut printed = 0;
        loop {
            time::sleep(Duration::from_millis(100)).await;
            let Some(node) = repository.node(&id).await? else { continue };
            if node.latest.timestamp > printed {
                printed = node.latest.timestamp;
                println!("{}", serde_json::to_string(&node.latest)?);
            }
        }
    };
    tokio::select! {
        () = collector.run(std::future::pending()) => {}
        result = print => return result,
        result = tokio::signal::ctrl_c() => result?,
    }
    println!("{} measurements", monitor.transports()[0].stored);
    Ok(())
}
