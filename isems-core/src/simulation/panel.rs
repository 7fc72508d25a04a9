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
    /// The obstacle: the azimuths of the sun from which and to which, and the elevation up to which, it casts a shadow,
    /// degrees.
    pub(super) shade: Option<(f64, f64, f64)>,
    /// The fraction of the light that dirt takes away.
    pub(super) soiling: f64,
    /// The fraction of the light that snow takes away.
    pub(super) snow: f64,
    /// Set if its cable is broken.
    pub(super) is_disconnected: bool,
}

impl Panel {
    /// Returns the irradiance that reaches the cells, W/m2.
    pub(super) fn irradiance(&self, sky: &Moment) -> f64 {
        let sun = sky.elevation.to_radians();
        let tilt = self.tilt.to_radians();
        let turn = (sky.azimuth - self.azimuth).to_radians();
        let incidence = (sun.sin() * tilt.cos() + sun.cos() * tilt.sin() * turn.cos()).max(0.0);
        let is_shaded =
            self.shade.is_some_and(|(from, to, height)| (from..to).contains(&sky.azimuth) && sky.elevation < height);
        let direct = if is_shaded { 0.0 } else { sky.direct * incidence };
        let open_sky = if is_shaded { 0.85 } else { 1.0 };
        let diffuse = sky.diffuse * (1.0 + tilt.cos()) / 2.0 * open_sky;
        (direct + diffuse) * (1.0 - self.soiling) * (1.0 - self.snow)
    }

    /// Returns the power at the maximum power point, W.
    pub(super) fn power_at(&self, irradiance: f64, temperature: f64) -> f64 {
        if self.is_disconnected {
            return 0.0;
        }
        let cell = temperature + 0.03 * irradiance;
        0.95 * self.power * irradiance / 1000.0 * (1.0 - 0.004 * (cell - 25.0))
    }

    /// Returns the voltage without load, V.
    pub(super) fn open_circuit_at(&self, irradiance: f64, temperature: f64) -> f64 {
        if self.is_disconnected || irradiance <= 0.05 {
            return 0.0;
        }
        let cell = temperature + 0.03 * irradiance;
        let weak = 1.0 + 0.055 * (irradiance / 1000.0).ln();
        (self.open_circuit * weak * (1.0 - 0.003 * (cell - 25.0))).max(0.0)
    }
}
