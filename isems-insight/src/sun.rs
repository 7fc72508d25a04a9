//! The position of the sun.

use isems_core::Measurement;
use solar_positioning::{Location, SolarPositions, time::JulianDate};

use crate::Position;

/// The Julian date of 1970-01-01T00:00Z.
const JULIAN_1970: f64 = 2_440_587.5;

/// The difference of terrestrial and universal time in the 2020s, seconds. Its change over decades moves the sun by
/// less than a thousandth of a degree.
const DELTA_T: f64 = 69.2;

/// The elevation at which the upper edge of the sun touches the horizon, with the usual refraction, degrees.
const HORIZON: f64 = -0.833;

const DAY: i64 = 86_400;

/// The time in which the sky turns by a degree.
const SECONDS_A_DEGREE: f64 = 240.0;

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

    /// Returns the place's longitude, degrees east.
    pub fn longitude(&self) -> f64 {
        self.longitude
    }

    /// Returns by how much mean solar time is ahead of UTC at the place, seconds.
    pub fn ahead_of_utc(&self) -> i64 {
        (self.longitude * SECONDS_A_DEGREE) as i64
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

    /// Returns whether the sun is above the horizon at a time.
    pub fn is_up(&self, time: i64) -> bool {
        self.elevation(time) > HORIZON
    }

    /// Returns the sun's next passage of the meridian after a time, Unix seconds, UTC, to within a minute.
    pub fn next_noon(&self, time: i64) -> i64 {
        // Mean solar noon is up to 17 minutes off the true one. There the azimuth moves by a quarter of a degree a
        // minute or more, so two corrections are enough. Between the tropics, where the sun can stand in the zenith,
        // the mean has to do.
        let mean = DAY / 2 - self.ahead_of_utc();
        let passage = |day: i64| {
            let mut noon = mean + day * DAY;
            for _ in 0..2 {
                let before = hour_angle(self.position(noon - 900).azimuth, self.latitude);
                let after = hour_angle(self.position(noon + 900).azimuth, self.latitude);
                let step = -900.0 * (before + after) / (after - before);
                if step.abs() < 1800.0 {
                    noon += step as i64;
                }
            }
            noon
        };
        let day = (time - mean).div_euclid(DAY);
        (day..day + 3).map(passage).find(|noon| *noon > time).unwrap_or(time + DAY)
    }

    /// Returns the next sunset after a time, Unix seconds, UTC. `None` if there is none within two days, as in the
    /// polar day and night.
    pub fn next_set(&self, time: i64) -> Option<i64> {
        self.next_crossing(time, false)
    }

    /// Returns the next sunrise after a time, Unix seconds, UTC. `None` if there is none within two days, as in the
    /// polar day and night.
    pub fn next_rise(&self, time: i64) -> Option<i64> {
        self.next_crossing(time, true)
    }

    /// Works out a crossing of the horizon from where the sun stands, and corrects it by where it stands then: three or
    /// four positions, where a search takes forty.
    fn next_crossing(&self, time: i64, rises: bool) -> Option<i64> {
        let Some(way) = self.way_to_crossing(time, rises) else { return self.search_crossing(time, rises) };
        // One that is due at this very moment may be just ahead or just past.
        let starts = if way > 350.0 { [way - 360.0, way] } else { [way, way + 360.0] };
        for start in starts {
            let mut crossing = time + (start * SECONDS_A_DEGREE) as i64;
            for _ in 0..4 {
                let Some(way) = self.way_to_crossing(crossing, rises) else { return self.search_crossing(time, rises) };
                let correction = ((if way > 180.0 { way - 360.0 } else { way }) * SECONDS_A_DEGREE) as i64;
                crossing += correction;
                if correction.abs() <= 4 {
                    break;
                }
            }
            if crossing > time {
                return Some(crossing);
            }
        }
        self.search_crossing(time, rises)
    }

    /// Returns how far the sky has to turn until the sun crosses the horizon, degrees from 0 to 360, with the sun's
    /// declination at a time. `None` where the sun may not cross it on that day.
    ///
    /// Source: the equations between horizontal and equatorial coordinates, for example in Meeus, *Astronomical
    /// Algorithms*, chapters 13 and 15.
    fn way_to_crossing(&self, time: i64, rises: bool) -> Option<f64> {
        let SunPosition { elevation, azimuth } = self.position(time);
        let (latitude, elevation, azimuth) = (self.latitude.to_radians(), elevation.to_radians(), azimuth.to_radians());
        let declination = (latitude.sin() * elevation.sin() + latitude.cos() * elevation.cos() * azimuth.cos()).asin();
        let hour_angle = (-elevation.cos() * azimuth.sin())
            .atan2(elevation.sin() * latitude.cos() - elevation.cos() * latitude.sin() * azimuth.cos());
        let at_horizon =
            (HORIZON.to_radians().sin() - latitude.sin() * declination.sin()) / (latitude.cos() * declination.cos());
        // Near 1 the sun only grazes the horizon.
        (at_horizon.abs() < 0.98).then(|| {
            let crossing = if rises { -at_horizon.acos() } else { at_horizon.acos() };
            (crossing - hour_angle).to_degrees().rem_euclid(360.0)
        })
    }

    /// Looks for a crossing of the horizon in steps of half an hour, and then halves the step. The crate's own search
    /// is rigorous even at the poles, and a thousand times slower.
    fn search_crossing(&self, time: i64, rises: bool) -> Option<i64> {
        const STEP: i64 = 1800;
        let mut was_up = self.is_up(time);
        let mut before = time;
        for _ in 0..2 * DAY / STEP {
            let mut after = before + STEP;
            let is_up = self.is_up(after);
            if is_up == rises && was_up != rises {
                while after - before > 8 {
                    let middle = before.midpoint(after);
                    *(if self.is_up(middle) == rises { &mut after } else { &mut before }) = middle;
                }
                return Some(after);
            }
            (was_up, before) = (is_up, after);
        }
        None
    }

    fn location(&self) -> Location {
        Location { latitude: self.latitude, longitude: self.longitude }
    }
}

fn julian(time: i64) -> f64 {
    JULIAN_1970 + time as f64 / DAY as f64
}

/// The azimuth counted from the meridian that the sun passes at noon, degrees.
pub(crate) fn hour_angle(azimuth: f64, latitude: f64) -> f64 {
    if latitude >= 0.0 { azimuth - 180.0 } else { (azimuth + 180.0).rem_euclid(360.0) - 180.0 }
}
