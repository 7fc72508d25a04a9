//! The documents with the values of devices. A value that is unknown is `null`, which Home Assistant shows as unknown.

use isems_insight::{Level, NodeState, Slot, Snapshot, WatchedNode, attention::needs_attention};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The space that a database takes, and that is left for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Storage {
    /// The size of the database, bytes. `None` if it is not a file.
    pub database_bytes: Option<u64>,
    /// The free space of its disk, bytes. `None` if it is unknown.
    pub free_bytes: Option<u64>,
}

/// Returns the values of a node.
///
/// | key | value |
/// |---|---|
/// | `voltage` | the battery voltage, V |
/// | `charge` | the charge above the cut-off, percent: 0 when the load goes off |
/// | `temperature` | the battery temperature, degC |
/// | `health` | the battery's capacity in percent of the rated one |
/// | `panel` | the panel's voltage at the tracked maximum power point, V |
/// | `load_off` | the time at which the load is expected to go off within 48 hours |
/// | `level` | the [level](Level): `ok`, `attention` or `urgent` |
/// | `problem` | `ON` if the node [needs attention](needs_attention), otherwise `OFF` |
/// | `findings` | the codes of what is wrong, the most severe first |
/// | `last_seen` | the time at which something last arrived from the node |
/// | `connectivity` | `ON` while the node is active, otherwise `OFF` |
///
/// Values that the node itself declares void are `null`, see [`Slot`].
pub fn node(node: &WatchedNode) -> Value {
    let measured = Slot::of(&node.node.latest);
    let assessment = node.assessment.as_deref();
    let energy = assessment.map(|assessment| &assessment.energy);
    let health = assessment.and_then(|assessment| assessment.battery.capacity_percent_of_rated);
    let load_off = energy.and_then(|energy| energy.load_off);
    let findings = assessment.map(|assessment| &*assessment.findings).unwrap_or_default();
    json!({
        "voltage": measured.battery_voltage(),
        "charge": energy.and_then(|energy| energy.usable_percent).map(rounded),
        "temperature": measured.temperature().map(rounded),
        "health": health.map(|health| rounded(health.value)),
        "panel": measured.panel_voltage(),
        "load_off": load_off.map(|load_off| time(load_off.when.expected_at)),
        "level": Some(node.level()).filter(|level| *level != Level::Unknown).map(Level::name),
        "problem": on_or_off(needs_attention(node)),
        "findings": findings.iter().map(|finding| finding.code.name()).collect::<Value>(),
        "last_seen": time(node.node.last_received_at),
        "connectivity": on_or_off(node.state == NodeState::Active),
    })
}

/// Returns the values of the collector: the number of nodes in each state (`active`, `silent`, `inactive`) and of those
/// that need `attention`, and `database_size` and `disk_free` in MB.
pub fn collector(snapshot: &Snapshot, storage: Storage) -> Value {
    let megabytes = |bytes: u64| rounded(bytes as f64 / 1e6);
    let counts = snapshot.counts();
    let mut state = json!({
        "attention": snapshot.worst().len(),
        "database_size": storage.database_bytes.map(megabytes),
        // Anything finer changes all the time.
        "disk_free": storage.free_bytes.map(|bytes| bytes / 100_000_000 * 100),
    });
    for kind in NodeState::ALL {
        state[kind.name()] = json!(counts.of(kind));
    }
    state
}

/// Returns the payload of an availability topic.
pub fn availability(is_online: bool) -> &'static str {
    if is_online { "online" } else { "offline" }
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "ON" } else { "OFF" }
}

/// Rounds to one decimal, so that an estimate that hardly changes is no news.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns a time, Unix seconds, UTC, as text.
fn time(second: i64) -> Option<String> {
    Timestamp::from_second(second).ok().map(|time| time.to_string())
}
