//! The events of findings.

use std::sync::Arc;

use isems_core::{Measurement, RedbRepository, testing::sample_measurement};
use isems_insight::{Event, FindingChange, FindingCode, FindingSeverity, Subscription};

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
