//! The texts of the page of a node.

use crate::page::Span;

/// The texts of the page of a node in one language.
#[derive(Debug)]
pub struct NodeTexts {
    /// A span of time.
    pub span: fn(Span) -> &'static str,
    /// The heading of the spans.
    pub time: &'static str,
    /// The beginning of a range of time.
    pub from: &'static str,
    /// The end of a range of time.
    pub to: &'static str,
    /// The choice of what the node is compared with.
    pub compare: &'static str,
    /// Nothing to compare with.
    pub nothing: &'static str,
    /// The median of all nodes.
    pub median: &'static str,
    /// The heading of everything that is wrong.
    pub findings: &'static str,
    /// Nothing is wrong.
    pub no_findings: &'static str,
    /// The time since when something is so.
    pub since: fn(&str) -> String,
    /// The heading of what lies ahead.
    pub energy: &'static str,
    /// The charge above the cut-off.
    pub usable: &'static str,
    /// The charge.
    pub charge: &'static str,
    /// The time that the load runs without sun.
    pub autonomy: &'static str,
    /// The coming night.
    pub night: &'static str,
    /// The time left when the sun charges again.
    pub margin: &'static str,
    /// The load is expected to go off.
    pub load_off: &'static str,
    /// The load is expected back.
    pub comeback: &'static str,
    /// An expected time: the time, the earliest and the latest.
    pub expected: fn(&str, &str, &str) -> String,
    /// Dark days that a full battery lasts.
    pub reserve: &'static str,
    /// The same in December.
    pub winter_reserve: &'static str,
    /// The heading of the battery.
    pub battery: &'static str,
    /// The estimated capacity.
    pub capacity: &'static str,
    /// The share of the rated capacity.
    pub of_rated: &'static str,
    /// The change of the capacity.
    pub trend: &'static str,
    /// The months until the battery is due for replacement.
    pub replacement: &'static str,
    /// The last full charge.
    pub last_full: &'static str,
    /// The deep nights of the last 30 days.
    pub deep_nights: &'static str,
    /// The heading of the panel.
    pub panel: &'static str,
    /// The yield of the panel.
    pub panel_yield: &'static str,
    /// The change of the yield.
    pub yield_trend: &'static str,
    /// The heading of the configuration.
    pub configuration: &'static str,
    /// The name of the firmware.
    pub firmware: &'static str,
    /// The cut-off voltage.
    pub cut_off: &'static str,
    /// The rated capacity.
    pub rated_capacity: &'static str,
    /// The rated power.
    pub rated_power: &'static str,
    /// The position.
    pub position: &'static str,
    /// The heading of the measurements.
    pub data: &'static str,
    /// The interval of measuring.
    pub interval: &'static str,
    /// The share of measurements that are there.
    pub completeness: &'static str,
    /// The share of measurements that came late.
    pub late: &'static str,
    /// The number of measurements kept.
    pub measurements: &'static str,
    /// The time of the first measurement.
    pub first: &'static str,
    /// The safety of a firmware upgrade now.
    pub upgrade: &'static str,
    /// It is so.
    pub yes: &'static str,
    /// It is not so.
    pub no: &'static str,
    /// Not now, but from one time to another.
    pub next_window: fn(&str, &str) -> String,
    /// A number of hours.
    pub hours: &'static str,
    /// A number of days.
    pub days: &'static str,
    /// A number of months.
    pub months: &'static str,
    /// The unit of a change in percent a month.
    pub percent_a_month: &'static str,
    /// The heading of the charts.
    pub charts: &'static str,
    /// The chart of the battery voltage.
    pub voltage: &'static str,
    /// The cut-off in a chart, with its voltage.
    pub cut_off_at: fn(&str) -> String,
    /// The chart of the node's own gauge.
    pub gauge: &'static str,
    /// The chart of the battery temperature.
    pub temperature: &'static str,
    /// The chart of the panel's voltages.
    pub panel_voltage: &'static str,
    /// The panel's voltage at work.
    pub at_work: &'static str,
    /// The panel's voltage without load.
    pub open_circuit: &'static str,
    /// The heading of what happened.
    pub past: &'static str,
    /// The row of the silences.
    pub silences: &'static str,
    /// No silences.
    pub no_silences: &'static str,
    /// The number of silences that are not listed until they are asked for.
    pub earlier_silences: fn(usize) -> String,
    /// A time in which nothing was measured: from, to, how long, cause, and how sure that is, percent.
    pub silence: fn(&str, &str, &str, &str, &str) -> String,
    /// The link to the measurements that are shown, as CSV.
    pub csv: &'static str,
    /// The link that leads to where people can be kept from being told of the node.
    pub mute: &'static str,
    /// The link that leads to the deletion of the node.
    pub delete: &'static str,
    /// The heading of the deletion, with the node's name.
    pub deletion: fn(&str) -> String,
    /// The introduction of what goes with the node.
    pub will_go: &'static str,
    /// The number of its measurements.
    pub measurements_of_node: &'static str,
    /// The time of the first one.
    pub first_of_node: &'static str,
    /// The time of the last one.
    pub last_of_node: &'static str,
    /// The size of them.
    pub size_of_node: &'static str,
    /// The state of things after a deletion.
    pub after_deletion: &'static str,
    /// The button that deletes.
    pub delete_now: &'static str,
    /// The link that leads back.
    pub keep: &'static str,
    /// There is no such node.
    pub unknown: fn(&str) -> String,
}
