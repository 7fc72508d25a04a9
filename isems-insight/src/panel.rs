//! The panel of a node: its yield, compared with the other panels of the mesh.

/// The panel's yield.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    /// The yield of the last seven days in percent of what is usual for the panel, both relative to the other panels of
    /// the mesh under the same sky.
    pub yield_percent_of_mesh: Option<f64>,
    /// The change of the yield over the last 30 days, percent per 30 days; negative as the panel gets dirty.
    pub yield_trend_percent_per_month: Option<f64>,
    /// The azimuths of the sun at which the panel lacks light while its neighbours have it. Empty if there are none, or
    /// none are known.
    pub suspected_shade: Vec<Azimuths>,
    /// Set if the panel gets hardly any light by day while its neighbours do.
    pub covered: Option<bool>,
    /// Set if no voltage comes from the panel by day while its neighbours charge.
    pub disconnected: Option<bool>,
}

/// A range of azimuths, degrees clockwise from north.
///
/// ```
/// use isems_insight::Azimuths;
/// assert!(Azimuths { from: 345.0, to: 15.0 }.contains(5.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Azimuths {
    /// Its left edge.
    pub from: f64,
    /// Its right edge.
    pub to: f64,
}

impl Azimuths {
    /// Returns whether an azimuth lies in it.
    pub fn contains(&self, azimuth: f64) -> bool {
        (azimuth - self.from).rem_euclid(360.0) < (self.to - self.from).rem_euclid(360.0)
    }
}
