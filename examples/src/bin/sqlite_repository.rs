//! A repository of your own: measurements in SQLite, each as JSON beside its key. It proves that it keeps the contract
//! by running the conformance suite on itself, and then collects a simulated day into a file.
//!
//! `cargo run -p isems-examples --bin sqlite_repository`. The file is `isems.sqlite` unless an argument names another
//! one.

use std::{
    env,
    sync::{Arc, Mutex, PoisonError},
};

use isems_core::{
    Batch, BoxError, Collector, Inbox, Measurement, MeasurementQuery, Node, NodeId, Order, Outcome, RejectPage,
    RejectQuery, Repository, RepositoryError, Stored, Transport, async_trait, simulation::Fleet, testing,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::task;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS node (id TEXT PRIMARY KEY, first_received_at INTEGER, last_received_at INTEGER);
    CREATE TABLE IF NOT EXISTS measurement (
        node TEXT, timestamp INTEGER, json TEXT, PRIMARY KEY (node, timestamp)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reject (number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT);
    CREATE TABLE IF NOT EXISTS metadata (key TEXT PRIMARY KEY, value BLOB);";

/// The records of nodes. A node exists from its first measurement on, so it always has an oldest and a newest one.
const NODES: &str = "
    SELECT node.id, first_received_at, last_received_at, count(*), min(timestamp),
        (SELECT json FROM measurement WHERE node = node.id ORDER BY timestamp DESC LIMIT 1)
    FROM node JOIN measurement ON measurement.node = node.id";

struct SqliteRepository(Arc<Mutex<Connection>>);

impl SqliteRepository {
    fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// SQLite blocks, so this is where calls move to threads that may block.
    async fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let connection = self.0.clone();
        let result = task::spawn_blocking(move || {
            // A call that panicked has rolled its transaction back.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let result = result.await.unwrap_or_else(|error| Err(error.into()));
        result.map_err(|source| RepositoryError::Other { action, source })
    }
}

#[async_trait]
impl Repository for SqliteRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        for measurement in &batch.measurements {
            measurement.validate().map_err(|fault| RepositoryError::Invalid {
                node: measurement.node_id.clone(),
                timestamp: measurement.timestamp,
                fault,
            })?;
        }
        self.call("write", move |connection| {
            let transaction = connection.transaction()?;
            let mut stored = Stored::default();
            for measurement in &batch.measurements {
                stored.outcomes.push(store(&transaction, measurement)?);
            }
            for reject in batch.all_rejects(&stored).iter() {
                let json = serde_json::to_string(reject)?;
                transaction.execute("INSERT INTO reject (json) VALUES (?)", [json])?;
            }
            for (key, value) in &batch.metadata {
                transaction.execute("INSERT OR REPLACE INTO metadata VALUES (?, ?)", params![key, value])?;
            }
            transaction.commit()?;
            Ok(stored)
        })
        .await
    }

    async fn probe(&self) -> Result<(), RepositoryError> {
        self.call("write", |connection| {
            connection.execute("INSERT OR REPLACE INTO metadata VALUES ('probe', x'')", [])?;
            Ok(())
        })
        .await
    }

    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError> {
        // No id is empty, so all ids come after the empty text.
        let after = after.map_or(String::new(), ToString::to_string);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.call("read", move |connection| {
            let query = format!("{NODES} WHERE node.id > ? GROUP BY node.id ORDER BY node.id LIMIT ?");
            let mut statement = connection.prepare(&query)?;
            statement.query_and_then(params![after, limit], node)?.collect()
        })
        .await
    }

    async fn node_count(&self) -> Result<u64, RepositoryError> {
        self.call("read", |connection| {
            Ok(connection.query_row("SELECT count(*) FROM node", [], |row| unsigned(row, 0))?)
        })
        .await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        let id = id.to_string();
        self.call("read", move |connection| {
            let mut statement = connection.prepare(&format!("{NODES} WHERE node.id = ? GROUP BY node.id"))?;
            statement.query_and_then([id], node)?.next().transpose()
        })
        .await
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        let MeasurementQuery { from, to, .. } = *query;
        let node = query.node.to_string();
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let order = match query.order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        self.call("read", move |connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT json FROM measurement WHERE node = ? AND timestamp >= ? AND timestamp < ?
                 ORDER BY timestamp {order} LIMIT ?"
            ))?;
            let rows = statement.query_map(params![node, from, to, limit], |row| row.get::<_, String>(0))?;
            rows.map(|json| Ok(serde_json::from_str(&json?)?)).collect()
        })
        .await
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        let node = node.to_string();
        self.call("write", move |connection| {
            let transaction = connection.transaction()?;
            let removed = transaction.execute(
                "DELETE FROM measurement WHERE node = ? AND timestamp >= ? AND timestamp < ?",
                params![node, from, to],
            )?;
            let forget = "DELETE FROM node WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM measurement WHERE node = ?1)";
            transaction.execute(forget, [node])?;
            transaction.commit()?;
            Ok(removed as u64)
        })
        .await
    }

    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError> {
        let query = query.clone();
        let before = query.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        self.call("read", move |connection| {
            let mut statement =
                connection.prepare("SELECT number, json FROM reject WHERE number < ? ORDER BY number DESC")?;
            let rows = statement.query_map([before], |row| Ok((unsigned(row, 0)?, row.get::<_, String>(1)?)))?;
            let log = rows.map(|row| {
                let (number, json) = row?;
                Ok::<_, BoxError>((number, serde_json::from_str(&json)?))
            });
            RejectPage::of(&query, log)
        })
        .await
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        let key = key.to_owned();
        self.call("read", move |connection| {
            let query = "SELECT value FROM metadata WHERE key = ?";
            Ok(connection.query_row(query, [key], |row| row.get(0)).optional()?)
        })
        .await
    }
}

fn store(connection: &Connection, measurement: &Measurement) -> Result<Outcome, BoxError> {
    let (node, timestamp) = (measurement.node_id.as_str(), measurement.timestamp);
    let query = "SELECT json FROM measurement WHERE node = ? AND timestamp = ?";
    let first: Option<String> = connection.query_row(query, params![node, timestamp], |row| row.get(0)).optional()?;
    if let Some(first) = first {
        let first: Measurement = serde_json::from_str(&first)?;
        return Ok(if first.same_values(measurement) { Outcome::Duplicate } else { Outcome::Conflict });
    }
    let json = serde_json::to_string(measurement)?;
    connection.execute("INSERT INTO measurement VALUES (?, ?, ?)", params![node, timestamp, json])?;
    connection.execute(
        "INSERT INTO node VALUES (?1, ?2, ?2) ON CONFLICT (id) DO UPDATE SET
            first_received_at = min(first_received_at, ?2), last_received_at = max(last_received_at, ?2)",
        params![node, measurement.received_at],
    )?;
    Ok(Outcome::Stored)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn node(row: &Row<'_>) -> Result<Arc<Node>, BoxError> {
    let latest: Measurement = serde_json::from_str(&row.get::<_, String>(5)?)?;
    Ok(Arc::new(Node {
        id: row.get::<_, String>(0)?.parse()?,
        measurements: unsigned(row, 3)?,
        first_timestamp: row.get(4)?,
        first_received_at: row.get(1)?,
        last_received_at: row.get(2)?,
        latest,
    }))
}

/// Three simulated nodes over one day.
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
    testing::repository::conformance(async || SqliteRepository::open(":memory:").expect("memory suffices")).await;
    println!("the repository conforms");

    let path = env::args().nth(1).unwrap_or("isems.sqlite".into());
    let repository = Arc::new(SqliteRepository::open(&path)?);
    let day = Day(Fleet::new(1, 3, 1_767_139_200));
    Collector::new(repository.clone()).transport(day)?.run(std::future::pending()).await;
    for node in repository.nodes().await? {
        let volts = node.latest.battery_voltage.unwrap_or_default();
        println!("{}: {} measurements, the battery has {volts} V", node.id, node.measurements);
    }
    Ok(())
}
