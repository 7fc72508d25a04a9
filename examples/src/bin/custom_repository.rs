//! A custom repository: measurements in a `BTreeMap`. It shows that it keeps the contract by running the conformance
//! suite on itself, and then collects a simulated day into it.
//!
//! `cargo run -p isems-examples --bin custom_repository`

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isems_core::{
    Batch, BoxError, Collector, Inbox, Measurement, MeasurementQuery, Node, NodeId, Order, Outcome, Reject, RejectPage,
    RejectQuery, Repository, RepositoryError, Stored, Transport, async_trait, simulation::Fleet, testing,
};

/// Keeps everything in memory; what is stored is as durable as the process.
#[derive(Default)]
struct MapRepository(Mutex<Maps>);

#[derive(Default)]
struct Maps {
    nodes: BTreeMap<NodeId, KeptNode>,
    rejects: Vec<Reject>,
    metadata: HashMap<String, Vec<u8>>,
}

struct KeptNode {
    first_received_at: i64,
    last_received_at: i64,
    measurements: BTreeMap<i64, Measurement>,
}

impl KeptNode {
    /// A node is kept from its first measurement on, so that there is an oldest and a newest one.
    fn node(&self) -> Option<Arc<Node>> {
        let ((first_timestamp, _), (_, latest)) =
            self.measurements.first_key_value().zip(self.measurements.last_key_value())?;
        Some(Arc::new(Node {
            id: latest.node_id.clone(),
            measurements: self.measurements.len() as u64,
            first_timestamp: *first_timestamp,
            first_received_at: self.first_received_at,
            last_received_at: self.last_received_at,
            latest: latest.clone(),
        }))
    }
}

impl MapRepository {
    /// A panic elsewhere leaves whole batches: nothing in `store` can fail once it has begun to change the maps.
    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Repository for MapRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        for measurement in &batch.measurements {
            measurement.validate().map_err(|fault| RepositoryError::Invalid {
                node: measurement.node_id.clone(),
                timestamp: measurement.timestamp,
                fault,
            })?;
        }
        let mut maps = self.maps();
        let mut outcome = Stored::default();
        for measurement in batch.measurements {
            let node = maps.nodes.entry(measurement.node_id.clone()).or_insert_with(|| KeptNode {
                first_received_at: measurement.received_at,
                last_received_at: measurement.received_at,
                measurements: BTreeMap::new(),
            });
            match node.measurements.get(&measurement.timestamp) {
                None => {
                    outcome.outcomes.push(Outcome::Stored);
                    node.first_received_at = node.first_received_at.min(measurement.received_at);
                    node.last_received_at = node.last_received_at.max(measurement.received_at);
                    node.measurements.insert(measurement.timestamp, measurement);
                }
                Some(first) if first.same_values(&measurement) => outcome.outcomes.push(Outcome::Duplicate),
                Some(_) => outcome.outcomes.push(Outcome::Conflict),
            }
        }
        maps.rejects.extend(batch.rejects);
        maps.metadata.extend(batch.metadata);
        Ok(outcome)
    }

    /// Memory can always be written.
    async fn probe(&self) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let maps = self.maps();
        let nodes = maps.nodes.range::<NodeId, _>((start, Bound::Unbounded)).take(limit);
        Ok(nodes.filter_map(|(_, node)| node.node()).collect())
    }

    async fn node_count(&self) -> Result<u64, RepositoryError> {
        Ok(self.maps().nodes.len() as u64)
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        Ok(self.maps().nodes.get(id).and_then(KeptNode::node))
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        let maps = self.maps();
        let Some(node) = maps.nodes.get(&query.node).filter(|_| query.from < query.to) else { return Ok(Vec::new()) };
        let range = node.measurements.range(query.from..query.to).map(|(_, measurement)| measurement.clone());
        Ok(match query.order {
            Order::OldestFirst => range.take(query.limit).collect(),
            Order::NewestFirst => range.rev().take(query.limit).collect(),
        })
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        let mut maps = self.maps();
        let Some(kept) = maps.nodes.get_mut(node) else { return Ok(0) };
        let before = kept.measurements.len();
        kept.measurements.retain(|time, _| !(from..to).contains(time));
        let removed = before - kept.measurements.len();
        if kept.measurements.is_empty() {
            maps.nodes.remove(node);
        }
        Ok(removed as u64)
    }

    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError> {
        let maps = self.maps();
        let older = maps.rejects.iter().enumerate().rev().map(|(place, reject)| (place as u64, reject));
        let older = older.skip_while(|(number, _)| query.before.is_some_and(|before| *number >= before));
        RejectPage::of(query, older.map(|(number, reject)| Ok((number, reject.clone()))))
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        Ok(self.maps().metadata.get(key).cloned())
    }
}

/// Three simulated nodes over a day.
struct Day(Fleet);

#[async_trait]
impl Transport for Day {
    fn name(&self) -> &'static str {
        "day"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let measurements = self.0.by_ref().take(3 * 1440).collect();
        inbox.deliver_measurements("the simulator", measurements).await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    testing::repository::conformance(async || MapRepository::default()).await;
    println!("the repository conforms");

    let repository = Arc::new(MapRepository::default());
    let day = Day(Fleet::new(1, 3, 1_767_139_200));
    Collector::new(repository.clone()).transport(day)?.run(std::future::pending()).await;
    for node in repository.nodes().await? {
        let volts = node.latest.battery_voltage.unwrap_or_default();
        println!("{}: {} measurements, the battery has {volts} V", node.id, node.measurements);
    }
    Ok(())
}
