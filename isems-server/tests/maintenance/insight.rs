//! `insight` and `backtest`.

use isems_core::{
    Measurement,
    simulation::{TrueMesh, TrueMeshOptions},
};
use serde_json::Value;

use crate::place::Place;

/// 2026-03-08T12:00:00Z.
const NOON: i64 = 1_772_971_200;
const DAY: i64 = 86_400;

fn measurements(days: i64) -> Vec<Measurement> {
    let start = NOON - days * DAY;
    let options = TrueMeshOptions { seed: 7, nodes: 3, place: (52.5, 13.4), start, end: NOON, has_events: false };
    TrueMesh::new(options).advance(NOON)
}

#[test]
fn says_the_same_of_a_file_and_through_a_server() {
    let measurements = measurements(9);
    let names = {
        let mut names: Vec<&str> = measurements.iter().map(|measurement| measurement.node_id.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let texts = Place::both(&measurements).map(|place| {
        let table = place.output(&["insight", "--at", "2026-03-08 12:00"]);
        for name in &names {
            assert!(table.contains(name), "{table}");
        }
        assert!(table.starts_with("node"), "{table}");
        let json = place.output(&["insight", names[1], "--at", "1772971200", "--json"]);
        let insight: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(insight["nodes"].as_array().unwrap().len(), 1);
        assert_eq!(insight["nodes"][0]["nodeId"], names[1]);
        assert_eq!(insight["nodes"][0]["at"], "2026-03-08T12:00:00Z");
        let error = place.error(&["insight", "Nowhere"]);
        assert!(error.contains("there is no node Nowhere"), "{error}");
        (table, json)
    });
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn a_backtest_counts_the_nights() {
    let place = Place::new(&measurements(16));
    let table = place.output(&["backtest", "--from", "2026-03-01", "--to", "2026-03-08"]);
    let all: Vec<&str> = table.lines().filter(|line| line.starts_with("all")).collect();
    assert_eq!(all.len(), 2, "{table}");
    for line in all {
        let nights: u64 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
        let unknown: u64 = line.split_whitespace().nth(8).unwrap().parse().unwrap();
        assert!((15..=21).contains(&(nights + unknown)), "{table}");
    }
    assert!(table.contains("of the load-offs were forecast"), "{table}");
}

#[test]
fn a_backtest_leaves_a_server_alone() {
    let mut place = Place::new(&measurements(2));
    place.serve();
    let error = place.error(&["backtest"]);
    assert!(error.contains("isems-server backup COPY"), "{error}");
}
