//! The nodes of a demo: a simulated mesh with some weeks behind it, in which everything happens that the program is
//! for.

use std::net::{Ipv4Addr, SocketAddr};

use isems_core::{
    Batch, BoxError, RedbRepository, Repository,
    simulation::{TrueEvent, TrueEventKind, TrueMesh, TrueMeshOptions},
    unix_now,
};
use tokio::task;
use tracing::info;

use crate::fleet::{FleetServer, RunningFleetServer};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The time that the mesh has behind it, seconds.
const HISTORY: i64 = 2 * WEEK;

/// The part of it that is still in the nodes' own logs, to be polled, seconds: what is polled later counts as late.
const LOGS: i64 = HOUR / 6;

/// The time after which nothing more is measured, seconds.
const LONGEST: i64 = 366 * DAY;

/// A seed with which the first node reports every minute, and most nodes last in any season.
const SEED: u64 = 10;

/// The middle of the mesh, degrees north and east.
const PLACE: (f64, f64) = (52.5, 13.4);

/// Everything that happens, apart from the weather: to which node, and how many hours ago it began and ended. Any
/// season has a battery that runs empty: no sun reaches its panel.
const STORY: [(usize, TrueEventKind, i64, Option<i64>); 8] = [
    (1, TrueEventKind::PanelDirty, 6 * 24, None),
    (3, TrueEventKind::PanelCovered, 7 * 24, Some(30)),
    (5, TrueEventKind::RadioDead, 3, None),
    (6, TrueEventKind::PanelDisconnected, 60, None),
    (7, TrueEventKind::Uplink, 50, Some(46)),
    (8, TrueEventKind::Uplink, 50, Some(46)),
    (9, TrueEventKind::BatteryAgeing, 14 * 24 - 1, None),
    (10, TrueEventKind::Uplink, 50, Some(46)),
];

/// Simulates nodes up to now, stores what is older than their logs unless the database has nodes already, and returns
/// the server of their logs.
pub(crate) async fn simulate(nodes: u32, database: &RedbRepository) -> Result<RunningFleetServer, BoxError> {
    let now = unix_now();
    let mut mesh = mesh(nodes, now);
    let is_new = database.node_count().await? == 0;
    while mesh.now() < now - LOGS {
        let until = next_monday(mesh.now()).min(now - LOGS);
        let measurements;
        (mesh, measurements) = task::spawn_blocking(move || {
            let measurements = mesh.advance(until);
            (mesh, measurements)
        })
        .await?;
        if is_new {
            database.import(Batch { measurements, ..Batch::default() }).await?;
        }
    }
    let fleet = FleetServer::of_mesh(mesh).bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    info!(nodes, "polling simulated nodes; configured nodes and brokers are ignored");
    Ok(fleet)
}

/// Returns the next beginning of a week, which databases seal as a whole.
fn next_monday(time: i64) -> i64 {
    // Unix time begins on a Thursday.
    const MONDAY: i64 = 4 * DAY;
    ((time - MONDAY).div_euclid(WEEK) + 1) * WEEK + MONDAY
}

fn mesh(nodes: u32, now: i64) -> TrueMesh {
    let start = (now - HISTORY).div_euclid(60) * 60;
    let end = now + LONGEST;
    let mut mesh = TrueMesh::new(TrueMeshOptions { seed: SEED, nodes, place: PLACE, start, end, has_events: false });
    let ids: Vec<_> = mesh.ids().cloned().collect();
    for (index, kind, began, ended) in STORY {
        if let Some(node) = ids.get(index).cloned() {
            let to = ended.map_or(end, |hours| now - hours * HOUR);
            mesh.plan(TrueEvent { node, kind, from: now - began * HOUR, to });
        }
    }
    mesh
}
