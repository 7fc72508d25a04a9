//! Alerts, as the settings describe them.

use isems_alerts::{Alerts, AlertsConfig};
use isems_core::BoxError;
use isems_insight::Watcher;

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
    Ok(Some(Alerts::open(watcher, channels, config.policy(public_url)).await?))
}
