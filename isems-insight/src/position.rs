//! The position of a node.

use isems_core::Measurement;

/// The latitude and longitude that the firmware ships with, in degrees. All nodes that nobody has configured claim to
/// be there.
pub const SHIPPED_DEFAULT: (f64, f64) = (52.52, 13.4);

/// The position that a node reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// The owner has set it.
    Set {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
    /// It is missing, or its latitude or longitude is 0.
    Unset,
    /// It is the one that the [firmware ships with](SHIPPED_DEFAULT), so the node can be anywhere.
    ShippedDefault,
}

impl Position {
    /// Returns the position in a measurement.
    pub fn of(measurement: &Measurement) -> Self {
        match (measurement.latitude, measurement.longitude) {
            (Some(latitude), Some(longitude)) if (latitude, longitude) == SHIPPED_DEFAULT => Self::ShippedDefault,
            (Some(latitude), Some(longitude)) if latitude != 0.0 && longitude != 0.0 => {
                Self::Set { latitude, longitude }
            }
            _ => Self::Unset,
        }
    }

    /// Returns whether the owner has set it.
    pub fn is_set(self) -> bool {
        matches!(self, Self::Set { .. })
    }
}
