//! A mesh with ground truth.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    event::{TrueEvent, TrueEventKind},
    node::rounded,
    panel::Obstacle,
    random::Random,
    sky::Sky,
    true_node::{Clock, Kind, Reboot, TrueNode},
};
use crate::{Measurement, NodeId, TimeSource};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The time between two polls of a router's log, seconds.
const POLL: i64 = 300;

/// The fraction of light that a dirty panel loses at first, and the least that counts as dirt.
const DIRT: (f64, f64) = (0.25, 0.15);

/// The fraction of light that something on the panel takes away, and the least that counts as covered.
const COVER: (f64, f64) = (0.97, 0.5);

/// The share of its capacity that a battery that ages fast loses a minute: an eighth a month.
const FAST_AGEING: f64 = 0.125 / 43_200.0;

/// The share of its nominal capacity below which a battery is worn out.
const WORN: f64 = 0.6;

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
    /// Everything that is over.
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
    /// The planned events that are going on.
    planned: BTreeSet<TrueEventKind>,
    /// The node whose id it uses, too.
    alias: Option<NodeId>,
    /// Since when each kind of event has been going on, in the order of [`TrueEventKind::ALL`].
    since: [Option<i64>; TrueEventKind::ALL.len()],
}

impl Member {
    /// Returns whether an event is going on, by the state of the node.
    fn is(&self, kind: TrueEventKind) -> bool {
        let node = &self.node;
        match kind {
            TrueEventKind::RanEmpty => !node.is_load_on,
            TrueEventKind::ScheduledReboot => node.reboot == Some(Reboot::Scheduled),
            TrueEventKind::UnplannedReboot => node.reboot == Some(Reboot::Unplanned),
            TrueEventKind::ControllerLost => node.is_controller_lost,
            TrueEventKind::PanelDisconnected => node.panel.is_disconnected,
            TrueEventKind::PanelCovered => (1.0 - node.panel.snow) * (1.0 - node.panel.cover) < 1.0 - COVER.1,
            TrueEventKind::PanelDirty => node.panel.dirt >= DIRT.1,
            TrueEventKind::PanelShaded => node.panel.obstacles.iter().any(Option::is_some),
            TrueEventKind::BatteryAgeing => node.fast_ageing > 0.0,
            TrueEventKind::BatteryWorn => node.battery.health < WORN,
            TrueEventKind::ClockUnset => node.clock == Clock::Unset,
            TrueEventKind::ClockSkewed => matches!(node.clock, Clock::Skewed(_)),
            TrueEventKind::ClockDrifting => matches!(node.clock, Clock::Drifting { .. }),
            TrueEventKind::Uplink
            | TrueEventKind::Collector
            | TrueEventKind::RadioDead
            | TrueEventKind::IdShared
            | TrueEventKind::PositionJumped => self.planned.contains(&kind),
        }
    }

    /// Returns whether the collector hears it.
    fn is_heard(&self) -> bool {
        ![TrueEventKind::Uplink, TrueEventKind::Collector, TrueEventKind::RadioDead]
            .iter()
            .any(|kind| self.planned.contains(kind))
    }

    /// Takes note of what began and ended.
    fn note_events(&mut self, now: i64, over: &mut Vec<TrueEvent>) {
        for (index, kind) in TrueEventKind::ALL.into_iter().enumerate() {
            match (self.is(kind), self.since[index]) {
                (true, None) => self.since[index] = Some(now),
                (false, Some(from)) => {
                    self.since[index] = None;
                    over.push(TrueEvent { node: self.node.id.clone(), kind, from, to: now });
                }
                _ => {}
            }
        }
    }

    /// Begins or ends a planned event.
    fn change(&mut self, kind: TrueEventKind, begins: bool, now: i64, owner: Option<NodeId>) {
        if begins {
            self.planned.insert(kind);
        } else {
            self.planned.remove(&kind);
        }
        let node = &mut self.node;
        match kind {
            TrueEventKind::UnplannedReboot if begins => {
                node.reboot(Reboot::Unplanned);
                self.log.clear();
            }
            TrueEventKind::ControllerLost => node.is_controller_lost = begins,
            TrueEventKind::PanelDisconnected => node.panel.is_disconnected = begins,
            TrueEventKind::PanelCovered => node.panel.cover = if begins { COVER.0 } else { 0.0 },
            TrueEventKind::PanelDirty => node.panel.dirt = if begins { DIRT.0 } else { 0.0 },
            TrueEventKind::PanelShaded => {
                node.panel.obstacles[1] = begins.then(|| {
                    let from = 130.0 + 60.0 * node.random.uniform();
                    let obstacle = Obstacle { from, to: from + 45.0, height: 60.0 };
                    if node.latitude < 0.0 { obstacle.mirrored() } else { obstacle }
                });
            }
            TrueEventKind::BatteryAgeing => node.fast_ageing = if begins { FAST_AGEING } else { 0.0 },
            TrueEventKind::ClockUnset => {
                node.clock = if begins { Clock::Unset } else { Clock::Right };
                if begins {
                    node.reboot(Reboot::Unplanned);
                    self.log.clear();
                }
            }
            TrueEventKind::ClockSkewed if begins => {
                let draw = node.random.uniform();
                let ahead = if draw < 0.4 { 100.0 + 400.0 * draw / 0.4 } else { -2100.0 - 9000.0 * (draw - 0.4) };
                node.clock = Clock::Skewed(ahead as i64);
            }
            TrueEventKind::ClockDrifting if begins => {
                let a_day = -90.0 + 100.0 * node.random.uniform();
                node.clock = Clock::Drifting { since: now, a_day: if a_day > -40.0 { a_day + 50.0 } else { a_day } };
            }
            TrueEventKind::ClockSkewed | TrueEventKind::ClockDrifting => node.clock = Clock::Right,
            TrueEventKind::IdShared => self.alias = owner.filter(|_| begins),
            TrueEventKind::PositionJumped if begins => {
                let north = if node.random.chance(0.5) { 0.02 } else { -0.02 };
                node.latitude = rounded(node.latitude + north * (1.0 + node.random.uniform()), 1e6);
            }
            TrueEventKind::RanEmpty
            | TrueEventKind::ScheduledReboot
            | TrueEventKind::UnplannedReboot
            | TrueEventKind::Uplink
            | TrueEventKind::Collector
            | TrueEventKind::RadioDead
            | TrueEventKind::BatteryWorn
            | TrueEventKind::PositionJumped => {}
        }
    }
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
                Member {
                    node,
                    phase,
                    log: Vec::new(),
                    planned: BTreeSet::new(),
                    alias: None,
                    since: [None; TrueEventKind::ALL.len()],
                }
            })
            .collect();
        let mut planned = if options.has_events { plan(&options, &nodes) } else { Vec::new() };
        planned.sort_by_key(|event| std::cmp::Reverse(event.from));
        Self { options, sky, nodes, now: start, planned, running: Vec::new(), over: Vec::new() }
    }

    /// Lets something happen to a node, from the next minute on at the earliest. What follows from the weather and the
    /// state of the node cannot be told to happen: a battery runs empty when no sun has charged it, and a reboot is due
    /// when the countdown has ended.
    pub fn plan(&mut self, event: TrueEvent) {
        self.planned.push(event);
        self.planned.sort_by_key(|event| std::cmp::Reverse(event.from));
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
                node.reboot(Reboot::Scheduled);
                member.log.clear();
            }
            let mut measured = node.live(now + member.phase, &sky);
            if !node.is_load_on {
                // Whatever the router had not handed over is lost when its power fails.
                member.log.clear();
            }
            let is_polled = node.kind == Kind::Router && now.rem_euclid(POLL) < MINUTE && node.is_up();
            if let (Some(measured), Some(alias)) = (&mut measured, &member.alias) {
                measured.node_id = alias.clone();
            }
            let is_heard = member.is_heard();
            match member.node.kind {
                Kind::Esp32 if is_heard => arrived.extend(measured),
                Kind::Esp32 => {}
                Kind::Router => member.log.extend(measured),
            }
            if is_polled && is_heard {
                let polled = now + member.phase;
                let newest = member.log.len().saturating_sub(1);
                for (index, mut measurement) in member.log.drain(..).enumerate() {
                    measurement.received_at = polled;
                    if measurement.time_source == TimeSource::Arrival {
                        // Lines without a time cannot be dated, but for the newest one.
                        if index < newest {
                            continue;
                        }
                        measurement.timestamp = polled;
                    }
                    arrived.push(measurement);
                }
            }
            member.note_events(now, &mut self.over);
        }
    }

    /// Begins and ends planned events.
    fn change_events(&mut self) {
        let now = self.now;
        let ended: Vec<TrueEvent> = self.running.extract_if(.., |event| event.to <= now).collect();
        for event in ended {
            self.change(&event, false);
        }
        while self.planned.last().is_some_and(|event| event.from <= now) {
            let Some(event) = self.planned.pop() else { break };
            self.change(&event, true);
            self.running.push(event);
        }
    }

    fn change(&mut self, event: &TrueEvent, begins: bool) {
        let Some(index) = self.nodes.iter().position(|member| member.node.id == event.node) else { return };
        self.nodes[index].change(event.kind, begins, self.now, None);
        // The next node is the one that uses the id, too.
        if event.kind == TrueEventKind::IdShared {
            let other = (index + 1) % self.nodes.len();
            self.nodes[other].change(event.kind, begins, self.now, Some(event.node.clone()));
        }
    }

    /// Returns everything that has happened so far, in the order in which it began. Events that are not over end now.
    pub fn events(&self) -> Vec<TrueEvent> {
        let lasting = self.nodes.iter().flat_map(|member| {
            let since = TrueEventKind::ALL.into_iter().zip(member.since);
            since.filter_map(|(kind, from)| {
                Some(TrueEvent { node: member.node.id.clone(), kind, from: from?, to: self.now })
            })
        });
        let mut events: Vec<TrueEvent> = self.over.iter().cloned().chain(lasting).collect();
        events.sort_by(|a, b| (a.from, &a.node, a.kind).cmp(&(b.from, &b.node, b.kind)));
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

    /// Returns the fraction of the light that passes what lies on a node's panel, or `None` if there is no such node.
    pub fn clearness(&self, node: &NodeId) -> Option<f64> {
        self.node(node).map(|node| node.panel.clearness())
    }

    /// Returns the light that passes the clouds over a node alone and what lies on its panel, as a fraction of what the
    /// mesh's sky gives, or `None` if there is no such node.
    pub fn light(&self, node: &NodeId) -> Option<f64> {
        self.node(node).map(TrueNode::light)
    }

    /// Returns the azimuths of the sun, degrees clockwise from north, from which and to which obstacles shade a node's
    /// panel if the sun is low enough.
    pub fn shades(&self, node: &NodeId) -> Vec<(f64, f64)> {
        let obstacles = self.node(node).map(|node| node.panel.obstacles).unwrap_or_default();
        obstacles.into_iter().flatten().map(|obstacle| (obstacle.from, obstacle.to)).collect()
    }

    /// Returns whether the load of a node is on, or `None` if there is no such node.
    pub fn is_load_on(&self, node: &NodeId) -> Option<bool> {
        self.node(node).map(|node| node.is_load_on)
    }

    fn node(&self, id: &NodeId) -> Option<&TrueNode> {
        self.nodes.iter().map(|member| &member.node).find(|node| node.id == *id)
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
            (TrueEventKind::BatteryAgeing, 600.0, (24.0 * 30.0, 24.0 * 60.0)),
            (TrueEventKind::ClockUnset, 400.0, (10.0, 100.0)),
            (TrueEventKind::ClockSkewed, 600.0, (30.0, 200.0)),
            (TrueEventKind::ClockDrifting, 600.0, (24.0 * 7.0, 24.0 * 20.0)),
            (TrueEventKind::IdShared, 1200.0, (20.0, 100.0)),
            (TrueEventKind::PositionJumped, 600.0, (0.01, 0.01)),
        ] {
            draw(kind, &one, every_days, hours, &mut random);
        }
    }
    events
}
