//! Dirty, covered and disconnected panels against the truth of simulated meshes.
//!
//! `cargo bench -p isems-tests --bench panel -- [FIRST_SEED [SEEDS]]`
//!
//! For each seed, a mesh of 24 nodes is simulated from February to April and from September to November. Every evening,
//! each node is assessed. A panel that loses a quarter of its light counts as found on the first evening on which its
//! yield is said to be low; a finding of a node with whose panel nothing is the matter is false. Snow that lies on a
//! third of the mesh is not counted as a covered panel, and neither is what lies there for less than 30 hours.
//!
//! It also prints the most that could be said by anybody who knew the true light on each panel.

mod bound;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    time::{Duration, Instant},
};

use isems_core::{
    NodeId,
    simulation::{TrueEvent, TrueEventKind, TrueMesh, TrueMeshOptions},
};
use isems_insight::{Assessment, Evidence, FindingCode, History, Mesh, Slot, Sun, assess};

use self::bound::{Known, Threshold, TrueLight};

const DAY: i64 = 86_400;
const DAYS: i64 = 89;
const LEAD: i64 = 32;
/// 2025-02-01T20:00Z and 2025-09-01T20:00Z.
const SEASONS: [i64; 2] = [1_738_440_000, 1_756_756_800];
const PLACE: (f64, f64) = (52.5, 13.4);

#[derive(Default)]
struct Outcome {
    /// The days until each dirty panel was found; `None` if it was not, as long as it was dirty.
    dirty: Vec<Option<i64>>,
    found: BTreeMap<(TrueEventKind, bool), u32>,
    false_yields: u32,
    false_others: u32,
    false_shades: u32,
    /// Evenings of panels that have been shaded for three weeks and whose sun could be judged at those azimuths, and
    /// those on which it was said.
    shaded: u32,
    shades_found: u32,
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
    let mut bounds = Bounds::new();
    for seed in first_seed..first_seed + seeds {
        for start in SEASONS {
            season(seed, start, &mut outcome, &mut bounds);
        }
    }
    print(&mut outcome);
    print_bounds(&mut bounds);
}

fn season(seed: u64, start: i64, outcome: &mut Outcome, bounds: &mut Bounds) {
    let end = start + DAYS * DAY;
    let mut mesh = TrueMesh::new(TrueMeshOptions {
        seed: seed.wrapping_mul(2) + u64::from(start > SEASONS[0]),
        nodes: 24,
        place: PLACE,
        start: start - LEAD * DAY,
        end,
        has_events: true,
    });
    let mut histories: BTreeMap<NodeId, History> =
        mesh.ids().map(|node| (node.clone(), History::new(node.clone()))).collect();
    let mut true_light = TrueLight::new(Sun::at_place(PLACE.0, PLACE.1).expect("the place exists"));
    let mut said: BTreeMap<(NodeId, FindingCode), BTreeSet<i64>> = BTreeMap::new();
    let mut known: BTreeSet<(NodeId, i64)> = BTreeSet::new();
    let mut before: BTreeMap<NodeId, Assessment> = BTreeMap::new();
    let mut shades: BTreeMap<(NodeId, i64), (bool, bool)> = BTreeMap::new();
    for evening in (0..DAYS).map(|day| start + day * DAY) {
        while mesh.now() < evening {
            let arrived = mesh.advance(mesh.now() + Slot::SECONDS);
            true_light.observe(&mesh, &arrived);
            for measurement in arrived {
                if let Some(history) = histories.get_mut(&measurement.node_id) {
                    history.extend(&[measurement]);
                }
            }
        }
        let began = Instant::now();
        let background = Mesh::of(histories.values(), evening);
        outcome.background += began.elapsed();
        outcome.backgrounds += 1;
        for history in histories.values() {
            let previous = before.get(history.node()).map_or(&[][..], |before| &before.findings);
            let assessment =
                assess(&Evidence { history, mesh: &background, at: evening, usual_interval: Some(300), previous });
            for finding in &assessment.findings {
                said.entry((assessment.node.clone(), finding.code)).or_default().insert(evening);
            }
            if assessment.panel.yield_percent_of_mesh.is_some() {
                known.insert((assessment.node.clone(), evening));
            }
            let truth = mesh.shades(&assessment.node);
            let suspected = &assessment.panel.suspected_shade;
            let is_said = suspected.iter().any(|said| {
                truth
                    .iter()
                    .any(|(from, to)| said.contains(*from) || said.contains(*to) || said.contains((from + to) / 2.0))
            });
            let is_known = assessment.unknown.iter().all(|unknown| unknown.what != "panel.suspectedShade");
            shades.insert((assessment.node.clone(), evening), (is_known, is_said));
            before.insert(assessment.node.clone(), assessment);
        }
    }
    let events = mesh.events().into_iter().filter(|event| event.kind.is_of_panel()).collect();
    let nodes = histories.into_keys().collect();
    outcome.known_evenings += known.len() as u32;
    let mut season = Season { start, nodes, events, said, shades };
    season.score(outcome);
    for known in [Known::Heard, Known::Charging] {
        let days = true_light.days(known);
        for threshold in Threshold::all() {
            season.said = days
                .iter()
                .map(|(node, days)| {
                    let is_said = |evening: &i64| bound::is_said(days, evening / DAY, threshold);
                    ((node.clone(), FindingCode::PanelYieldLow), season.evenings().filter(is_said).collect())
                })
                .collect();
            let bound = bounds.iter_mut().find(|bound| (bound.0, bound.1) == (known, threshold));
            if let Some((.., outcome)) = bound {
                season.score(outcome);
            } else {
                let mut outcome = Outcome::default();
                season.score(&mut outcome);
                bounds.push((known, threshold, outcome));
            }
        }
    }
}

/// The most that could be said, by the knowledge of the light and the threshold.
type Bounds = Vec<(Known, Threshold, Outcome)>;

/// All that was said in a season, and what was true.
struct Season {
    start: i64,
    nodes: Vec<NodeId>,
    /// The events of panels.
    events: Vec<TrueEvent>,
    said: BTreeMap<(NodeId, FindingCode), BTreeSet<i64>>,
    /// By node and evening: set if shade could be judged, and if it was said where there is some.
    shades: BTreeMap<(NodeId, i64), (bool, bool)>,
}

impl Season {
    fn score(&self, outcome: &mut Outcome) {
        for event in &self.events {
            self.score_event(event, outcome);
        }
        outcome.evenings += self.nodes.len() as u32 * DAYS as u32;
        for node in &self.nodes {
            for evening in self.evenings().filter(|evening| !self.has_trouble(node, *evening)) {
                outcome.node_days += 1;
                // One finding a node and ten days is one false alarm.
                let is_new = |code| {
                    self.says(node, code, evening, evening + 1).is_some()
                        && self.says(node, code, evening - 10 * DAY, evening).is_none()
                };
                outcome.false_yields += u32::from(is_new(FindingCode::PanelYieldLow));
                outcome.false_shades += u32::from(is_new(FindingCode::PanelShaded) && !self.is_shaded(node));
                outcome.false_others +=
                    u32::from(is_new(FindingCode::PanelCovered) || is_new(FindingCode::PanelDisconnected));
            }
        }
    }

    fn score_event(&self, event: &TrueEvent, outcome: &mut Outcome) {
        let is_long = event.to - event.from > 30 * 3600 && event.from > self.start;
        match event.kind {
            TrueEventKind::PanelDirty if event.from > self.start && event.from < self.start + (DAYS - 20) * DAY => {
                let found = self.says(&event.node, FindingCode::PanelYieldLow, event.from, event.to);
                outcome.dirty.push(found.map(|found| (found - event.from) / DAY));
            }
            TrueEventKind::PanelCovered | TrueEventKind::PanelDisconnected if is_long && !self.is_mesh_wide(event) => {
                let code = if event.kind == TrueEventKind::PanelCovered {
                    FindingCode::PanelCovered
                } else {
                    FindingCode::PanelDisconnected
                };
                let found = self.says(&event.node, code, event.from, event.to + DAY).is_some();
                *outcome.found.entry((event.kind, found)).or_default() += 1;
            }
            TrueEventKind::PanelShaded => {
                for evening in self.evenings().filter(|at| (event.from + 21 * DAY..event.to).contains(at)) {
                    if let Some((true, is_said)) = self.shades.get(&(event.node.clone(), evening)) {
                        outcome.shaded += 1;
                        outcome.shades_found += u32::from(*is_said);
                    }
                }
            }
            _ => {}
        }
    }

    fn evenings(&self) -> impl Iterator<Item = i64> + use<> {
        let start = self.start;
        (0..DAYS).map(move |day| start + day * DAY)
    }

    fn says(&self, node: &NodeId, code: FindingCode, from: i64, to: i64) -> Option<i64> {
        self.said.get(&(node.clone(), code))?.range(from..to).next().copied()
    }

    /// Returns whether snow lies on a third of the panels.
    fn is_mesh_wide(&self, event: &TrueEvent) -> bool {
        let middle = i64::midpoint(event.from, event.to);
        let covers =
            |other: &&TrueEvent| other.kind == TrueEventKind::PanelCovered && (other.from..other.to).contains(&middle);
        self.events.iter().filter(covers).count() >= self.nodes.len() / 3
    }

    /// Returns whether something may show: the month after an event it still may, in the comparison with the month
    /// before; a shadow that has always been there does not, and snow on many panels only while it melts.
    fn has_trouble(&self, node: &NodeId, at: i64) -> bool {
        self.events.iter().filter(|event| event.node == *node).any(|event| {
            let shows = match event.kind {
                TrueEventKind::PanelShaded if event.from == self.start - LEAD * DAY => 0,
                TrueEventKind::PanelCovered if event.to - event.from < DAY || self.is_mesh_wide(event) => 3 * DAY,
                _ => 35 * DAY,
            };
            shows > 0 && event.from < at && at < event.to + shows
        })
    }

    fn is_shaded(&self, node: &NodeId) -> bool {
        self.events.iter().any(|event| event.node == *node && event.kind == TrueEventKind::PanelShaded)
    }
}

impl Outcome {
    /// Returns the number of dirty panels found within some days.
    fn within(&self, days: i64) -> usize {
        self.dirty.iter().filter(|found| found.is_some_and(|found| found <= days)).count()
    }

    fn node_months(&self) -> f64 {
        f64::from(self.node_days) / 30.0
    }
}

/// Prints the most that was found with at most one false in a hundred node-months.
fn print_bounds(bounds: &mut Bounds) {
    bounds.retain(|(.., outcome)| f64::from(outcome.false_yields) <= outcome.node_months() / 100.0);
    for (known, light) in [(Known::Heard, "all light"), (Known::Charging, "the light while the battery takes it")] {
        let of_known = bounds.iter().filter(|bound| bound.0 == known);
        let Some((_, threshold, best)) = of_known.max_by_key(|(.., outcome)| outcome.within(14)) else { continue };
        println!(
            "who knew {light}: {} within 7 days, {} within 14, {} within 30, {} false, by {threshold:?}",
            best.within(7),
            best.within(14),
            best.within(30),
            best.false_yields
        );
    }
}

fn print(outcome: &mut Outcome) {
    outcome.dirty.sort_unstable_by_key(|days| days.unwrap_or(i64::MAX));
    let within = |days: i64| outcome.within(days);
    let all = outcome.dirty.len();
    println!("panels that lost a quarter of their light: {all}");
    println!("said within 7 days: {}, within 14: {}, within 30: {}", within(7), within(14), within(30));
    println!("median: {:?} days", outcome.dirty.get(all / 2).copied().flatten());
    for ((kind, found), count) in &outcome.found {
        println!("{kind:?} {}: {count}", if *found { "said" } else { "not said" });
    }
    let months = outcome.node_months();
    println!("false `panelYieldLow`: {} in {months:.0} node-months", outcome.false_yields);
    println!("false `panelCovered` or `panelDisconnected`: {} in {months:.0} node-months", outcome.false_others);
    println!("false `panelShaded`: {} in {months:.0} node-months", outcome.false_shades);
    println!("evenings of shaded panels: {}, said on {}", outcome.shaded, outcome.shades_found);
    println!("the yield was known on {} of {} evenings", outcome.known_evenings, outcome.evenings);
    let millis = outcome.background.as_secs_f64() * 1000.0 / f64::from(outcome.backgrounds.max(1));
    println!("one mesh of 24 nodes: {millis:.1} ms");
}
