//! The files that pages load: style sheet, scripts and icon.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file that pages load. Its address changes whenever any of them changes, so that it can be kept for ever.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

impl Asset {
    /// Finds an asset by the path that follows `/assets/`.
    pub fn find(path: &str) -> Option<&'static Self> {
        let (version, name) = path.split_once('/')?;
        ASSETS.iter().find(|asset| version == VERSION && asset.name == name)
    }

    /// Returns all assets.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        ASSETS.iter()
    }

    /// Returns the path.
    pub fn path(&self) -> String {
        path_of(self.name)
    }

    /// Returns the content type.
    pub fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            _ => "application/octet-stream",
        }
    }

    /// Returns the content.
    pub fn plain(&self) -> &'static [u8] {
        self.plain
    }

    /// Returns the content, compressed with gzip.
    pub fn gzip(&self) -> &'static [u8] {
        self.gzip
    }
}

/// Returns the path of an asset.
pub(crate) fn path_of(name: &str) -> String {
    format!("/assets/{VERSION}/{name}")
}
