//! Estimates of capacity against the truth of simulated meshes.
//!
//! `cargo bench -p isems-tests --bench capacity -- [FIRST_SEED [SEEDS [NODES]]]`
//!
//! For each seed, meshes at 52.5 degrees north are simulated for 30 days up to the first of March, April, October and
//! November. Then each node's capacity is estimated from nothing but what has arrived, and held against the true one.
//! Beside it stand two naive answers: the rated capacity, and the rated capacity times the node's own health
//! estimate.

use std::{collections::BTreeMap, env};

use isems_core::{
    NodeId,
    simulation::{TrueMesh, TrueMeshOptions},
};
use isems_insight::{Evidence, History, Mesh, assess};

const PLACE: (f64, f64) = (52.5, 13.4);
const DAY: i64 = 86_400;
const DAYS: i64 = 30;
/// The first of March, April, October and November 2025, UTC.
const ENDS: [i64; 4] = [1_740_787_200, 1_743_465_600, 1_759_276_800, 1_761_955_200];

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<u64> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let first_seed = arguments.first().copied().unwrap_or(121);
    let seeds = arguments.get(1).copied().unwrap_or(10);
    let nodes = arguments.get(2).copied().unwrap_or(24) as u32;
    let mut scores = Scores::default();
    for seed in first_seed..first_seed + seeds {
        for (season, end) in ENDS.into_iter().enumerate() {
            estimate(&mut scores, seed.wrapping_mul(ENDS.len() as u64) + season as u64, nodes, end);
        }
    }
    scores.print();
}

/// The errors of one way to estimate, as shares of the truth.
#[derive(Default)]
struct Scores {
    estimated: Vec<f64>,
    rated: Vec<f64>,
    health: Vec<f64>,
    within: usize,
    nodes: usize,
}

impl Scores {
    fn print(mut self) {
        println!("{} of {} nodes have an estimate", self.estimated.len(), self.nodes);
        println!("| capacity after {DAYS} days | median error | 90th percentile | mean |");
        println!("|---|---|---|---|");
        let within = 100.0 * self.within as f64 / self.estimated.len().max(1) as f64;
        for (name, errors) in [
            ("estimated", &mut self.estimated),
            ("naive: rated", &mut self.rated),
            ("naive: rated times health estimate", &mut self.health),
        ] {
            let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
            errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
            let quantile =
                |share: f64| errors.get((errors.len() as f64 * share) as usize).map_or(f64::NAN, |error| error.abs());
            println!(
                "| {name} | {:.1} % | {:.1} % | {:+.1} % |",
                100.0 * quantile(0.5),
                100.0 * quantile(0.9),
                100.0 * mean
            );
        }
        println!("truth within the interval of 80 %: {within:.0} %");
    }
}

/// Estimates the capacities of a mesh at the end of its days.
fn estimate(scores: &mut Scores, seed: u64, nodes: u32, end: i64) {
    let start = end - DAYS * DAY;
    let mut mesh = TrueMesh::new(TrueMeshOptions { seed, nodes, place: PLACE, start, end, has_events: true });
    let mut histories: BTreeMap<NodeId, History> =
        mesh.ids().map(|node| (node.clone(), History::new(node.clone()))).collect();
    for measurement in mesh.advance(end) {
        if let Some(history) = histories.get_mut(&measurement.node_id) {
            history.extend(&[measurement]);
        }
    }
    let background = Mesh::of(histories.values(), end);
    for (node, history) in &histories {
        let evidence = Evidence { history, mesh: &background, at: end, usual_interval: Some(300), previous: &[] };
        let battery = assess(&evidence).battery;
        let (Some(truth), Some(latest)) = (mesh.capacity(node), history.latest()) else { continue };
        scores.nodes += 1;
        if env::var_os("VERBOSE").is_some() {
            println!(
                "{seed} {node}: true {truth:.2}, rated {:?}, health {:?}, estimated {:?}",
                latest.rated_battery_capacity, latest.battery_health_estimate, battery.estimated_capacity_ah
            );
        }
        let Some(estimate) = battery.estimated_capacity_ah else { continue };
        scores.estimated.push(estimate.value / truth - 1.0);
        scores.within += usize::from((estimate.value - truth).abs() <= estimate.uncertainty);
        let rated = latest.rated_battery_capacity.unwrap_or_default();
        scores.rated.push(rated / truth - 1.0);
        scores.health.push(rated * latest.battery_health_estimate.unwrap_or_default() / 100.0 / truth - 1.0);
    }
}
