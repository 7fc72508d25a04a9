//! Assessments as they are sent.

use std::collections::BTreeMap;

use isems_insight::{Assessment, FindingCode, FindingSeverity, FindingValue, Level, SilenceCause, Survival};
use poem_openapi::{Object, types::Example};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{named::Named, time::UtcTime};

/// The condition of the nodes.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct Insights {
    /// The nodes, the one that most needs attention first.
    pub(crate) nodes: Vec<Insight>,
}

impl Example for Insights {
    fn example() -> Self {
        Self { nodes: vec![Insight::example()] }
    }
}

/// A node's condition, and what comes next. Unknown values are null, and `unknown` says why.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(crate) struct Insight {
    /// The node's name.
    pub(crate) node_id: String,
    /// The time of the assessment. Nothing that was measured at that time or later was used.
    pub(crate) at: UtcTime,
    /// The urgency with which the node needs attention: the level of its worst finding.
    pub(crate) level: Named<Level>,
    /// Everything that is wrong, the most severe first.
    pub(crate) findings: Vec<Finding>,
    /// The battery's charge, and how long it will last.
    pub(crate) energy: Energy,
    /// The battery's capacity and wear.
    pub(crate) battery: Battery,
    /// The panel's yield.
    pub(crate) panel: Panel,
    /// The silence; null unless the node is silent.
    #[oai(nullable)]
    pub(crate) silence: Option<Silence>,
    /// The safety of a firmware upgrade.
    pub(crate) upgrade: Upgrade,
    /// The completeness and timeliness of the measurements of the last seven days.
    pub(crate) data: DataQuality,
    /// The questions that could not be answered, with reasons.
    pub(crate) unknown: Vec<Unknown>,
}

/// Something that is wrong with a node, or will be.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// The kind of finding.
    pub(crate) code: Named<FindingCode>,
    /// The severity.
    pub(crate) severity: Named<FindingSeverity>,
    /// The time since when it has been so, as far as the measurements tell.
    pub(crate) since: UtcTime,
    /// The meaning, as an English sentence.
    pub(crate) meaning: String,
    /// The figures and words behind it. Names include the unit; times are RFC 3339.
    pub(crate) values: BTreeMap<String, Value>,
    /// The advice, as an English sentence.
    pub(crate) advice: String,
    /// `true` if the node's own status says the same; null if it has no flag for it.
    #[oai(nullable)]
    pub(crate) node_agrees: Option<bool>,
}

/// The battery's charge, and how long it will last.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Energy {
    /// The charge of the battery, percent of its charge when full. This is not the node's own gauge.
    #[oai(nullable)]
    pub(crate) charge_percent: Option<f64>,
    /// The charge above the cut-off, percent of the usable charge when full: 0 when the load goes off.
    #[oai(nullable)]
    pub(crate) usable_percent: Option<f64>,
    /// The time at which the load is expected to go off within the next 48 hours; null if it is not.
    #[oai(nullable)]
    pub(crate) load_off: Option<LoadOff>,
    /// The time for which the load can run from now on without any sun, hours.
    #[oai(nullable)]
    pub(crate) autonomy_hours: Option<f64>,
    /// `true` if the load stays on until the sun charges again, this night or the coming one.
    #[oai(nullable)]
    pub(crate) survives_night: Option<Named<Survival>>,
    /// The time between the end of that night and the moment at which the load would go off without sun, hours.
    #[oai(nullable)]
    pub(crate) margin_hours: Option<f64>,
    /// The time at which the load is expected back; null unless it is off.
    #[oai(nullable)]
    pub(crate) comeback: Option<Expected>,
    /// The number of days without any sun that a full battery lasts, after the night.
    #[oai(nullable)]
    pub(crate) dark_day_reserve_days: Option<f64>,
    /// The same in December, with its nights and temperatures at the node's latitude.
    #[oai(nullable)]
    pub(crate) winter_reserve_days: Option<f64>,
}

/// An expected time, with the interval that contains it with a probability of 80 %.
#[expect(clippy::struct_field_names, reason = "the field names are those in JSON")]
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Expected {
    /// The most likely time.
    pub(crate) expected_at: UtcTime,
    /// With a probability of 10 % it is earlier.
    pub(crate) earliest: UtcTime,
    /// With a probability of 10 % it is later.
    pub(crate) latest: UtcTime,
}

/// The time at which the load is expected to go off.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct LoadOff {
    #[serde(flatten)]
    #[oai(flatten)]
    pub(crate) when: Expected,
    /// The probability that it happens, 0 to 1.
    pub(crate) probability: f64,
}

/// The battery's capacity and wear.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Battery {
    /// The capacity at 25 degC, Ah.
    #[oai(nullable)]
    pub(crate) estimated_capacity_ah: Option<Estimate>,
    /// The capacity in percent of the rated one.
    #[oai(nullable)]
    pub(crate) capacity_percent_of_rated: Option<Estimate>,
    /// The rate at which the capacity changes, percent of the rated one in 30 days.
    #[oai(nullable)]
    pub(crate) trend_percent_per_month: Option<f64>,
    /// The time until the battery is due for replacement, months of 30 days.
    #[oai(nullable)]
    pub(crate) months_to_replacement: Option<f64>,
    /// The time at which the battery was last fully charged.
    #[oai(nullable)]
    pub(crate) last_full_charge_at: Option<UtcTime>,
    /// The number of nights in the last 30 days in which the battery was discharged deeply.
    #[oai(nullable)]
    pub(crate) deep_nights_in_30_days: Option<u32>,
}

/// An estimated figure.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Estimate {
    /// The most likely value.
    pub(crate) value: f64,
    /// Half the width of the interval that contains the truth with a probability of 80 %.
    pub(crate) uncertainty: f64,
}

/// The panel's yield.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Panel {
    /// The yield of the last days in percent of the yield of the other panels under the same sky.
    #[oai(nullable)]
    pub(crate) yield_percent_of_mesh: Option<f64>,
    /// The change of the yield, percent in 30 days.
    #[oai(nullable)]
    pub(crate) yield_trend_percent_per_month: Option<f64>,
    /// The azimuths of the sun at which the panel lacks light while its neighbours have it.
    pub(crate) suspected_shade: Vec<Azimuths>,
    /// `true` if the panel gets hardly any light by day while its neighbours do.
    #[oai(nullable)]
    pub(crate) covered: Option<bool>,
    /// `true` if no voltage comes from the panel by day while its neighbours charge.
    #[oai(nullable)]
    pub(crate) disconnected: Option<bool>,
}

/// A range of azimuths, degrees clockwise from north.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Azimuths {
    /// The left edge.
    pub(crate) from: f64,
    /// The right edge.
    pub(crate) to: f64,
}

/// The silence of a node.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Silence {
    /// The measured time of the last measurement.
    pub(crate) since: UtcTime,
    /// The most likely cause.
    pub(crate) cause: Named<SilenceCause>,
    /// The probability that the cause is right, 0 to 1.
    pub(crate) confidence: f64,
    /// The facts that support the cause, as English sentences.
    pub(crate) evidence: Vec<String>,
    /// The time at which the node is expected back; null if that cannot be said.
    #[oai(nullable)]
    pub(crate) expected_back_at: Option<Expected>,
}

/// The safety of a firmware upgrade.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Upgrade {
    /// `true` if it is safe now; null if that cannot be said.
    #[oai(nullable)]
    pub(crate) safe: Option<bool>,
    /// The facts behind it, as English sentences.
    pub(crate) reasons: Vec<String>,
    /// The next time at which it will be safe, if it is not now.
    #[oai(nullable)]
    pub(crate) next_window: Option<TimeWindow>,
}

/// A time from one instant to another.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct TimeWindow {
    /// The first instant.
    pub(crate) from: UtcTime,
    /// The first instant after it.
    pub(crate) to: UtcTime,
}

/// The completeness and timeliness of the measurements.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct DataQuality {
    /// The existing measurements, percent of those that the node would have made without any gap.
    #[oai(nullable)]
    pub(crate) completeness_percent: Option<f64>,
    /// The measurements that arrived more than an hour after they were made, percent of the existing ones.
    #[oai(nullable)]
    pub(crate) late_percent: Option<f64>,
    /// The usual interval between two measurements, seconds.
    #[oai(nullable)]
    pub(crate) measuring_interval_seconds: Option<f64>,
}

/// A question that could not be answered.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct Unknown {
    /// The name of the unknown value, such as `energy` or `battery.estimatedCapacityAh`.
    pub(crate) what: String,
    /// The reason, in English.
    pub(crate) reason: String,
}

impl From<&Assessment> for Insight {
    fn from(assessment: &Assessment) -> Self {
        let Assessment {
            node,
            at,
            level,
            findings,
            energy,
            course: _,
            battery,
            panel,
            silence,
            upgrade,
            data,
            unknown,
        } = assessment;
        Self {
            node_id: node.to_string(),
            at: UtcTime(*at),
            level: Named(*level),
            findings: findings.iter().map(Into::into).collect(),
            energy: energy.into(),
            battery: battery.into(),
            panel: panel.into(),
            silence: silence.as_ref().map(Into::into),
            upgrade: upgrade.into(),
            data: data.into(),
            unknown: unknown
                .iter()
                .map(|unknown| Unknown { what: unknown.what.into(), reason: unknown.reason.to_string() })
                .collect(),
        }
    }
}

impl From<&isems_insight::Finding> for Finding {
    fn from(finding: &isems_insight::Finding) -> Self {
        let value = |value: &FindingValue| match value {
            FindingValue::Number(number) => Value::from(rounded(*number)),
            FindingValue::Time(time) => Value::from(UtcTime(*time).text()),
            FindingValue::Text(text) => Value::from(text.as_str()),
        };
        Self {
            code: Named(finding.code),
            severity: Named(finding.severity),
            since: UtcTime(finding.since),
            meaning: finding.code.meaning().into(),
            values: finding.values.iter().map(|(name, figure)| ((*name).into(), value(figure))).collect(),
            advice: finding.advice().into(),
            node_agrees: finding.node_agrees,
        }
    }
}

impl From<&isems_insight::Energy> for Energy {
    fn from(energy: &isems_insight::Energy) -> Self {
        Self {
            charge_percent: energy.charge_percent.map(rounded),
            usable_percent: energy.usable_percent.map(rounded),
            load_off: energy
                .load_off
                .map(|off| LoadOff { when: off.when.into(), probability: rounded(off.probability) }),
            autonomy_hours: energy.autonomy_hours.map(rounded),
            survives_night: energy.survives_night.map(Named),
            margin_hours: energy.margin_hours.map(rounded),
            comeback: energy.comeback.map(Into::into),
            dark_day_reserve_days: energy.dark_day_reserve_days.map(rounded),
            winter_reserve_days: energy.winter_reserve_days.map(rounded),
        }
    }
}

impl From<isems_insight::Expected> for Expected {
    fn from(expected: isems_insight::Expected) -> Self {
        let isems_insight::Expected { expected_at, earliest, latest } = expected;
        Self { expected_at: UtcTime(expected_at), earliest: UtcTime(earliest), latest: UtcTime(latest) }
    }
}

impl From<&isems_insight::Battery> for Battery {
    fn from(battery: &isems_insight::Battery) -> Self {
        let estimate = |estimate: isems_insight::Estimate| Estimate {
            value: rounded(estimate.value),
            uncertainty: rounded(estimate.uncertainty),
        };
        Self {
            estimated_capacity_ah: battery.estimated_capacity_ah.map(estimate),
            capacity_percent_of_rated: battery.capacity_percent_of_rated.map(estimate),
            trend_percent_per_month: battery.trend_percent_per_month.map(rounded),
            months_to_replacement: battery.months_to_replacement.map(rounded),
            last_full_charge_at: battery.last_full_charge_at.map(UtcTime),
            deep_nights_in_30_days: battery.deep_nights_in_30_days,
        }
    }
}

impl From<&isems_insight::Panel> for Panel {
    fn from(panel: &isems_insight::Panel) -> Self {
        Self {
            yield_percent_of_mesh: panel.yield_percent_of_mesh.map(rounded),
            yield_trend_percent_per_month: panel.yield_trend_percent_per_month.map(rounded),
            suspected_shade: panel
                .suspected_shade
                .iter()
                .map(|shade| Azimuths { from: shade.from, to: shade.to })
                .collect(),
            covered: panel.covered,
            disconnected: panel.disconnected,
        }
    }
}

impl From<&isems_insight::Silence> for Silence {
    fn from(silence: &isems_insight::Silence) -> Self {
        Self {
            since: UtcTime(silence.since),
            cause: Named(silence.cause),
            confidence: rounded(silence.confidence),
            evidence: silence.evidence.iter().map(ToString::to_string).collect(),
            expected_back_at: silence.expected_back_at.map(Into::into),
        }
    }
}

impl From<&isems_insight::Upgrade> for Upgrade {
    fn from(upgrade: &isems_insight::Upgrade) -> Self {
        let window =
            |window: isems_insight::TimeWindow| TimeWindow { from: UtcTime(window.from), to: UtcTime(window.to) };
        Self {
            safe: upgrade.safe,
            reasons: upgrade.reasons.iter().map(ToString::to_string).collect(),
            next_window: upgrade.next_window.map(window),
        }
    }
}

impl From<&isems_insight::DataQuality> for DataQuality {
    fn from(data: &isems_insight::DataQuality) -> Self {
        Self {
            completeness_percent: data.completeness_percent.map(rounded),
            late_percent: data.late_percent.map(rounded),
            measuring_interval_seconds: data.measuring_interval.map(rounded),
        }
    }
}

/// Rounds to two decimals; more would suggest a precision that estimates do not have.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0 + 0.0
}

impl Example for Insight {
    fn example() -> Self {
        let expected = || Expected {
            expected_at: UtcTime(1_772_937_600),
            earliest: UtcTime(1_772_935_200),
            latest: UtcTime(1_772_941_200),
        };
        let finding = FindingCode::LoadOffPredicted;
        Self {
            node_id: "Elektra-Dach".into(),
            at: UtcTime(1_772_913_600),
            level: Named(Level::Urgent),
            findings: vec![Finding {
                code: Named(finding),
                severity: Named(FindingSeverity::Urgent),
                since: UtcTime(1_772_910_000),
                meaning: finding.meaning().into(),
                values: [("probability".into(), Value::from(0.93))].into(),
                advice: finding.advice().into(),
                node_agrees: None,
            }],
            energy: Energy {
                charge_percent: Some(52.0),
                usable_percent: Some(24.8),
                load_off: Some(LoadOff { when: expected(), probability: 0.93 }),
                autonomy_hours: Some(6.7),
                survives_night: Some(Named(Survival::No)),
                margin_hours: Some(-4.1),
                comeback: None,
                dark_day_reserve_days: Some(0.6),
                winter_reserve_days: Some(0.3),
            },
            battery: Battery {
                estimated_capacity_ah: Some(Estimate { value: 5.6, uncertainty: 0.7 }),
                capacity_percent_of_rated: Some(Estimate { value: 78.0, uncertainty: 9.0 }),
                trend_percent_per_month: Some(-1.2),
                months_to_replacement: Some(15.0),
                last_full_charge_at: Some(UtcTime(1_772_542_800)),
                deep_nights_in_30_days: Some(4),
            },
            panel: Panel {
                yield_percent_of_mesh: Some(96.0),
                yield_trend_percent_per_month: Some(-2.0),
                suspected_shade: vec![Azimuths { from: 135.0, to: 165.0 }],
                covered: Some(false),
                disconnected: Some(false),
            },
            silence: None,
            upgrade: Upgrade {
                safe: Some(false),
                reasons: vec!["The load is expected to go off within two hours.".into()],
                next_window: Some(TimeWindow { from: UtcTime(1_772_964_000), to: UtcTime(1_772_971_200) }),
            },
            data: DataQuality {
                completeness_percent: Some(98.6),
                late_percent: Some(0.0),
                measuring_interval_seconds: Some(60.0),
            },
            unknown: vec![Unknown {
                what: "panel.yieldPercentOfMesh".into(),
                reason: "too few neighbours: 2 of at least 3".into(),
            }],
        }
    }
}
