//! The files that a chart offers to save.

use maud::{Markup, html};

/// The addresses of a chart's files.
#[derive(Debug, Clone, Copy)]
pub struct Downloads<'a> {
    /// The address of the chart as an SVG file. A script makes a PNG of it.
    pub svg: &'a str,
    /// The address of the measurements that are shown, as CSV.
    pub csv: &'a str,
    /// The name of the files, without their endings.
    pub name: &'a str,
}

impl Downloads<'_> {
    /// Draws the links. That to the PNG is hidden until a script can make it.
    pub(super) fn links(&self, title: &str) -> Markup {
        let link = |kind: &str| format!("{title}: {kind}");
        html! {
            p.downloads {
                a href=(self.csv) download aria-label=(link("CSV")) { "CSV" }
                a href=(self.svg) download={ (self.name) ".svg" } aria-label=(link("SVG")) { "SVG" }
                a href=(self.svg) data-png={ (self.name) ".png" } aria-label=(link("PNG")) hidden { "PNG" }
            }
        }
    }
}
