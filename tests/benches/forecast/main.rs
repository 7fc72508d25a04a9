//! Forecasts of nights against the truth of simulated meshes.
//!
//! `cargo bench -p isems-tests --bench forecast -- [FIRST_SEED [SEEDS [NODES]]]`
//!
//! For each seed, two meshes at 52.5 degrees north are simulated: from February to April and from September to
//! November. Every evening three hours after sunset, and every noon, each node's coming night is forecast from nothing
//! but what has arrived by then, by insight and by a naive method. The truth is when the load really went off.

mod naive;
mod picture;
mod score;

use std::{collections::BTreeMap, env, fs, time::Instant};

use isems_core::{
    NodeId,
    simulation::{TrueEventKind, TrueMesh, TrueMeshOptions},
};
use isems_insight::{AskedAt, Evidence, History, Mesh, NightForecast, Sun, assess};

use self::score::Scores;

const PLACE: (f64, f64) = (52.5, 13.4);
const DAY: i64 = 86_400;
/// The days before the first forecast.
const LEAD: i64 = 32;
const DAYS: i64 = 89;
/// 2025-02-01 and 2025-09-01, UTC.
const SEASONS: [(&str, i64); 2] = [("February to April", 1_738_368_000), ("September to November", 1_756_684_800)];
const AFTER_SUNSET: i64 = 3 * 3600;

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<u64> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let first_seed = arguments.first().copied().unwrap_or(121);
    let seeds = arguments.get(1).copied().unwrap_or(4);
    let nodes = arguments.get(2).copied().unwrap_or(24) as u32;
    let started = Instant::now();
    let mut all = Scores::default();
    for seed in first_seed..first_seed + seeds {
        for (season, start) in SEASONS {
            let scores = forecast_season(seed, nodes, start);
            println!("seed {seed}, {season}: {}", scores.line());
            all.merge(scores);
        }
    }
    all.print();
    let picture = picture::predicted_against_true(&all.points);
    let path = env::temp_dir().join("isems-forecast.svg");
    match fs::write(&path, picture) {
        Ok(()) => println!("predicted against true: {}", path.display()),
        Err(error) => println!("cannot write {}: {error}", path.display()),
    }
    println!("took {:.0} s", started.elapsed().as_secs_f64());
}

/// Forecasts all nights of a mesh and a season.
fn forecast_season(seed: u64, nodes: u32, start: i64) -> Scores {
    let end = start + DAYS * DAY;
    let mut mesh = TrueMesh::new(TrueMeshOptions {
        seed: seed.wrapping_mul(2) + u64::from(start > SEASONS[0].1),
        nodes,
        place: PLACE,
        start: start - LEAD * DAY,
        end,
        has_events: true,
    });
    let mut histories: BTreeMap<NodeId, History> =
        mesh.ids().map(|node| (node.clone(), History::new(node.clone()))).collect();
    let sun = Sun::at_place(PLACE.0, PLACE.1).expect("the place exists");
    let mut scores = Scores::default();
    let mut forecasts = Vec::new();
    let mut now = start;
    loop {
        let noon = sun.next_noon(now);
        let evening = sun.next_set(now - AFTER_SUNSET).map_or(i64::MAX, |set| set + AFTER_SUNSET);
        let evening = if evening > now { evening } else { i64::MAX };
        let (at, asked_at) = if evening < noon { (evening, AskedAt::Evening) } else { (noon, AskedAt::Noon) };
        let until = sun.next_rise(at).unwrap_or(at + DAY / 2);
        if until > end {
            break;
        }
        now = at;
        for measurement in mesh.advance(at) {
            if let Some(history) = histories.get_mut(&measurement.node_id) {
                history.extend(&[measurement]);
            }
        }
        let background = Mesh::of(histories.values(), at);
        for (node, history) in &histories {
            // Who is off already has nothing to forecast.
            if mesh.is_load_on(node) != Some(true) {
                continue;
            }
            let evidence = Evidence { history, mesh: &background, at, usual_interval: Some(300), previous: &[] };
            let began = Instant::now();
            let assessment = assess(&evidence);
            scores.assessing += began.elapsed();
            scores.assessments += 1;
            let forecast = NightForecast::of(&assessment, asked_at, until);
            let naive = naive::forecast(history, at, asked_at, until);
            forecasts.push((forecast, naive));
        }
    }
    mesh.advance(end);
    let mut offs: BTreeMap<NodeId, Vec<i64>> = BTreeMap::new();
    for event in mesh.events() {
        if event.kind == TrueEventKind::RanEmpty {
            offs.entry(event.node).or_default().push(event.from);
        }
    }
    for (forecast, naive) in forecasts {
        let off = offs
            .get(&forecast.node)
            .and_then(|offs| offs.iter().copied().find(|off| (forecast.at..forecast.until).contains(off)));
        scores.add(&forecast, &naive, off);
    }
    scores
}
