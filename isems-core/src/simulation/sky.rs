//! The sky over a mesh: sun, clouds and temperature, the same for all its nodes.

use solar_positioning::{Location, SolarPositions, time::JulianDate};

use super::random::Random;

/// The time resolution, seconds.
const STEP: i64 = 600;
const DAY: i64 = 86_400;
const JULIAN_1970: f64 = 2_440_587.5;
const DELTA_T: f64 = 69.2;

/// The kinds of weather, each of which lasts for some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spell {
    Clear,
    Mixed,
    Overcast,
}

/// The sky at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Degrees above the horizon.
    pub(super) elevation: f64,
    /// Degrees clockwise from north.
    pub(super) azimuth: f64,
    /// Irradiance of the direct beam on a plane facing it, W/m2.
    pub(super) direct: f64,
    /// Irradiance of the rest of the sky on a horizontal plane, W/m2.
    pub(super) diffuse: f64,
    /// Air temperature, degC.
    pub(super) temperature: f64,
    /// Set if it rains or snows.
    pub(super) is_wet: bool,
    /// The difference of the light from place to place, as clouds pass one node before the other: the standard
    /// deviation of its logarithm.
    pub(super) patchiness: f64,
}

/// The sky over a period.
#[derive(Debug, Clone)]
pub(super) struct Sky {
    start: i64,
    moments: Vec<Moment>,
}

impl Sky {
    pub(super) fn new(seed: u64, latitude: f64, longitude: f64, start: i64, end: i64) -> Self {
        let mut random = Random::new(seed, u32::MAX);
        let positions = SolarPositions::grena3();
        let location = Location { latitude, longitude };
        let (mut spell, mut days_left) = (Spell::Mixed, 0);
        let (mut cover, mut warmth) = (0.5_f64, 0.0_f64);
        let (mut day, mut day_cover, mut is_wet_day) = (i64::MIN, 0.5, false);
        let steps = (end - start) / STEP + 2;
        let moments = (0..steps).map(|step| {
            let time = start + step * STEP;
            let today = (time + (longitude * 240.0) as i64).div_euclid(DAY);
            let season = season(time, latitude);
            if today != day {
                day = today;
                if days_left == 0 {
                    (spell, days_left) = next_spell(&mut random, season);
                }
                days_left -= 1;
                day_cover = match spell {
                    Spell::Clear => 0.25 * random.uniform(),
                    Spell::Mixed => 0.3 + 0.5 * random.uniform(),
                    Spell::Overcast => 0.88 + 0.12 * random.uniform(),
                };
                is_wet_day = spell == Spell::Overcast && random.chance(0.5);
                warmth = 0.75 * warmth + random.normal(0.0, 1.8);
            }
            // Passing clouds come and go within the hour, around the average of the day.
            let restlessness = if spell == Spell::Mixed { 0.12 } else { 0.04 };
            cover = (cover + 0.15 * (day_cover - cover) + random.normal(0.0, restlessness)).clamp(0.0, 1.0);
            let date = JulianDate::new(JULIAN_1970 + time as f64 / DAY as f64, DELTA_T);
            let sun = date.and_then(|date| positions.at_from_julian(date, location, 0.0, None));
            let (elevation, azimuth) = sun.map_or((-90.0, 0.0), |sun| (sun.elevation_angle(), sun.azimuth()));
            let (direct, diffuse) = irradiance(elevation, cover);
            // Warmest in the afternoon, when the sun is halfway from noon to west.
            let afternoon = if latitude < 0.0 { 315.0_f64 } else { 225.0 };
            let swing = (2.0 + 4.0 * (1.0 - day_cover)) * ((azimuth - afternoon).to_radians()).cos();
            let temperature = 10.0 - 9.5 * season + warmth + swing;
            let patchiness = match spell {
                Spell::Clear => 0.05,
                Spell::Mixed => 0.25,
                Spell::Overcast => 0.08,
            };
            Moment { elevation, azimuth, direct, diffuse, temperature, is_wet: is_wet_day && cover > 0.85, patchiness }
        });
        Self { start, moments: moments.collect() }
    }

    /// Returns the sky at a time, which must lie within the period.
    pub(super) fn at(&self, time: i64) -> &Moment {
        let step = ((time - self.start) / STEP).clamp(0, self.moments.len() as i64 - 1);
        &self.moments[step as usize]
    }
}

/// Returns 1 in the middle of winter, -1 in the middle of summer.
fn season(time: i64, latitude: f64) -> f64 {
    let year = (time as f64 / DAY as f64 - 19.0) / 365.2425;
    (year * std::f64::consts::TAU).cos() * latitude.signum()
}

/// Draws the next weather: dark spells are longer and more frequent in winter.
fn next_spell(random: &mut Random, season: f64) -> (Spell, u32) {
    let overcast = 0.30 + 0.14 * season;
    let draw = random.uniform();
    let length = |random: &mut Random, longest: f64| 1 + (random.uniform() * random.uniform() * longest) as u32;
    if draw < overcast {
        (Spell::Overcast, length(random, 7.0 + 2.0 * season))
    } else if draw < overcast + 0.4 {
        (Spell::Mixed, length(random, 5.0))
    } else {
        (Spell::Clear, length(random, 7.0))
    }
}

/// Returns direct and diffuse irradiance under clouds that cover a fraction of the sky. Clear sky after Haurwitz
/// (1945), clouds after Kasten and Czeplak (1980), with a diffuse fraction that rises with the cover.
fn irradiance(elevation: f64, cover: f64) -> (f64, f64) {
    let sine = elevation.to_radians().sin();
    if sine <= -0.1 {
        return (0.0, 0.0);
    }
    if sine <= 0.01 {
        // Twilight.
        return (0.0, 4.0 * (1.0 + (sine - 0.01) / 0.11).max(0.0));
    }
    let clear = 1098.0 * sine * (-0.057 / sine).exp();
    let global = clear * (1.0 - 0.78 * cover.powf(3.4)) + 4.0;
    let diffuse_share = (0.18 + 0.82 * cover.powf(1.5)).min(1.0);
    // Low above the horizon there is hardly anything but diffuse light.
    let direct = global * (1.0 - diffuse_share) / sine.max(0.15);
    (direct, global * diffuse_share)
}
