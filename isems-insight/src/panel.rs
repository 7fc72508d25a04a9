//! The panel of a node: its yield, compared with the other panels of the mesh.

/// The panel's yield.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Panel {
    /// The yield of the last seven days in percent of what is usual for the panel, both relative to the other panels of
    /// the mesh under the same sky.
    pub yield_percent_of_mesh: Option<f64>,
    /// The change of the yield over the last 30 days, percent per 30 days; negative as the panel gets dirty.
    pub yield_trend_percent_per_month: Option<f64>,
    /// Set if the panel yields nothing by day while its neighbours charge.
    pub covered: Option<bool>,
    /// Set if no voltage comes from the panel by day while its neighbours charge.
    pub disconnected: Option<bool>,
}
