//! A solar panel.

use super::sky::Moment;

/// A panel on a roof or a mast, with its dirt, snow and obstacles.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// The rated power, W.
    pub(super) power: f64,
    /// Degrees from the horizontal.
    pub(super) tilt: f64,
    /// Degrees clockwise from north.
    pub(super) azimuth: f64,
    /// The open-circuit voltage at full sun, V.
    pub(super) open_circuit: f64,
    /// The warmth of the cells above the air's, degC per W/m2, in the wind of the moment.
    pub(super) heating: f64,
    /// The obstacle that has always been there, and one that has come.
    pub(super) obstacles: [Option<Obstacle>; 2],
    /// The fractions of the light that dust, dirt that sticks, snow, and what else lies on it take away.
    pub(super) dust: f64,
    pub(super) dirt: f64,
    pub(super) snow: f64,
    pub(super) cover: f64,
    /// Set if its cable is broken.
    pub(super) is_disconnected: bool,
}

/// Something that casts a shadow while the sun is behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Obstacle {
    /// Its left and right edge, degrees clockwise from north.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Its upper edge, degrees above the horizon.
    pub(super) height: f64,
}

impl Obstacle {
    fn hides(&self, sky: &Moment) -> bool {
        sky.elevation < self.height && (sky.azimuth - self.from).rem_euclid(360.0) < self.width()
    }

    fn width(&self) -> f64 {
        (self.to - self.from).rem_euclid(360.0)
    }

    /// Returns it as it would stand on the other hemisphere: mirrored at the line from east to west.
    pub(super) fn mirrored(self) -> Self {
        let mirror = |azimuth: f64| (180.0 - azimuth).rem_euclid(360.0);
        Self { from: mirror(self.to), to: mirror(self.from), height: self.height }
    }
}

impl Panel {
    /// Returns the irradiance that reaches the cells, W/m2.
    pub(super) fn irradiance(&self, sky: &Moment) -> f64 {
        let sun = sky.elevation.to_radians();
        let tilt = self.tilt.to_radians();
        let turn = (sky.azimuth - self.azimuth).to_radians();
        let incidence = (sun.sin() * tilt.cos() + sun.cos() * tilt.sin() * turn.cos()).max(0.0);
        let is_shaded = self.obstacles.iter().flatten().any(|obstacle| obstacle.hides(sky));
        let direct = if is_shaded { 0.0 } else { sky.direct * incidence };
        let open_sky = if is_shaded { 0.85 } else { 1.0 };
        let diffuse = sky.diffuse * (1.0 + tilt.cos()) / 2.0 * open_sky;
        (direct + diffuse) * self.clearness()
    }

    /// Returns the fraction of the light that passes what lies on the panel.
    pub(super) fn clearness(&self) -> f64 {
        (1.0 - self.dust) * (1.0 - self.dirt) * (1.0 - self.snow) * (1.0 - self.cover)
    }

    /// Lets dust gather at a rate (per minute), rain wash it off, and snow fall and melt, for a minute.
    pub(super) fn weather(&mut self, sky: &Moment, dust: f64) {
        self.dust = (self.dust + dust).min(0.6);
        if sky.is_wet && sky.temperature < 0.0 {
            self.snow = (self.snow + 0.25 / 60.0).min(0.97);
        } else if sky.is_wet {
            // Dust is gone after some hours of rain, what sticks only after weeks of them.
            self.dust -= self.dust / (3.0 * 60.0);
            self.dirt -= self.dirt / (400.0 * 60.0);
        }
        if self.snow > 0.0 && sky.temperature > -4.0 {
            // It melts with the warmth of the air and of the sun, and slides off steep panels sooner.
            let an_hour = 0.03 * sky.temperature.max(0.0) + 0.2 * (sky.direct + sky.diffuse) / 500.0;
            self.snow = (self.snow - an_hour * (0.3 + self.tilt / 60.0) / 60.0).max(0.0);
        }
    }

    /// Returns the power at the maximum power point, W.
    pub(super) fn power_at(&self, irradiance: f64, temperature: f64) -> f64 {
        if self.is_disconnected {
            return 0.0;
        }
        let cell = temperature + self.heating * irradiance;
        0.95 * self.power * irradiance / 1000.0 * (1.0 - 0.004 * (cell - 25.0))
    }

    /// Returns the voltage without load, V.
    pub(super) fn open_circuit_at(&self, irradiance: f64, temperature: f64) -> f64 {
        if self.is_disconnected || irradiance <= 0.05 {
            return 0.0;
        }
        let cell = temperature + self.heating * irradiance;
        let weak = 1.0 + 0.055 * (irradiance / 1000.0).ln();
        (self.open_circuit * weak * (1.0 - 0.003 * (cell - 25.0))).max(0.0)
    }
}
