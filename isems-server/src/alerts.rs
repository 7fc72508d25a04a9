//! Alerts, as the settings describe them.

use isems_alerts::{Alerts, AlertsConfig, Policy};
use isems_core::BoxError;
use isems_insight::Watcher;
use jiff::tz::TimeZone;

/// Returns the rules that all channels share.
pub(crate) fn policy(config: &AlertsConfig, public_url: Option<&str>) -> Policy {
    Policy {
        hold: config.hold.as_secs() as i64,
        time_zone: config.time_zone.clone().unwrap_or_else(TimeZone::system),
        public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
    }
}

/// Opens the channels of the settings, and reads what was told before. Without a channel there are no alerts.
pub(crate) async fn open(
    config: &AlertsConfig,
    public_url: Option<&str>,
    watcher: Watcher,
) -> Result<Option<Alerts>, BoxError> {
    let channels = config.open()?;
    if channels.is_empty() {
        return Ok(None);
    }
    Ok(Some(Alerts::open(watcher, channels, policy(config, public_url)).await?))
}
