//! The bridge to Home Assistant, seen from the broker.

mod faults;
mod listener;
mod mosquitto;
mod settings;

use std::{sync::Arc, time::Duration};

use isems_core::{Backoff, RedbRepository};
use isems_homeassistant::{BrokerChoice, Connection, HomeAssistant, HomeAssistantConfig};
use isems_insight::Watcher;
use tokio::{sync::oneshot, task::JoinHandle, time};

/// The longest that a test waits for something that must happen.
const DEADLINE: Duration = Duration::from_secs(30);

const AVAILABILITY: &str = "isems/collector/collector/availability";

fn memory() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory"))
}

/// A bridge that runs in the background, with short waits.
struct Bridge {
    connection: Connection,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Bridge {
    fn start(watcher: Watcher, port: u16) -> Self {
        Self::with(watcher, &HomeAssistantConfig { broker: Some(at(port)), ..HomeAssistantConfig::default() })
    }

    fn with(watcher: Watcher, config: &HomeAssistantConfig) -> Self {
        Self::paced(watcher, config, Duration::from_millis(10))
    }

    fn paced(watcher: Watcher, config: &HomeAssistantConfig, pace: Duration) -> Self {
        let bridge = HomeAssistant::new(config, &[], watcher).expect("it is valid").expect("there is a broker");
        let bridge = bridge.pace(pace).backoff(Backoff::new(Duration::from_millis(20), Duration::from_millis(200)));
        let connection = bridge.connection();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(bridge.run(async { drop(stopped.await) }));
        Self { connection, stop, task }
    }

    /// Stops it, and returns once it has ended.
    async fn stop(self) {
        drop(self.stop);
        time::timeout(DEADLINE, self.task).await.expect("it stops").expect("it does not panic");
    }

    /// Waits until the connection is up or down.
    async fn until(&self, is_up: bool) {
        let wait = async {
            while self.connection.status().up != is_up {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(DEADLINE, wait).await.expect("it changes in time");
    }
}

fn at(port: u16) -> BrokerChoice {
    BrokerChoice::At(format!("mqtt://127.0.0.1:{port}").parse().expect("a broker"))
}
