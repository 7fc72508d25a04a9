//! Pictures of the ground that lie below the map: tiles in the usual scheme, of another host, or of a file that the
//! server serves itself.

mod address;
mod attribution;
mod mbtiles;
mod pmtiles;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use isems_core::BoxError;
use serde::{Deserialize, Serialize};

use self::{address::TileAddress, mbtiles::Mbtiles, pmtiles::Pmtiles};
use crate::settings::InvalidSetting;

/// The path of the service's own tiles, with the usual placeholders.
const OWN_TILES: &str = "/tiles/{z}/{x}/{y}";

/// The settings of the map.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapSettings {
    /// The ground: an address with `{z}`, `{x}` and `{y}`, or the path of a `.pmtiles` or `.mbtiles` file. Default:
    /// none.
    pub tiles: Option<String>,
    /// The words in which the makers of the tiles want to be named. Default: those in the file, or the name of the host
    /// or the file.
    pub attribution: Option<String>,
    /// The largest zoom for which another host has tiles. Default: 19. A file says so itself.
    pub deepest_zoom: u8,
}

impl Default for MapSettings {
    fn default() -> Self {
        Self { tiles: None, attribution: None, deepest_zoom: 19 }
    }
}

/// The tiles of the map.
#[derive(Debug)]
pub struct Tiles {
    source: Source,
    /// The words in which their makers are named.
    attribution: String,
    /// The largest zoom for which there are tiles.
    deepest_zoom: u8,
}

#[derive(Debug)]
enum Source {
    Host(TileAddress),
    Pmtiles(Pmtiles),
    Mbtiles(Mbtiles),
}

/// The place of a tile: its zoom, and its number from the west and from the north.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TilePlace {
    pub(crate) zoom: u8,
    pub(crate) x: u32,
    pub(crate) y: u32,
}

/// A picture.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// The facts that a source gives about its tiles.
#[derive(Debug)]
struct About {
    attribution: Option<String>,
    deepest_zoom: u8,
}

impl Tiles {
    /// Opens what the settings name; `None` if they name nothing.
    pub async fn open(settings: &MapSettings) -> Result<Option<Self>, InvalidSetting> {
        let Some(text) = settings.tiles.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let opened = if text.contains("://") {
            let about = About { attribution: None, deepest_zoom: settings.deepest_zoom };
            text.parse().map(|address| (Source::Host(address), about))
        } else {
            Source::of_file(Path::new(text)).await
        };
        let (source, about) = opened.map_err(|error| {
            InvalidSetting(format!("server.map.tiles (ISEMS_MAP_TILES): cannot use {text:?}: {error}"))
        })?;
        let given = settings.attribution.as_deref().map(str::trim).filter(|words| !words.is_empty());
        let attribution = given.map(Into::into).or(about.attribution).unwrap_or_else(|| source.name(text));
        Ok(Some(Self { source, attribution, deepest_zoom: about.deepest_zoom }))
    }

    /// Returns the words in which the makers of the tiles are named.
    pub(crate) fn attribution(&self) -> &str {
        &self.attribution
    }

    /// Returns the largest zoom for which there are tiles.
    pub(crate) fn deepest_zoom(&self) -> u8 {
        self.deepest_zoom
    }

    /// Returns the address of a tile, with placeholders, below a prefix of the service's paths.
    pub(crate) fn address(&self, base: &str) -> String {
        match &self.source {
            Source::Host(address) => address.as_str().into(),
            Source::Pmtiles(_) | Source::Mbtiles(_) => format!("{base}{OWN_TILES}"),
        }
    }

    /// Returns the origin of tiles that browsers load from elsewhere.
    pub(crate) fn origin(&self) -> Option<&str> {
        match &self.source {
            Source::Host(address) => Some(address.origin()),
            Source::Pmtiles(_) | Source::Mbtiles(_) => None,
        }
    }

    /// Reads a tile from the file, if it has it.
    pub(crate) async fn tile(&self, place: TilePlace) -> Result<Option<Tile>, BoxError> {
        match &self.source {
            Source::Host(_) => Ok(None),
            Source::Pmtiles(file) => file.tile(place).await,
            Source::Mbtiles(file) => file.tile(place).await,
        }
    }
}

impl Source {
    async fn of_file(path: &Path) -> Result<(Self, About), BoxError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("pmtiles") => {
                let (file, about) = Pmtiles::open(path).await?;
                Ok((Self::Pmtiles(file), about))
            }
            Some("mbtiles") => {
                let (file, about) = Mbtiles::open(path).await?;
                Ok((Self::Mbtiles(file), about))
            }
            _ => Err("expected a .pmtiles or .mbtiles file, or an address such as https://host/{z}/{x}/{y}.png".into()),
        }
    }

    /// Returns the name by which the tiles are known if nobody has named their makers.
    fn name(&self, text: &str) -> String {
        match self {
            Self::Host(address) => address.host().into(),
            Self::Pmtiles(_) | Self::Mbtiles(_) => {
                PathBuf::from(text).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
            }
        }
    }
}

/// Returns the error that a file has tiles of a kind which the map cannot draw.
fn not_a_picture(kind: &str) -> BoxError {
    format!("its tiles are {kind}, but the map draws pictures: png, jpg or webp").into()
}
