//! The lookout: the collector's own troubles as they show.

use std::{sync::Arc, time::Duration};

use isems_alerts::{Alerts, AlertsConfig, Lookout, Mute, Problem, WatcherLookout};
use isems_core::{BoxError, Collector, Inbox, RedbRepository, Transport, async_trait, testing::FailingRepository};
use isems_insight::{WatchedCollector, Watcher};
use tokio::time;

/// A transport whose sources are up or down as the test says.
struct Sources {
    name: &'static str,
    follows: &'static [&'static str],
    up: &'static [&'static str],
    down: &'static [&'static str],
}

#[async_trait]
impl Transport for Sources {
    fn name(&self) -> &str {
        self.name
    }

    fn follows(&self) -> Vec<String> {
        self.follows.iter().map(|name| (*name).into()).collect()
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        self.up.iter().for_each(|source| inbox.source_up(source));
        self.down.iter().for_each(|source| inbox.source_down(source, &"no route to host"));
        std::future::pending().await
    }
}

/// Returns the names of the problems that a lookout sees.
async fn seen(lookout: &WatcherLookout) -> Vec<String> {
    lookout.view().await.problems.iter().map(|problem: &Problem| problem.code.name().into()).collect()
}

/// Returns the problems that a lookout sees while a transport runs.
async fn seen_of(sources: Sources) -> Vec<String> {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let collector = WatchedCollector::new(Collector::new(repository).transport(sources).unwrap());
    let watcher = collector.watcher();
    let lookout = WatcherLookout::new(watcher.clone(), &[]);
    let running = tokio::spawn(collector.run(std::future::pending()));
    let is_known = |watcher: &Watcher| watcher.monitor().transports().iter().all(|status| !status.sources.is_empty());
    while !is_known(&watcher) {
        time::sleep(Duration::from_millis(5)).await;
    }
    let seen = seen(&lookout).await;
    running.abort();
    seen
}

#[tokio::test]
async fn a_broker_that_is_away_is_a_trouble_and_so_is_a_mesh_of_which_no_node_can_be_reached() {
    let broker = |up, down| Sources { name: "mqtt", follows: &["isems/#"], up, down };
    assert_eq!(seen_of(broker(&[], &["mqtt://broker"])).await, ["sourcesAway"]);
    assert!(seen_of(broker(&["mqtt://broker"], &[])).await.is_empty());
    let nodes = |follows, up, down| Sources { name: "http", follows, up, down };
    let three = &["http://a", "http://b", "http://c"];
    assert_eq!(seen_of(nodes(three, &[], three)).await, ["sourcesAway"]);
    assert!(seen_of(nodes(three, &["http://a"], &["http://b", "http://c"])).await.is_empty(), "one can be reached");
    let two = &["http://a", "http://b"];
    assert!(seen_of(nodes(two, &[], two)).await.is_empty(), "so few may have run empty");
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_cannot_store_is_a_trouble_until_it_can() {
    let repository = Arc::new(FailingRepository::new(Arc::new(RedbRepository::in_memory().unwrap()), 1));
    let collector = WatchedCollector::new(Collector::new(repository.clone()));
    let lookout = WatcherLookout::new(collector.watcher(), &[]);
    assert!(seen(&lookout).await.is_empty(), "nothing was tried yet");
    time::advance(Duration::from_secs(61)).await;
    // Storing takes real time.
    time::resume();
    assert_eq!(seen(&lookout).await, ["databaseFailing"]);
    let first = lookout.view().await.problems[0].since;
    assert_eq!(lookout.view().await.problems[0].since, first);
    // The failure that is left is that of keeping what was told.
    let alerts = Alerts::open(collector.watcher(), Vec::new(), AlertsConfig::default().policy(None)).await.unwrap();
    alerts.mute(mute()).await.unwrap_err();
    assert!(seen(&lookout).await.is_empty());
}

fn mute() -> Mute {
    Mute::new("*", None, "1h", None, 0).unwrap()
}
