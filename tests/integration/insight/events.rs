//! The stream of events, and places in it.

use std::sync::Arc;

use isems_core::{Collector, RedbRepository};
use isems_insight::{Event, NextError, NodeState, StateChange, Subscription, Taken, WatchedCollector};

use super::{START, Watched, arrived, in_time};

async fn that_keeps(kept_events: usize) -> Watched {
    Watched::start(Arc::new(RedbRepository::in_memory().unwrap()), kept_events).await
}

/// Stores measurements of a node with times from a second on and before another.
async fn store(watched: &Watched, node: &str, from: i64, to: i64) {
    watched.store((from..to).map(|second| arrived(node, START + second, START + second)).collect()).await;
}

/// The second of the next event, which is a measurement.
async fn second(subscription: &mut Subscription) -> i64 {
    let event = in_time(subscription.next()).await.unwrap();
    let Event::Stored(measurement) = &event.event else { panic!("{event:?}") };
    measurement.timestamp - START
}

#[tokio::test]
async fn everybody_gets_everything_in_order_and_numbers_have_no_gaps() {
    let watched = that_keeps(100).await;
    let mut subscriptions = [watched.watcher.subscribe(), watched.watcher.subscribe()];
    store(&watched, "Hut", 0, 3).await;
    // What is stored already is no event.
    store(&watched, "Hut", 1, 5).await;
    for subscription in &mut subscriptions {
        for wanted in 0..5 {
            assert_eq!(second(subscription).await, wanted);
            assert_eq!(subscription.position(), wanted as u64 + 1);
        }
    }
    watched.stop().await;
}

#[tokio::test]
async fn whoever_comes_back_goes_on_where_they_were() {
    let watched = that_keeps(4).await;
    store(&watched, "Hut", 0, 10).await;
    let after = |number| watched.watcher.subscribe_after(number);
    let mut subscription = after(7).unwrap();
    assert!(!subscription.has_missed());
    assert_eq!(second(&mut subscription).await, 7);
    assert_eq!(second(&mut watched.watcher.subscribe_to_kept()).await, 6);
    assert!(after(11).is_none(), "there has been no such event");
    let mut late = after(2).unwrap();
    assert!(late.has_missed());
    assert_eq!(late.next().await, Err(NextError::Missed(4)));
    assert_eq!(second(&mut late).await, 6);
    let mut late = after(2).unwrap();
    assert_eq!((late.skip_missed(), late.skip_missed()), (4, 0));
    assert_eq!(late.position(), 6);
}

#[tokio::test]
async fn a_slow_subscriber_loses_its_own_place_only() {
    let watched = that_keeps(10).await;
    let (mut fast, mut slow) = (watched.watcher.subscribe(), watched.watcher.subscribe());
    for second_of_ten in 0..10 {
        store(&watched, "Hut", 10 * second_of_ten, 10 * second_of_ten + 10).await;
        for wanted in 0..10 {
            assert_eq!(second(&mut fast).await, 10 * second_of_ten + wanted);
        }
    }
    assert!(!fast.has_missed() && slow.has_missed());
    assert_eq!(in_time(slow.next()).await, Err(NextError::Missed(90)));
    assert_eq!(second(&mut slow).await, 90);
    // More at once than is kept.
    store(&watched, "Hut", 100, 1000).await;
    assert_eq!(in_time(fast.next()).await, Err(NextError::Missed(890)));
    assert_eq!(second(&mut fast).await, 990);
}

#[tokio::test]
async fn what_is_taken_together_is_bounded_and_chosen() {
    let watched = that_keeps(100).await;
    let mut subscription = watched.watcher.subscribe();
    assert_eq!(subscription.take(10, |_| true), Taken::default());
    for node in ["Hut", "Barn", "Hut"] {
        let base = if node == "Barn" { 50 } else { subscription.position() as i64 };
        store(&watched, node, base, base + 1).await;
        subscription = watched.watcher.subscribe_after(0).unwrap();
    }
    store(&watched, "Barn", 51, 60).await;
    let is_barn = |event: &Event| event.node().as_str() == "Barn";
    let taken = subscription.take(3, is_barn);
    assert_eq!(taken.events.iter().map(|event| event.number).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(taken.has_more && taken.missed == 0);
    let taken = subscription.take(100, is_barn);
    assert!(taken.events.len() == 7 && !taken.has_more);
}

#[tokio::test]
async fn a_change_of_state_is_an_event_and_is_told_once() {
    let watched = that_keeps(100).await;
    let mut subscription = watched.watcher.subscribe();
    store(&watched, "Hut", 0, 1).await;
    let silent = START + 2701;
    for now in [START, START + 2700, silent, silent + 5] {
        watched.refresh_at(now).await;
    }
    assert_eq!(second(&mut subscription).await, 0);
    let change = in_time(subscription.next()).await.unwrap();
    let wanted =
        StateChange { node: "Hut".parse().unwrap(), previous: NodeState::Active, state: NodeState::Silent, at: silent };
    assert_eq!(change.event, Event::StateChanged(wanted));
    assert!(subscription.take(1, |_| true).events.is_empty());
}

#[tokio::test]
async fn the_stream_ends_with_the_collector_after_all_has_been_told() {
    let hut = that_keeps(100).await;
    let watcher = hut.watcher.clone();
    let subscription = watcher.subscribe();
    store(&hut, "Hut", 0, 2).await;
    hut.stop().await;
    for mut subscription in [subscription, watcher.subscribe_to_kept()] {
        assert_eq!((second(&mut subscription).await, second(&mut subscription).await), (0, 1));
        assert_eq!(in_time(subscription.next()).await, Err(NextError::Ended));
        assert!(!in_time(subscription.wait()).await);
    }
    assert_eq!(in_time(watcher.subscribe().next()).await, Err(NextError::Ended));

    let collector = WatchedCollector::new(Collector::new(Arc::new(RedbRepository::in_memory().unwrap())));
    let mut subscription = collector.watcher().subscribe();
    drop(collector);
    assert_eq!(in_time(subscription.next()).await, Err(NextError::Ended));
}
