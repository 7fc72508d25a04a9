//! Where a node is.

use isems_core::Measurement;

/// The latitude and longitude that the firmware ships with, degrees: nodes that nobody has configured all claim to be
/// there.
pub const SHIPPED_DEFAULT: (f64, f64) = (52.52, 13.4);

/// Where a node is, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// The owner has set it.
    Set {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
    /// It is missing, or a part of it is 0.
    Unset,
    /// It is what the [firmware ships with](SHIPPED_DEFAULT), so the node can be anywhere.
    ShippedDefault,
}

impl Position {
    /// Returns the position that a measurement tells.
    pub fn of(measurement: &Measurement) -> Self {
        match (measurement.latitude, measurement.longitude) {
            (Some(latitude), Some(longitude)) if (latitude, longitude) == SHIPPED_DEFAULT => Self::ShippedDefault,
            (Some(latitude), Some(longitude)) if latitude != 0.0 && longitude != 0.0 => {
                Self::Set { latitude, longitude }
            }
            _ => Self::Unset,
        }
    }
}
