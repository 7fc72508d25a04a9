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
        Self::at(measurement.latitude, measurement.longitude)
    }

    /// Returns the position with a latitude and a longitude, degrees north and east.
    pub(crate) fn at(latitude: Option<f64>, longitude: Option<f64>) -> Self {
        match (latitude, longitude) {
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

    /// Returns the distance to another position, km along the surface of a sphere (haversine formula). The shipped
    /// default is taken at its word; `None` if either is unset.
    pub(crate) fn distance_km(self, other: Self) -> Option<f64> {
        const EARTH_RADIUS_KM: f64 = 6371.0;
        let radians = |position| match position {
            Self::Set { latitude, longitude } => Some((f64::to_radians(latitude), f64::to_radians(longitude))),
            Self::ShippedDefault => Some((SHIPPED_DEFAULT.0.to_radians(), SHIPPED_DEFAULT.1.to_radians())),
            Self::Unset => None,
        };
        let ((from, from_east), (to, to_east)) = (radians(self)?, radians(other)?);
        let haversine = |angle: f64| (angle / 2.0).sin().powi(2);
        let chord = haversine(to - from) + from.cos() * to.cos() * haversine(to_east - from_east);
        Some(2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin())
    }
}
