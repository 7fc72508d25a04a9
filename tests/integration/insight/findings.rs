//! The events of findings.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use isems_core::{
    Batch, Measurement, RedbRepository, Repository, RepositoryError, Stored, async_trait,
    testing::{HookedRepository, StoreHook, sample_measurement},
};
use isems_insight::{Event, FindingChange, FindingCode, FindingSeverity, PastFinding, Subscription};

use super::{START, Watched};

/// A measurement of a node that is well, but for the temperature of its battery.
fn at_temperature(node: &str, timestamp: i64, celsius: f64) -> Measurement {
    let mut measurement = sample_measurement(node, timestamp);
    measurement.battery_temperature = Some(celsius);
    measurement.battery_voltage = Some(13.2);
    measurement.low_voltage_disconnect_voltage = Some(11.5);
    measurement
}

/// The changes of a kind of finding that were published so far, in their order.
fn changes(events: &mut Subscription, code: FindingCode) -> Vec<(&'static str, FindingChange)> {
    let taken = events.take(usize::MAX, |_| true).events;
    let changes = taken.iter().filter_map(|numbered| match &numbered.event {
        Event::FindingRaised(change) => Some(("raised", change.clone())),
        Event::FindingChanged(change) => Some(("changed", change.clone())),
        Event::FindingCleared(change) => Some(("cleared", change.clone())),
        _ => None,
    });
    changes.filter(|(_, change)| change.finding.code == code).collect()
}

#[tokio::test]
async fn a_finding_is_raised_once_and_cleared_at_its_own_level() {
    let watched = Watched::assessing(Arc::new(RedbRepository::in_memory().unwrap())).await;
    let mut events = watched.watcher.subscribe();
    // 40 degC raises it, 38 clears it, and what lies between changes nothing.
    for (minute, celsius) in [30.0, 41.0, 39.0, 42.0, 38.5, 37.0, 39.5].into_iter().enumerate() {
        let time = START + 60 * minute as i64;
        watched.store(vec![at_temperature("Hut", time, celsius)]).await;
        watched.refresh_at(time + 1).await;
    }
    let changes = changes(&mut events, FindingCode::BatteryOverheating);
    let told: Vec<_> = changes.iter().map(|(change, at)| (*change, at.at - START)).collect();
    assert_eq!(told, [("raised", 61), ("cleared", 301)]);
    let since = changes[0].1.finding.since;
    assert_eq!(changes[1].1.finding.since, since, "the end of the same finding");
    assert!(changes.iter().all(|(_, change)| change.node.as_str() == "Hut"));
    watched.stop().await;
}

#[tokio::test]
async fn a_finding_that_grows_worse_is_changed_and_keeps_its_beginning() {
    let watched = Watched::assessing(Arc::new(RedbRepository::in_memory().unwrap())).await;
    let mut events = watched.watcher.subscribe();
    let nodes = ["Barn", "Hut", "Mast"];
    for minute in 0..60 {
        let time = START + 60 * minute;
        let heard = nodes.iter().filter(|node| minute < 40 || **node != "Hut");
        watched.store(heard.map(|node| at_temperature(node, time, 20.0)).collect()).await;
    }
    let silent_from = START + 39 * 60;
    let others = |time: i64| ["Barn", "Mast"].map(|node| at_temperature(node, time, 20.0)).to_vec();
    for time in [START + 3600, silent_from + 2 * 3600, silent_from + 4 * 3600, silent_from + 5 * 3600] {
        watched.store(others(time)).await;
        watched.refresh_at(time).await;
    }
    let back = silent_from + 5 * 3600 + 60;
    watched.store(nodes.map(|node| at_temperature(node, back, 20.0)).to_vec()).await;
    watched.refresh_at(back).await;
    let changes = changes(&mut events, FindingCode::Silent);
    let told: Vec<_> = changes.iter().map(|(change, told)| (*change, told.finding.severity, told.at)).collect();
    let expected = [
        ("raised", FindingSeverity::Attention, START + 3600),
        ("changed", FindingSeverity::Urgent, silent_from + 4 * 3600),
        ("cleared", FindingSeverity::Urgent, back),
    ];
    assert_eq!(told, expected);
    assert!(changes.iter().all(|(_, change)| change.node.as_str() == "Hut"));
    assert!(changes.iter().all(|(_, change)| change.finding.since == silent_from), "{changes:?}");
    watched.stop().await;
}

#[tokio::test]
async fn the_newest_assessment_says_what_the_events_say() {
    let watched = Watched::assessing(Arc::new(RedbRepository::in_memory().unwrap())).await;
    watched.store(vec![at_temperature("Hut", START, 45.0), at_temperature("Barn", START, 20.0)]).await;
    watched.refresh_at(START + 1).await;
    let snapshot = watched.watcher.snapshot().await.unwrap();
    let worst: Vec<&str> = snapshot.worst().iter().map(|node| node.node.id.as_str()).collect();
    let assessments = watched.watcher.assessments();
    assert_eq!(worst[0], "Hut");
    assert_eq!(assessments[0].node.as_str(), "Hut", "one order everywhere");
    assert!(assessments[0].finding(FindingCode::BatteryOverheating).is_some());
    watched.stop().await;
}

/// Heats the battery of a node for five minutes and lets it cool, a minute a step.
async fn heat(watched: &Watched, node: &str, start: i64) {
    for (minute, celsius) in [41.0, 41.0, 41.0, 41.0, 41.0, 30.0].into_iter().enumerate() {
        let time = start + 60 * minute as i64;
        watched.store(vec![at_temperature(node, time, celsius)]).await;
        watched.refresh_at(time + 1).await;
    }
}

/// The times at which a node's battery was too hot, from the beginning of the tests.
async fn hot(watched: &Watched, node: &str) -> Vec<(i64, i64)> {
    let past = watched.watcher.past_findings(&node.parse().unwrap()).await;
    let hot = past.iter().filter(|past| past.code == FindingCode::BatteryOverheating);
    hot.map(|PastFinding { since, until, .. }| (since - START, until - START)).collect()
}

#[tokio::test]
async fn findings_that_are_over_are_known_for_a_month_and_after_a_restart() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let watched = Watched::assessing(repository.clone()).await;
    heat(&watched, "Hut", START).await;
    heat(&watched, "Barn", START).await;
    heat(&watched, "Hut", START + 86_400).await;
    let both = [(0, 301), (86_400, 86_701)];
    assert_eq!(hot(&watched, "Hut").await, both);
    assert_eq!(hot(&watched, "Barn").await, both[..1]);
    assert_eq!(hot(&watched, "Mast").await, [], "nobody knows that node");
    watched.stop().await;

    let watched = Watched::assessing(repository.clone()).await;
    heat(&watched, "Hut", START + 2 * 86_400).await;
    let all = [both[0], both[1], (2 * 86_400, 2 * 86_400 + 301)];
    assert_eq!(hot(&watched, "Hut").await, all);
    assert_eq!(hot(&watched, "Barn").await, both[..1]);
    // The first one ended more than a month ago when another one ends.
    heat(&watched, "Hut", START + 32 * 86_400 + 3600).await;
    assert_eq!(hot(&watched, "Hut").await.len(), 3, "without the first of four");
    watched.stop().await;

    repository.delete(&"Hut".parse().unwrap(), i64::MIN, i64::MAX).await.unwrap();
    let watched = Watched::assessing(repository).await;
    watched.store(vec![at_temperature("Hut", START + 33 * 86_400, 20.0)]).await;
    watched.refresh_at(START + 33 * 86_400).await;
    assert_eq!(hot(&watched, "Hut").await, [], "what was found of a deleted node is forgotten");
    watched.stop().await;
}

/// Stores no metadata while it is set.
struct MetadataFails(Arc<AtomicBool>);

#[async_trait]
impl StoreHook for MetadataFails {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        if !batch.metadata.is_empty() && self.0.load(Ordering::SeqCst) {
            let source = "a failure for the test".into();
            return Err(RepositoryError::Unavailable { action: "write", retry: true, source });
        }
        repository.store(batch).await
    }
}

#[tokio::test]
async fn findings_that_cannot_be_stored_when_they_end_are_stored_later() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let fails = Arc::new(AtomicBool::new(false));
    let failing = HookedRepository::over(repository.clone(), MetadataFails(fails.clone()));
    let watched = Watched::assessing(Arc::new(failing)).await;
    heat(&watched, "Hut", START).await;
    fails.store(true, Ordering::SeqCst);
    heat(&watched, "Hut", START + 3600).await;
    fails.store(false, Ordering::SeqCst);
    watched.refresh_at(START + 7200).await;
    watched.stop().await;
    let watched = Watched::assessing(repository).await;
    watched.refresh_at(START + 7200).await;
    assert_eq!(hot(&watched, "Hut").await, [(0, 301), (3600, 3901)]);
    watched.stop().await;
}

#[tokio::test]
async fn what_another_version_has_stored_of_findings_costs_only_what_is_unknown_here() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let text = format!("batteryOverheating attention {START} {}\nnovelty urgent 1 2\nsilent\n\n", START + 60);
    let metadata = vec![("insight.past-findings.Hut".to_owned(), text.into_bytes())];
    let measurements = vec![at_temperature("Hut", START, 20.0)];
    repository.store(Batch { measurements, metadata, ..Batch::default() }).await.unwrap();
    let watched = Watched::assessing(repository).await;
    watched.refresh_at(START + 120).await;
    let past = watched.watcher.past_findings(&"Hut".parse().unwrap()).await;
    let (code, severity) = (FindingCode::BatteryOverheating, FindingSeverity::Attention);
    assert_eq!(past, [PastFinding { code, severity, since: START, until: START + 60 }]);
    watched.stop().await;
}
