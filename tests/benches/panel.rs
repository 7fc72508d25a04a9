//! Dirty, covered and disconnected panels against the truth of simulated meshes.
//!
//! `cargo bench -p isems-tests --bench panel -- [FIRST_SEED [SEEDS]]`
//!
//! For each seed, a mesh of 24 nodes is simulated from February to April and from September to November. Every evening,
//! each node is assessed. A panel that loses a quarter of its light counts as found on the first evening on which its
//! yield is said to be low; a finding of a node with whose panel nothing is the matter is false.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    time::{Duration, Instant},
};

use isems_core::{
    NodeId,
    simulation::{TrueEventKind, TrueMesh, TrueMeshOptions},
};
use isems_insight::{Evidence, FindingCode, History, Mesh, assess};

const DAY: i64 = 86_400;
const DAYS: i64 = 89;
const LEAD: i64 = 32;
/// 2025-02-01T20:00Z and 2025-09-01T20:00Z.
const SEASONS: [i64; 2] = [1_738_440_000, 1_756_756_800];

#[derive(Default)]
struct Outcome {
    /// The days until each dirty panel was found; `None` if it was not, as long as it was dirty.
    dirty: Vec<Option<i64>>,
    found: BTreeMap<(TrueEventKind, bool), u32>,
    false_yields: u32,
    false_others: u32,
    node_days: u32,
    evenings: u32,
    known_evenings: u32,
    background: Duration,
    backgrounds: u32,
}

fn main() {
    let arguments: Vec<u64> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let first_seed = arguments.first().copied().unwrap_or(121);
    let seeds = arguments.get(1).copied().unwrap_or(4);
    let mut outcome = Outcome::default();
    for seed in first_seed..first_seed + seeds {
        for start in SEASONS {
            season(seed, start, &mut outcome);
        }
    }
    print(&mut outcome);
}

fn season(seed: u64, start: i64, outcome: &mut Outcome) {
    let end = start + DAYS * DAY;
    let mut mesh = TrueMesh::new(TrueMeshOptions {
        seed: seed.wrapping_mul(2) + u64::from(start > SEASONS[0]),
        nodes: 24,
        place: (52.5, 13.4),
        start: start - LEAD * DAY,
        end,
        has_events: true,
    });
    let mut histories: BTreeMap<NodeId, History> =
        mesh.ids().map(|node| (node.clone(), History::new(node.clone()))).collect();
    let mut said: BTreeMap<(NodeId, FindingCode), BTreeSet<i64>> = BTreeMap::new();
    let mut known: BTreeSet<(NodeId, i64)> = BTreeSet::new();
    for evening in (0..DAYS).map(|day| start + day * DAY) {
        for measurement in mesh.advance(evening) {
            if let Some(history) = histories.get_mut(&measurement.node_id) {
                history.extend(&[measurement]);
            }
        }
        let began = Instant::now();
        let background = Mesh::of(histories.values(), evening);
        outcome.background += began.elapsed();
        outcome.backgrounds += 1;
        for history in histories.values() {
            let evidence =
                Evidence { history, mesh: &background, at: evening, usual_interval: Some(300), previous: &[] };
            let assessment = assess(&evidence);
            for finding in &assessment.findings {
                said.entry((assessment.node.clone(), finding.code)).or_default().insert(evening);
            }
            if assessment.panel.yield_percent_of_mesh.is_some() {
                known.insert((assessment.node.clone(), evening));
            }
        }
    }
    let events = mesh.events();
    let panel_events: Vec<_> = events.iter().filter(|event| event.kind.is_of_panel()).collect();
    let says = |node: &NodeId, code: FindingCode, from: i64, to: i64| {
        said.get(&(node.clone(), code)).and_then(|days| days.range(from..to).next().copied())
    };
    for event in &panel_events {
        match event.kind {
            TrueEventKind::PanelDirty if event.from > start && event.from < end - 20 * DAY => {
                let found = says(&event.node, FindingCode::PanelYieldLow, event.from, event.to);
                outcome.dirty.push(found.map(|found| (found - event.from) / DAY));
            }
            TrueEventKind::PanelCovered | TrueEventKind::PanelDisconnected if event.from > start => {
                let code = if event.kind == TrueEventKind::PanelCovered {
                    FindingCode::PanelCovered
                } else {
                    FindingCode::PanelDisconnected
                };
                let found = says(&event.node, code, event.from, event.to + 2 * DAY).is_some();
                *outcome.found.entry((event.kind, found)).or_default() += 1;
            }
            _ => {}
        }
    }
    // The month after an event it may still show in the comparison with the month before.
    let has_trouble = |node: &NodeId, at: i64| {
        panel_events.iter().any(|event| event.node == *node && event.from < at && at < event.to + 35 * DAY)
    };
    outcome.evenings += histories.len() as u32 * DAYS as u32;
    outcome.known_evenings += known.len() as u32;
    for node in histories.keys() {
        for evening in (0..DAYS).map(|day| start + day * DAY).filter(|evening| !has_trouble(node, *evening)) {
            outcome.node_days += 1;
            // One finding a node and ten days is one false alarm.
            let is_new = |code| {
                says(node, code, evening, evening + 1).is_some()
                    && says(node, code, evening - 10 * DAY, evening).is_none()
            };
            outcome.false_yields += u32::from(is_new(FindingCode::PanelYieldLow));
            outcome.false_others +=
                u32::from(is_new(FindingCode::PanelCovered) || is_new(FindingCode::PanelDisconnected));
        }
    }
}

fn print(outcome: &mut Outcome) {
    outcome.dirty.sort_unstable_by_key(|days| days.unwrap_or(i64::MAX));
    let within = |days: i64| outcome.dirty.iter().filter(|found| found.is_some_and(|found| found <= days)).count();
    let all = outcome.dirty.len();
    println!("panels that lost a quarter of their light: {all}");
    println!("said within 7 days: {}, within 14: {}, within 30: {}", within(7), within(14), within(30));
    println!("median: {:?} days", outcome.dirty.get(all / 2).copied().flatten());
    for ((kind, found), count) in &outcome.found {
        println!("{kind:?} {}: {count}", if *found { "said" } else { "not said" });
    }
    let months = f64::from(outcome.node_days) / 30.0;
    println!("false `panelYieldLow`: {} in {months:.0} node-months", outcome.false_yields);
    println!("false `panelCovered` or `panelDisconnected`: {} in {months:.0} node-months", outcome.false_others);
    println!("the yield was known on {} of {} evenings", outcome.known_evenings, outcome.evenings);
    let millis = outcome.background.as_secs_f64() * 1000.0 / f64::from(outcome.backgrounds.max(1));
    println!("one mesh of 24 nodes: {millis:.1} ms");
}
