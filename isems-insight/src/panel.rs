//! The panel of a node: its yield, compared with the other panels of the mesh.

/// The panel's yield.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    /// The yield of the last days in percent of the yield of the other panels of the mesh under the same sky, each
    /// relative to its own best.
    pub yield_percent_of_mesh: Option<f64>,
    /// The change of the yield over the last 30 days, percent per 30 days; negative as the panel gets dirty.
    pub yield_trend_percent_per_month: Option<f64>,
    /// The directions of the sun in which the panel yields too little while its neighbours charge.
    pub suspected_shade: Vec<Shade>,
    /// Set if the panel yields nothing by day while its neighbours charge.
    pub covered: Option<bool>,
    /// Set if no voltage comes from the panel by day while its neighbours charge.
    pub disconnected: Option<bool>,
}

/// A sector of the sky from which the panel gets too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shade {
    /// The azimuth of the sun where it begins, degrees clockwise from north.
    pub from_azimuth: f64,
    /// The azimuth of the sun where it ends, degrees clockwise from north.
    pub to_azimuth: f64,
    /// The share of the yield that is missing there, percent.
    pub loss_percent: f64,
}
