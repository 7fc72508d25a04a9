//! The charts of a node.

use std::ops::{Range, RangeInclusive};

use isems_core::{Bucket, NodeId, NumberField, Series};
use isems_insight::{Expected, Silence, Sun, WatchedNode};
use maud::Markup;

use crate::{
    chart::{Chart, Downloads, Forecast, Limit, Line},
    nights::nights,
    texts::NodeTexts,
    viewer::{Viewer, escaped},
};

const DAY: i64 = 86_400;

/// The probability from which a forecast is drawn.
const DRAWN: f64 = 0.2;

/// The fields that the charts of a node show, in the order in which their series is read.
pub const CHART_FIELDS: [NumberField; 5] = [
    NumberField::BatteryVoltage,
    NumberField::BatteryChargeEstimate,
    NumberField::BatteryTemperature,
    NumberField::MppVoltage,
    NumberField::OpenCircuitVoltage,
];

/// Something that a node is compared with.
#[derive(Debug, Clone)]
pub enum Comparison {
    /// Another node, with its series.
    Node(NodeId, Series),
    /// The median of the mesh.
    Median(Series),
}

impl Comparison {
    fn series(&self) -> &Series {
        match self {
            Self::Node(_, series) | Self::Median(series) => series,
        }
    }

    /// Returns the value that stands for it in addresses.
    pub(super) fn value(&self) -> String {
        match self {
            Self::Node(node, _) => format!("{NODE_PREFIX}{node}"),
            Self::Median(_) => MEDIAN.into(),
        }
    }
}

/// The value that stands for the median in addresses.
pub const MEDIAN: &str = "median";

/// The beginning of the value that stands for another node in addresses, before its name.
pub const NODE_PREFIX: &str = "node:";

/// The charts of a node over a range of time.
#[derive(Debug, Clone)]
pub struct NodeCharts<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The node.
    pub node: &'a WatchedNode,
    /// The times that are shown, Unix seconds, UTC.
    pub range: Range<i64>,
    /// The [fields](CHART_FIELDS) of the node.
    pub series: &'a Series,
    /// The series that it is compared with, in buckets of the same width.
    pub comparison: Option<&'a Comparison>,
    /// The past silences of the node.
    pub silences: &'a [Silence],
}

impl NodeCharts<'_> {
    pub(super) fn texts(&self) -> &'static NodeTexts {
        self.viewer.texts().node
    }

    /// Draws the chart of a field as a file, if it has one.
    pub fn file(&self, field: NumberField) -> Option<String> {
        self.with_chart(field, |chart| chart.file())
    }

    pub(super) fn figure(&self, field: NumberField) -> Markup {
        self.with_chart(field, |chart| chart.figure()).unwrap_or_default()
    }

    /// Hands over the chart of a field.
    fn with_chart<T>(&self, field: NumberField, draw: impl FnOnce(Chart<'_>) -> T) -> Option<T> {
        let texts = self.texts();
        let (title, covers): (_, Option<RangeInclusive<f64>>) = match field {
            NumberField::BatteryVoltage => (texts.voltage, None),
            NumberField::BatteryChargeEstimate => (texts.gauge, Some(0.0..=100.0)),
            NumberField::BatteryTemperature => (texts.temperature, None),
            NumberField::MppVoltage => (texts.panel_voltage, None),
            _ => return None,
        };
        let is_panel = field == NumberField::MppVoltage && self.comparison.is_none();
        let id = &self.node.node.id;
        let longest_step = self.longest_step();
        let mut lines = Vec::new();
        let own = |label, field| line(self.series, field, label, longest_step, Some(id));
        lines.extend(own(if is_panel { texts.at_work } else { id.as_str() }, field));
        if is_panel {
            lines.extend(own(texts.open_circuit, NumberField::OpenCircuitVoltage));
        }
        if let Some(comparison) = self.comparison {
            let (label, node) = match comparison {
                Comparison::Node(node, _) => (node.as_str(), Some(node)),
                Comparison::Median(_) => (texts.median, None),
            };
            lines.extend(line(comparison.series(), field, label, longest_step, node));
        }
        let cut_off = self.node.node.latest.low_voltage_disconnect_voltage.filter(|voltage| *voltage > 0.0);
        let cut_off = cut_off.filter(|_| field == NumberField::BatteryVoltage);
        let label = cut_off.map(|voltage| (texts.cut_off_at)(&self.viewer.language.quantity(voltage, 1, "V")));
        let limit = cut_off.zip(label.as_deref()).map(|(value, label)| Limit { value, label });
        let courses = self.forecast().filter(|_| field == NumberField::BatteryVoltage);
        let [earliest, expected, latest] = courses.unwrap_or_default();
        let forecast =
            (!expected.is_empty()).then_some(Forecast { expected: &expected, earliest: &earliest, latest: &latest });
        let end = if expected.is_empty() { self.range.end } else { self.end() };
        let range = self.range.start..end.max(self.range.start + 1);
        let nights = self.sun().map_or_else(Vec::new, |sun| nights(&sun, range.clone()));
        let (svg, csv) = (self.svg_address(field), self.csv_address(field));
        let name = format!("{id}-{}", field.name());
        let (interval, zone) = (self.series.interval, self.viewer.time_zone.clone());
        Some(draw(Chart {
            unit: if field.unit() == "degC" { "°C" } else { field.unit() },
            lines: &lines,
            covers,
            limit,
            forecast,
            silences: self.silences,
            nights: &nights,
            downloads: Some(Downloads { svg: &svg, csv: &csv, name: &name }),
            ..Chart::new(field.name(), title, range, interval, zone, self.viewer.language)
        }))
    }

    /// Returns the address of the chart of a field as a file.
    fn svg_address(&self, field: NumberField) -> String {
        let node = self.viewer.node(self.node.node.id.as_str());
        let compared = self.comparison.map(|comparison| format!("&compare={}", escaped(&comparison.value())));
        format!("{node}/{}.svg?{}{}", field.name(), self.range_query(), compared.unwrap_or_default())
    }

    /// Returns the address of the measurements that the chart of a field shows. A median has none.
    fn csv_address(&self, field: NumberField) -> String {
        let node = self.node.node.id.as_str();
        let mut fields = format!("timestamp,{}", field.name());
        if field == NumberField::MppVoltage && self.comparison.is_none() {
            fields = format!("{fields},{}", NumberField::OpenCircuitVoltage.name());
        }
        let mut nodes = format!("nodes={}", escaped(node));
        if let Some(Comparison::Node(other, _)) = self.comparison {
            nodes = format!("{nodes}&nodes={}", escaped(other.as_str()));
            fields = format!("nodeId,{fields}");
        }
        let address =
            format!("/api/v1/measurements?{nodes}&fields={fields}&{}&format=csv&order=asc", self.range_query());
        self.viewer.href(&address)
    }

    /// Returns the part of a query that selects the range.
    pub(super) fn range_query(&self) -> String {
        format!("from={}&to={}", self.range.start, self.range.end)
    }

    /// The longest time between two values that belong together, seconds.
    fn longest_step(&self) -> i64 {
        let measuring = self.node.assessment.as_ref().and_then(|assessment| assessment.data.measuring_interval);
        (3.0 * measuring.unwrap_or(300.0)) as i64
    }

    /// The sun over the node, if its owner has set its position.
    fn sun(&self) -> Option<Sun> {
        Sun::seen_by(&self.node.node.latest).filter(|_| self.node.position().is_set())
    }

    /// The ways of the voltage to the cut-off: the earliest, the expected, and the latest one. Only for what is short
    /// enough, and up to now.
    fn forecast(&self) -> Option<[Vec<(i64, f64)>; 3]> {
        let now = self.viewer.now;
        let is_recent = self.range.end >= now && self.range.end - self.range.start <= 8 * DAY;
        let assessment = self.node.assessment.as_ref().filter(|_| is_recent)?;
        let off = assessment.energy.load_off.filter(|off| off.probability >= DRAWN)?;
        let latest = &self.node.node.latest;
        let (from, to) = (latest.battery_voltage?, latest.low_voltage_disconnect_voltage?);
        let way = |until: i64| vec![(latest.timestamp, from), (until, to)];
        let Expected { expected_at, earliest, latest } = off.when;
        Some([way(earliest), way(expected_at), way(latest)])
    }

    /// The end of charts with a forecast.
    fn end(&self) -> i64 {
        let off = self.node.assessment.as_ref().and_then(|assessment| assessment.energy.load_off);
        off.map_or(self.range.end, |off| self.range.end.max(off.when.latest + 1800))
    }
}

/// Returns the line of a field of a series.
fn line<'a>(
    series: &'a Series,
    field: NumberField,
    label: &'a str,
    longest_step: i64,
    node: Option<&'a NodeId>,
) -> Option<Line<'a>> {
    let (_, buckets): &(_, Vec<Bucket>) = series.fields.iter().find(|(known, _)| *known == field)?;
    Some(Line { label, start: series.start, buckets, longest_step, live: node.map(|node| (node, field)) })
}
