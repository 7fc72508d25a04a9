//! Metrics of alerts.

use isems_alerts::Alerts;
use isems_insight::FindingSeverity;
use prometheus::proto::MetricFamily;

use super::metrics::{gauge, label};

/// Returns the metrics of alerts; none without a channel.
pub(super) fn families(alerts: Option<&Alerts>) -> Vec<MetricFamily> {
    let Some(alerts) = alerts else { return Vec::new() };
    let state = alerts.state();
    let open = FindingSeverity::ALL.map(|severity| {
        let open = state.open.iter().filter(|episode| episode.problem.severity == severity).count();
        (vec![label("severity", severity.name())], open as f64)
    });
    let failing = alerts.channels().iter().map(|channel| {
        let letter = state.letters.iter().find(|letter| letter.channel == channel.name);
        (vec![label("channel", &channel.name)], letter.map_or(0.0, |letter| f64::from(letter.attempts)))
    });
    let given_up = alerts.channels().iter().map(|channel| {
        let past = state.history.iter().filter(|past| past.channel == channel.name && past.answer.is_err());
        (vec![label("channel", &channel.name)], past.count() as f64)
    });
    vec![
        gauge("isems_alert_problems", "Problems that are not over, told or not.", open),
        gauge(
            "isems_alert_failed_attempts",
            "Failed attempts to deliver the message that is on its way; 0 if the channel works.",
            failing,
        ),
        gauge("isems_alert_messages_given_up", "Messages among the last 200 that were given up.", given_up),
    ]
}
