//! Metrics of nodes, transports, the database and the service for Prometheus.

use std::sync::Arc;

use isems_alerts::Alerts;
use isems_core::{
    DurationHistogram, Field, Node, NumberField, RedbRepository, StatusFlag, TransportState, TransportStatus,
};
use isems_homeassistant::Connection;
use isems_insight::{FindingSeverity, Level, NodeState, Snapshot, WatchedNode, Watcher};
use poem::{Request, Response};
use poem_openapi::{
    OpenApi,
    registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry},
};
use prometheus::{
    Encoder, TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};
use serde_json::json;

use super::{
    Tag, alert_metrics,
    answer::{Answer, Described, content},
    http_metrics::HttpMetrics,
    named::Names,
    problem::{OfReading, Refusal, Refused},
    query,
};
use crate::live::Live;

const CONTENT_TYPE: &str = "text/plain";

/// The maximum number of nodes in a scrape, those heard from most recently. Each has some forty series.
const MAX_NODES: usize = 1000;

/// The description of metrics in the document.
enum Metrics {}

impl Described for Metrics {
    const DESCRIPTION: &'static str = "The metrics, in the text format of Prometheus (0.0.4).";

    fn content() -> Vec<MetaMediaType> {
        let example = "# HELP isems_node_battery_voltage_volts Battery voltage.\n\
                       # TYPE isems_node_battery_voltage_volts gauge\n\
                       isems_node_battery_voltage_volts{node=\"Elektra-Dach\"} 14.073\n";
        let schema = MetaSchema { example: Some(json!(example)), ..MetaSchema::new("string") };
        vec![content(CONTENT_TYPE, MetaSchemaRef::Inline(Box::new(schema)))]
    }

    fn register(_: &mut Registry) {}
}

/// The operation that serves metrics.
pub(crate) struct MetricsApi {
    pub(crate) watcher: Watcher,
    pub(crate) alerts: Option<Alerts>,
    pub(crate) database: Option<Arc<RedbRepository>>,
    pub(crate) live: Arc<Live>,
    pub(crate) homeassistant: Option<Connection>,
    pub(crate) http: HttpMetrics,
    /// Unix seconds.
    pub(crate) started: i64,
}

#[OpenApi(tag = "Tag::Health")]
impl MetricsApi {
    /// Get metrics for Prometheus
    ///
    /// Has the newest values and flags of every node that is not silent, and the time when each node was last heard
    /// from; the counts of every transport; the database, and the service itself. Nodes beyond the 1,000 heard from
    /// most recently are left out.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self, request: &Request) -> Result<Answer<Metrics>, Refused<OfReading>> {
        query::only(request, &[])?;
        let mut families = self.nodes().await?;
        families.extend(self.transports());
        families.extend(alert_metrics::families(self.alerts.as_ref()));
        families.extend(self.database());
        families.extend(self.http.gather());
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        encoder.encode(&families, &mut text).expect("writing to memory does not fail, and no family is empty");
        Ok(Answer::new(Response::builder().content_type(encoder.format_type()).body(text)))
    }
}

/// Returns the name of a numeric field's metric, which ends with its unit, and the factor that converts values to this
/// unit.
fn field_metric(field: NumberField) -> (String, f64) {
    let (unit, factor) = match field.unit() {
        "V" => ("volts", 1.0),
        "W" => ("watts", 1.0),
        "degC" => ("celsius", 1.0),
        "deg" => ("degrees", 1.0),
        "min" => ("seconds", 60.0),
        "%" => ("ratio", 0.01),
        "Ah" => ("coulombs", 3600.0),
        unit => unreachable!("{unit} is the unit of no field"),
    };
    let mut name = String::from("isems_node_");
    for letter in field.name().chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    (name + "_" + unit, factor)
}

impl MetricsApi {
    async fn nodes(&self) -> Result<Vec<MetricFamily>, Refusal> {
        let snapshot = self.watcher.snapshot().await?;
        let mut families = vec![node_counts(&snapshot)];
        let mut nodes = snapshot.nodes;
        if nodes.len() > MAX_NODES {
            nodes.sort_by_key(|watched| std::cmp::Reverse(watched.node.last_received_at));
        }
        let left_out = nodes.len().saturating_sub(MAX_NODES);
        nodes.truncate(MAX_NODES);
        families.push(gauge(
            "isems_nodes_left_out",
            "Nodes that have no metrics of their own, because there are too many.",
            [(Vec::new(), left_out as f64)],
        ));
        let of_all = |name, help, value: fn(&Node) -> f64| {
            gauge(name, help, nodes.iter().map(|watched| (vec![of_node(watched)], value(&watched.node))))
        };
        families.extend([
            of_all(
                "isems_node_last_measured_timestamp_seconds",
                "When the newest measurement was measured, Unix time.",
                |node| node.latest.timestamp as f64,
            ),
            of_all(
                "isems_node_last_received_timestamp_seconds",
                "When something of the node last arrived, Unix time.",
                |node| node.last_received_at as f64,
            ),
            of_all("isems_node_measurements", "Measurements of the node that are kept.", |node| {
                node.measurements as f64
            }),
        ]);
        families.extend(insight(&nodes, snapshot.at));
        nodes.retain(|watched| watched.state == NodeState::Active);
        for field in NumberField::ALL {
            let (name, factor) = field_metric(field);
            let values = nodes.iter().filter_map(|watched| {
                let value = watched.node.latest.number(field)?;
                Some((vec![of_node(watched)], value * factor))
            });
            families.push(gauge(&name, field.description(), values));
        }
        let levels = nodes
            .iter()
            .filter_map(|watched| Some((vec![of_node(watched)], watched.node.latest.power_save_level?.into())));
        families.push(gauge("isems_node_power_save_level", Field::PowerSaveLevel.description(), levels));
        let flags = nodes.iter().flat_map(|watched| {
            let status = watched.node.latest.status;
            status.into_iter().flat_map(move |status| {
                StatusFlag::ALL.into_iter().map(move |flag| {
                    let labels = vec![of_node(watched), label("flag", flag.name())];
                    (labels, f64::from(u8::from(status.contains(flag))))
                })
            })
        });
        families.push(gauge("isems_node_status", "Whether a flag of the node's status is set.", flags));
        families.retain(|family| !family.get_metric().is_empty());
        Ok(families)
    }

    fn transports(&self) -> Vec<MetricFamily> {
        let transports = self.watcher.monitor().transports();
        if transports.is_empty() {
            return Vec::new();
        }
        let name = |status: &TransportStatus| vec![label("transport", &status.name)];
        let counted = |metric, help, value: fn(&TransportStatus) -> u64| {
            counter(metric, help, transports.iter().map(|status| (name(status), value(status))))
        };
        let mut families = vec![
            counted("isems_transport_received_total", "Lines and messages that arrived.", |status| status.received),
            counted("isems_transport_stored_total", "Measurements that were new.", |status| status.stored),
            counted("isems_transport_duplicates_total", "Measurements that were stored before.", |status| {
                status.duplicates
            }),
            counter(
                "isems_transport_rejected_total",
                "Lines that were rejected, by reason.",
                transports.iter().flat_map(|status| {
                    status.rejected.iter().map(move |(reason, count)| {
                        (vec![label("transport", &status.name), label("reason", reason.code())], count)
                    })
                }),
            ),
            counter(
                "isems_transport_dropped_values_total",
                "Values that were dropped from lines that are stored without them, by field and reason.",
                transports.iter().flat_map(|status| {
                    status.dropped.iter().map(move |(field, reason, count)| {
                        let labels = vec![
                            label("transport", &status.name),
                            label("field", field.name()),
                            label("reason", reason.code()),
                        ];
                        (labels, count)
                    })
                }),
            ),
            gauge(
                "isems_transport_running",
                "Whether the transport runs.",
                transports
                    .iter()
                    .map(|status| (name(status), f64::from(u8::from(status.state == TransportState::Running)))),
            ),
            gauge(
                "isems_transport_sources",
                "Sources of the transport (nodes that are polled, brokers), by whether they answered last.",
                transports.iter().flat_map(|status| {
                    let up = status.sources.values().filter(|source| source.up).count();
                    [("true", up), ("false", status.sources.len() - up)].map(|(answers, count)| {
                        (vec![label("transport", &status.name), label("up", answers)], count as f64)
                    })
                }),
            ),
            histogram(
                "isems_transport_delivery_duration_seconds",
                "How long deliveries took until they were on the disk.",
                transports.iter().map(|status| (name(status), status.deliveries)),
            ),
        ];
        families.retain(|family| !family.get_metric().is_empty());
        families
    }

    fn database(&self) -> Vec<MetricFamily> {
        let subscribers = [(Vec::new(), self.live.subscribers() as f64)];
        let started = [(Vec::new(), self.started as f64)];
        let version = [(vec![label("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        let mut families = vec![
            gauge("isems_live_subscribers", "Clients that follow /api/v1/live.", subscribers),
            gauge(
                "process_start_time_seconds",
                "When the program was started, by the clock of then, Unix time.",
                started,
            ),
            gauge("isems_build_info", "The version that runs.", version),
        ];
        if let Some(homeassistant) = &self.homeassistant {
            let up = f64::from(u8::from(homeassistant.status().up));
            let help = "Whether the broker of Home Assistant can be reached.";
            families.push(gauge("isems_homeassistant_up", help, [(Vec::new(), up)]));
        }
        if let Some(database) = &self.database {
            let commits = [(Vec::new(), database.commits())];
            let help = "How long it took to make what was written durable.";
            families.push(histogram("isems_database_commit_duration_seconds", help, commits));
            if let Some(bytes) = database.file_bytes() {
                families.push(gauge("isems_database_size_bytes", "Size of the file.", [(Vec::new(), bytes as f64)]));
            }
        }
        families
    }
}

/// Returns what insight says of nodes: levels, the number of findings, and the time until the load goes off.
fn insight(nodes: &[WatchedNode], now: i64) -> [MetricFamily; 3] {
    let assessed = || nodes.iter().filter_map(|watched| Some((watched, watched.assessment.as_ref()?)));
    let levels = assessed().flat_map(|(watched, assessment)| {
        Level::ALL.map(|level| {
            let labels = vec![of_node(watched), label("level", level.name())];
            (labels, f64::from(u8::from(assessment.level == level)))
        })
    });
    let findings = assessed().flat_map(|(watched, assessment)| {
        FindingSeverity::ALL.map(|severity| {
            let count = assessment.findings.iter().filter(|finding| finding.severity == severity).count();
            (vec![of_node(watched), label("severity", severity.name())], count as f64)
        })
    });
    let load_offs = assessed().filter_map(|(watched, assessment)| {
        let off = assessment.energy.load_off?;
        Some((vec![of_node(watched)], (off.when.expected_at - now).max(0) as f64))
    });
    [
        gauge("isems_node_level", "Whether the node has this level: ok, unknown, attention or urgent.", levels),
        gauge("isems_node_findings", "Findings about the node, by severity.", findings),
        gauge("isems_node_load_off_seconds", "Time until the load is expected to go off.", load_offs),
    ]
}

fn node_counts(snapshot: &Snapshot) -> MetricFamily {
    let counts = snapshot.counts();
    let counts = NodeState::ALL.map(|state| (vec![label("state", state.name())], counts.of(state) as f64));
    gauge("isems_nodes", "Nodes, by state.", counts)
}

fn of_node(watched: &WatchedNode) -> LabelPair {
    label("node", watched.node.id.as_str())
}

pub(super) fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.into());
    label.set_value(value.into());
    label
}

fn family(
    name: &str,
    help: &str,
    kind: MetricType,
    metrics: impl IntoIterator<Item = (Vec<LabelPair>, Metric)>,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    let metrics = metrics.into_iter().map(|(labels, mut metric)| {
        metric.set_label(labels);
        metric
    });
    family.set_metric(metrics.collect());
    family
}

pub(super) fn gauge(name: &str, help: &str, values: impl IntoIterator<Item = (Vec<LabelPair>, f64)>) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::default();
        metric.set_gauge(gauge);
        (labels, metric)
    });
    family(name, help, MetricType::GAUGE, metrics)
}

fn counter(name: &str, help: &str, values: impl IntoIterator<Item = (Vec<LabelPair>, u64)>) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = Metric::default();
        metric.set_counter(counter);
        (labels, metric)
    });
    family(name, help, MetricType::COUNTER, metrics)
}

fn histogram(
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Vec<LabelPair>, DurationHistogram)>,
) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, durations)| {
        let mut cumulative = 0;
        let buckets = DurationHistogram::BOUNDS.iter().zip(durations.counts()).map(|(bound, count)| {
            cumulative += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(durations.count());
        histogram.set_sample_sum(durations.sum());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        (labels, metric)
    });
    family(name, help, MetricType::HISTOGRAM, metrics)
}
