//! The installation of a node, as its owner typed it in.

use std::sync::Arc;

use isems_core::Measurement;

use crate::{History, Position};

/// The installation of a node, as its owner typed it in, and the firmware. It changes rarely.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Setup {
    /// The text that names the firmware; nodes that send JSON report none.
    pub firmware: Option<Arc<str>>,
    /// The voltage below which the load is cut, V.
    pub cut_off: Option<f64>,
    /// The rated capacity of the battery, Ah.
    pub battery_capacity: Option<f64>,
    /// The rated power of the panel, W.
    pub panel_power: Option<f64>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

impl Setup {
    /// Returns the setup in a measurement.
    pub fn of(measurement: &Measurement) -> Self {
        Self {
            firmware: measurement.firmware_version.clone(),
            cut_off: measurement.low_voltage_disconnect_voltage,
            battery_capacity: measurement.rated_battery_capacity,
            panel_power: measurement.rated_solar_module_capacity,
            latitude: measurement.latitude,
            longitude: measurement.longitude,
        }
    }

    /// Returns the position.
    pub(crate) fn position(&self) -> Position {
        Position::at(self.latitude, self.longitude)
    }

    /// Returns whether a measurement has this setup.
    pub(crate) fn is_of(&self, measurement: &Measurement) -> bool {
        self.cut_off == measurement.low_voltage_disconnect_voltage
            && self.battery_capacity == measurement.rated_battery_capacity
            && self.panel_power == measurement.rated_solar_module_capacity
            && self.latitude == measurement.latitude
            && self.longitude == measurement.longitude
            && self.firmware == measurement.firmware_version
    }
}

/// Returns the rated capacity of a node's battery in Ah, and since when it has been that, Unix seconds, UTC.
pub(crate) fn rated_capacity(history: &History) -> Option<(f64, i64)> {
    let capacity = |setup: &Setup| setup.battery_capacity.filter(|capacity| *capacity > 0.0);
    let mut setups = history.setups().iter().rev();
    let (since, newest) = setups.next()?;
    let rated = capacity(newest)?;
    let same = setups.take_while(|(_, setup)| capacity(setup) == Some(rated));
    Some((rated, same.last().map_or(since, |(since, _)| since)))
}
