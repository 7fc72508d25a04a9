//! The position of the sun.

use isems_core::Measurement;
use solar_positioning::{Horizon, Location, SolarEvents, SolarPositions, time::JulianDate};

use crate::Position;

/// The Julian date of 1970-01-01T00:00Z.
const JULIAN_1970: f64 = 2_440_587.5;

/// The difference of terrestrial and universal time in the 2020s, seconds. Its change over decades moves the sun by less
/// than a thousandth of a degree.
const DELTA_T: f64 = 69.2;

const DAY: i64 = 86_400;

/// The sun, seen from a place. Formulas: Grena's third algorithm (2012), by the crate `solar-positioning`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    latitude: f64,
    longitude: f64,
}

/// Where the sun stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SunPosition {
    /// Degrees above the horizon, without refraction.
    pub elevation: f64,
    /// Degrees clockwise from north.
    pub azimuth: f64,
}

impl Sun {
    /// The sun seen from a place, degrees north and east. `None` if there is no such place.
    pub fn at_place(latitude: f64, longitude: f64) -> Option<Self> {
        let exists = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        exists.then_some(Self { latitude, longitude })
    }

    /// The sun seen from where a node says it is, even if that is the position that the firmware ships with.
    pub fn seen_by(measurement: &Measurement) -> Option<Self> {
        match Position::of(measurement) {
            Position::Set { latitude, longitude } => Self::at_place(latitude, longitude),
            Position::ShippedDefault => {
                Self::at_place(crate::position::SHIPPED_DEFAULT.0, crate::position::SHIPPED_DEFAULT.1)
            }
            Position::Unset => None,
        }
    }

    /// Returns the place's latitude, degrees north.
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Returns where the sun stands at a time, in Unix seconds, UTC.
    pub fn position(&self, time: i64) -> SunPosition {
        let position = JulianDate::new(julian(time), DELTA_T)
            .and_then(|date| SolarPositions::grena3().at_from_julian(date, self.location(), 0.0, None));
        // Every place has a position from 2010 to 2110.
        position.map_or(SunPosition { elevation: -90.0, azimuth: 0.0 }, |position| SunPosition {
            elevation: position.elevation_angle(),
            azimuth: position.azimuth(),
        })
    }

    /// Returns the elevation of the sun at a time, in degrees.
    pub fn elevation(&self, time: i64) -> f64 {
        self.position(time).elevation
    }

    /// Returns the sun's next passage of the meridian after a time, Unix seconds, UTC.
    pub fn next_noon(&self, time: i64) -> i64 {
        let (start, end) = (julian(time), julian(time + 2 * DAY));
        let noon = SolarEvents::grena3().next_transit_from_julian(start, end, self.longitude, DELTA_T);
        noon.ok().flatten().map_or(time + DAY / 2, unix)
    }

    /// Returns the next sunset after a time, Unix seconds, UTC. `None` if there is none within two days, as in the polar day
    /// and night.
    pub fn next_set(&self, time: i64) -> Option<i64> {
        let (start, end) = (julian(time), julian(time + 2 * DAY));
        let events = SolarEvents::grena3();
        let set = events.next_set_from_julian(start, end, self.location(), DELTA_T, Horizon::SunriseSunset);
        set.ok().flatten().map(unix)
    }

    /// Returns the next sunrise after a time, Unix seconds, UTC. `None` if there is none within two days, as in the polar
    /// day and night.
    pub fn next_rise(&self, time: i64) -> Option<i64> {
        let (start, end) = (julian(time), julian(time + 2 * DAY));
        let events = SolarEvents::grena3();
        let rise = events.next_rise_from_julian(start, end, self.location(), DELTA_T, Horizon::SunriseSunset);
        rise.ok().flatten().map(unix)
    }

    fn location(&self) -> Location {
        Location { latitude: self.latitude, longitude: self.longitude }
    }
}

fn julian(time: i64) -> f64 {
    JULIAN_1970 + time as f64 / DAY as f64
}

fn unix(julian: f64) -> i64 {
    ((julian - JULIAN_1970) * DAY as f64).round() as i64
}
