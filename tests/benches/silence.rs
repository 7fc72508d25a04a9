//! Causes of silence against the truth of simulated meshes.
//!
//! `cargo bench -p isems-tests --bench silence -- [FIRST_SEED [SEEDS]]`
//!
//! For each seed, a mesh of 24 nodes is simulated from February to April and from September to November. Every half
//! hour, each node that has been silent for more than an hour is assessed, only from what has arrived by then; each
//! silence counts once, the first time. The truth is the event that began it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use isems_core::{
    NodeId,
    simulation::{TrueEvent, TrueEventKind, TrueMesh, TrueMeshOptions},
};
use isems_insight::{Evidence, History, Mesh, SilenceCause, assess};

const DAY: i64 = 86_400;
const DAYS: i64 = 89;
/// 2025-02-01 and 2025-09-01, UTC.
const SEASONS: [i64; 2] = [1_738_368_000, 1_756_684_800];
const STEP: i64 = 1800;

/// The number of times that each true cause was taken for each cause, with each confidence in percent.
type Counts = BTreeMap<(TrueEventKind, SilenceCause, u32), u32>;

fn main() {
    let arguments: Vec<u64> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let first_seed = arguments.first().copied().unwrap_or(121);
    let seeds = arguments.get(1).copied().unwrap_or(4);
    let mut counts = Counts::new();
    for seed in first_seed..first_seed + seeds {
        for start in SEASONS {
            listen(seed, start, &mut counts);
        }
    }
    print(&counts);
}

/// Returns the cause that an event should be taken for.
fn cause(kind: TrueEventKind) -> Option<SilenceCause> {
    match kind {
        TrueEventKind::RanEmpty => Some(SilenceCause::RanEmpty),
        TrueEventKind::Uplink => Some(SilenceCause::Uplink),
        TrueEventKind::Collector => Some(SilenceCause::Collector),
        // Nothing reveals that a radio has died.
        TrueEventKind::RadioDead => Some(SilenceCause::Unknown),
        _ => None,
    }
}

fn listen(seed: u64, start: i64, counts: &mut Counts) {
    let options = TrueMeshOptions {
        seed: seed.wrapping_mul(2) + u64::from(start > SEASONS[0]),
        nodes: 24,
        place: (52.5, 13.4),
        start: start - 14 * DAY,
        end: start + DAYS * DAY,
        has_events: true,
    };
    let mut mesh = TrueMesh::new(options);
    let mut histories: BTreeMap<NodeId, History> =
        mesh.ids().map(|node| (node.clone(), History::new(node.clone()))).collect();
    let mut said: BTreeMap<(NodeId, i64), (SilenceCause, u32)> = BTreeMap::new();
    let mut silent: BTreeSet<NodeId> = BTreeSet::new();
    let mut now = start - 14 * DAY;
    while now < start + DAYS * DAY {
        now += STEP;
        for measurement in mesh.advance(now) {
            silent.remove(&measurement.node_id);
            if let Some(history) = histories.get_mut(&measurement.node_id) {
                history.extend(&[measurement]);
            }
        }
        let is_quiet = |history: &&History| history.latest().is_some_and(|latest| now - latest.timestamp > 3600);
        let quiet: Vec<&History> =
            histories.values().filter(is_quiet).filter(|history| !silent.contains(history.node())).collect();
        if quiet.is_empty() || now < start {
            continue;
        }
        let background = Mesh::of(histories.values(), now);
        for history in quiet {
            let evidence = Evidence { history, mesh: &background, at: now, usual_interval: Some(300), previous: &[] };
            if let Some(silence) = assess(&evidence).silence {
                let confidence = (100.0 * silence.confidence).round() as u32;
                said.insert((history.node().clone(), silence.since), (silence.cause, confidence));
            }
            silent.insert(history.node().clone());
        }
    }
    let events: Vec<TrueEvent> = mesh.events().into_iter().filter(|event| event.kind.silences()).collect();
    for ((node, since), (cause, confidence)) in said {
        // A router's last measurement is up to a poll older than what ended it.
        let began = |event: &&TrueEvent| {
            event.node == node
                && (event.from - since) > -120
                && (event.from - since) < 700
                && event.to - event.from > 3000
        };
        if let Some(event) = events.iter().find(began) {
            *counts.entry((event.kind, cause, confidence)).or_default() += 1;
        }
    }
}

fn print(counts: &Counts) {
    let (mut all, mut right, mut wrongly_empty, mut not_empty) = (0, 0, 0, 0);
    println!("| truth | said | silences |");
    println!("|---|---|---|");
    let mut by_confidence: BTreeMap<(SilenceCause, u32), (u32, u32)> = BTreeMap::new();
    for ((kind, said, confidence), count) in counts {
        println!("| {kind:?} | {}, {confidence} % sure | {count} |", said.name());
        let Some(wanted) = cause(*kind) else { continue };
        let (its_right, its_all) = by_confidence.entry((*said, *confidence)).or_default();
        *its_all += count;
        *its_right += if wanted == *said { *count } else { 0 };
        all += count;
        right += if wanted == *said { *count } else { 0 };
        if wanted != SilenceCause::RanEmpty {
            not_empty += count;
            wrongly_empty += if *said == SilenceCause::RanEmpty { *count } else { 0 };
        }
    }
    let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
    println!("\n| said | with a confidence of | right | silences |");
    println!("|---|---|---|---|");
    for ((said, confidence), (right, all)) in by_confidence {
        println!("| {} | {confidence} % | {:.1} % | {all} |", said.name(), percent(right, all));
    }
    println!();
    println!("named right: {:.1} % of {all}", percent(right, all));
    println!(
        "`ranEmpty` wrongly said: {:.1} % of the {not_empty} silences of other causes",
        percent(wrongly_empty, not_empty)
    );
}
