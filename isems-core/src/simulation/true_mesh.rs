//! A mesh with ground truth.

use std::collections::BTreeMap;

use super::{
    event::{TrueEvent, TrueEventKind},
    random::Random,
    sky::Sky,
    true_node::{Kind, TrueNode},
};
use crate::{Measurement, NodeId};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The time between two polls of a router's log, seconds.
const POLL: i64 = 300;

/// The fraction of light that a dirty panel loses.
const DIRT: f64 = 0.25;

/// The options of a [`TrueMesh`].
#[derive(Debug, Clone)]
pub struct TrueMeshOptions {
    /// The seed of everything random.
    pub seed: u64,
    /// The number of nodes.
    pub nodes: u32,
    /// The centre of the mesh, degrees north and east.
    pub place: (f64, f64),
    /// The first instant, Unix seconds, UTC.
    pub start: i64,
    /// The instant after the last one, Unix seconds, UTC.
    pub end: i64,
    /// Set if anything other than the weather happens to the nodes.
    pub has_events: bool,
}

/// Nodes under one sky, with batteries and panels that obey physics, firmware that reports like the real ones, and a
/// record of what truly happened: a yardstick for everything that judges nodes by their measurements.
///
/// ```
/// use isems_core::simulation::{TrueMesh, TrueMeshOptions};
///
/// let start = 1_772_928_000;
/// let options =
///     TrueMeshOptions { seed: 1, nodes: 3, place: (52.5, 13.4), start, end: start + 86_400, has_events: false };
/// let mut mesh = TrueMesh::new(options);
/// let morning = mesh.advance(start + 43_200);
/// assert!(morning.len() > 3 * 700);
/// assert!((0.0..=1.0).contains(&mesh.charge(&morning[0].node_id).unwrap()));
/// ```
#[derive(Debug)]
pub struct TrueMesh {
    options: TrueMeshOptions,
    sky: Sky,
    nodes: Vec<Member>,
    now: i64,
    /// Planned events, the last one first.
    planned: Vec<TrueEvent>,
    running: Vec<TrueEvent>,
    over: Vec<TrueEvent>,
}

/// A node with its state in the mesh.
#[derive(Debug)]
struct Member {
    node: TrueNode,
    /// The second of the minute at which it measures.
    phase: i64,
    /// The part of its log that was not fetched yet.
    log: Vec<Measurement>,
    /// The number of current events that keep its measurements from the collector.
    cut: u32,
    load_off_since: Option<i64>,
}

impl TrueMesh {
    /// Creates a mesh at its first instant.
    pub fn new(options: TrueMeshOptions) -> Self {
        let TrueMeshOptions { seed, nodes, place: (latitude, longitude), start, end, .. } = options;
        let sky = Sky::new(seed, latitude, longitude, start, end);
        let nodes: Vec<Member> = (0..nodes)
            .map(|index| {
                let mut node = TrueNode::new(seed, index, latitude, longitude);
                let phase = (60.0 * node.random.uniform()) as i64;
                Member { node, phase, log: Vec::new(), cut: 0, load_off_since: None }
            })
            .collect();
        let mut planned = if options.has_events { plan(&options, &nodes) } else { Vec::new() };
        planned.sort_by_key(|event| std::cmp::Reverse(event.from));
        Self { options, sky, nodes, now: start, planned, running: Vec::new(), over: Vec::new() }
    }

    /// Returns the nodes.
    pub fn ids(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter().map(|member| &member.node.id)
    }

    /// Returns the instant reached so far, Unix seconds, UTC.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Advances to an instant, but not beyond the end, and returns the measurements that arrive at the collector until
    /// then, in order of arrival.
    pub fn advance(&mut self, until: i64) -> Vec<Measurement> {
        let mut arrived = Vec::new();
        while self.now < until.min(self.options.end) {
            self.minute(&mut arrived);
            self.now += MINUTE;
        }
        arrived
    }

    fn minute(&mut self, arrived: &mut Vec<Measurement>) {
        let now = self.now;
        self.change_events();
        let sky = *self.sky.at(now);
        for member in &mut self.nodes {
            let node = &mut member.node;
            if node.count_down() {
                node.reboot();
                let to = now + MINUTE * i64::from(node.starting);
                self.over.push(TrueEvent {
                    node: node.id.clone(),
                    kind: TrueEventKind::ScheduledReboot,
                    from: now,
                    to,
                });
            }
            let measured = node.live(now + member.phase, &sky);
            match (node.is_load_on, member.load_off_since) {
                (false, None) => {
                    // Whatever the router had not handed over is lost when its power fails.
                    member.log.clear();
                    member.load_off_since = Some(now);
                }
                (true, Some(from)) => {
                    member.load_off_since = None;
                    let kind = TrueEventKind::RanEmpty;
                    self.over.push(TrueEvent { node: node.id.clone(), kind, from, to: now });
                }
                _ => {}
            }
            match node.kind {
                Kind::Esp32 if member.cut == 0 => arrived.extend(measured),
                Kind::Esp32 => {}
                Kind::Router => member.log.extend(measured),
            }
            let is_polled = node.kind == Kind::Router && now % POLL == 0 && node.is_up();
            if is_polled && member.cut == 0 {
                for mut measurement in member.log.drain(..) {
                    measurement.received_at = now + member.phase;
                    arrived.push(measurement);
                }
            }
        }
    }

    /// Begins and ends planned events.
    fn change_events(&mut self) {
        let now = self.now;
        for event in self.running.extract_if(.., |event| event.to <= now) {
            if let Some(member) = self.nodes.iter_mut().find(|member| member.node.id == event.node) {
                apply(member, event.kind, false);
            }
            self.over.push(event);
        }
        while self.planned.last().is_some_and(|event| event.from <= now) {
            let Some(event) = self.planned.pop() else { break };
            if let Some(member) = self.nodes.iter_mut().find(|member| member.node.id == event.node) {
                apply(member, event.kind, true);
            }
            self.running.push(event);
        }
    }

    /// Returns everything that has happened so far, in the order in which it began. Events that are not over end now.
    pub fn events(&self) -> Vec<TrueEvent> {
        let ended = |event: &TrueEvent| TrueEvent { to: event.to.min(self.now), ..event.clone() };
        let off = self.nodes.iter().filter_map(|member| {
            let from = member.load_off_since?;
            Some(TrueEvent { node: member.node.id.clone(), kind: TrueEventKind::RanEmpty, from, to: self.now })
        });
        let mut events: Vec<TrueEvent> = self.over.iter().chain(&self.running).map(ended).chain(off).collect();
        events.sort_by(|a, b| a.from.cmp(&b.from).then_with(|| a.node.cmp(&b.node)));
        events
    }

    /// Returns the true state of charge of a node's battery, `0..=1`, or `None` if there is no such node.
    pub fn charge(&self, node: &NodeId) -> Option<f64> {
        self.node(node).map(|node| node.battery.charge(node.temperature))
    }

    /// Returns the true capacity of a node's battery at 25 degC in Ah, or `None` if there is no such node.
    pub fn capacity(&self, node: &NodeId) -> Option<f64> {
        self.node(node).map(|node| node.battery.capacity())
    }

    /// Returns whether the load of a node is on, or `None` if there is no such node.
    pub fn is_load_on(&self, node: &NodeId) -> Option<bool> {
        self.node(node).map(|node| node.is_load_on)
    }

    fn node(&self, id: &NodeId) -> Option<&TrueNode> {
        self.nodes.iter().map(|member| &member.node).find(|node| node.id == *id)
    }
}

/// Begins or ends an event.
fn apply(member: &mut Member, kind: TrueEventKind, begins: bool) {
    let node = &mut member.node;
    match kind {
        TrueEventKind::Uplink | TrueEventKind::Collector | TrueEventKind::RadioDead => {
            member.cut = if begins { member.cut + 1 } else { member.cut.saturating_sub(1) };
        }
        TrueEventKind::UnplannedReboot if begins => {
            node.reboot();
            member.log.clear();
        }
        TrueEventKind::ControllerLost => node.is_controller_lost = begins,
        TrueEventKind::PanelDisconnected => node.panel.is_disconnected = begins,
        TrueEventKind::PanelCovered => node.panel.snow = if begins { 0.97 } else { 0.0 },
        TrueEventKind::PanelDirty => node.soil(if begins { DIRT } else { -DIRT }),
        TrueEventKind::PanelShaded => {
            node.panel.shade = begins.then(|| {
                let from = 130.0 + 60.0 * node.random.uniform();
                (from, from + 45.0, 60.0)
            });
        }
        TrueEventKind::RanEmpty | TrueEventKind::ScheduledReboot | TrueEventKind::UnplannedReboot => {}
    }
}

/// Draws the events for all nodes.
fn plan(options: &TrueMeshOptions, nodes: &[Member]) -> Vec<TrueEvent> {
    let mut random = Random::new(options.seed, u32::MAX - 1);
    let mut events = Vec::new();
    let mut draw = |kind, who: &[&NodeId], every_days: f64, hours: (f64, f64), random: &mut Random| {
        let mut time = options.start as f64;
        loop {
            time += -every_days * DAY as f64 * (1.0 - random.uniform()).ln();
            if time >= options.end as f64 {
                break;
            }
            // Short ones are more frequent than long ones.
            let (least, most) = hours;
            let hours = least * (most / least).powf(random.uniform());
            let to = time + 3600.0 * hours;
            events.extend(who.iter().map(|node| TrueEvent {
                node: (*node).clone(),
                kind,
                from: time as i64,
                to: (to as i64).max(time as i64 + MINUTE),
            }));
            time = to;
        }
    };
    let ids: Vec<&NodeId> = nodes.iter().map(|member| &member.node.id).collect();
    draw(TrueEventKind::Collector, &ids, 25.0, (0.3, 8.0), &mut random);
    // Groups of five share a gateway; every sixth node has its own link.
    let mut groups: BTreeMap<usize, Vec<&NodeId>> = BTreeMap::new();
    for (index, id) in ids.iter().enumerate().filter(|(index, _)| index % 6 != 5) {
        groups.entry(index / 6).or_default().push(id);
    }
    for group in groups.values() {
        draw(TrueEventKind::Uplink, group, 12.0, (0.3, 12.0), &mut random);
    }
    for id in ids {
        let one = [id];
        let is_shaky = random.chance(0.15);
        for (kind, every_days, hours) in [
            (TrueEventKind::RadioDead, 90.0, (1.0, 40.0)),
            (TrueEventKind::ControllerLost, 60.0, (0.2, 20.0)),
            (TrueEventKind::UnplannedReboot, if is_shaky { 3.0 } else { 40.0 }, (0.02, 0.03)),
            (TrueEventKind::PanelDisconnected, 250.0, (48.0, 200.0)),
            (TrueEventKind::PanelCovered, 400.0, (30.0, 100.0)),
            (TrueEventKind::PanelDirty, 180.0, (24.0 * 40.0, 24.0 * 60.0)),
            (TrueEventKind::PanelShaded, 300.0, (24.0 * 40.0, 24.0 * 60.0)),
        ] {
            draw(kind, &one, every_days, hours, &mut random);
        }
    }
    events
}
