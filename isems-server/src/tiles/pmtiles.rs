//! A `.pmtiles` file.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ::pmtiles::{AsyncBackend, AsyncPmTilesReader, BackendResponse, PmtResult, TileCoord, TileType};
use isems_core::BoxError;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{About, Tile, TilePlace, attribution, not_a_picture};

/// A `.pmtiles` file with pictures.
pub(super) struct Pmtiles {
    reader: AsyncPmTilesReader<OpenFile>,
    content_type: &'static str,
}

impl std::fmt::Debug for Pmtiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pmtiles").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

impl Pmtiles {
    pub(super) async fn open(path: &Path) -> Result<(Self, About), BoxError> {
        let file = OpenFile(Arc::new(Mutex::new(File::open(path)?)));
        let reader = AsyncPmTilesReader::try_from_source(file).await?;
        let header = reader.get_header();
        let content_type = match header.tile_type {
            TileType::Png | TileType::Jpeg | TileType::Webp | TileType::Avif => header.tile_type.content_type(),
            TileType::Mvt | TileType::Mlt => return Err(not_a_picture("vectors")),
            TileType::Unknown => return Err(not_a_picture("of an unknown kind")),
        };
        let deepest_zoom = header.max_zoom;
        // Metadata is optional.
        let metadata = reader.get_metadata().await.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let attribution = metadata.and_then(|metadata| attribution::words(metadata["attribution"].as_str()?));
        Ok((Self { reader, content_type }, About { attribution, deepest_zoom }))
    }

    pub(super) async fn tile(&self, place: TilePlace) -> Result<Option<Tile>, BoxError> {
        let Ok(place) = TileCoord::new(place.zoom, place.x, place.y) else { return Ok(None) };
        let bytes = self.reader.get_tile_decompressed(place).await?;
        Ok(bytes.map(|bytes| Tile { content_type: self.content_type, bytes }))
    }
}

/// A file that is read as usual. A mapping into memory would end the process if somebody shortened the file.
struct OpenFile(Arc<Mutex<File>>);

impl AsyncBackend for OpenFile {
    async fn read(&self, offset: u64, length: usize) -> PmtResult<BackendResponse> {
        let file = self.0.clone();
        let read = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.by_ref().take(length as u64).read_to_end(&mut bytes)?;
            std::io::Result::Ok(bytes)
        };
        let bytes = spawn_blocking(read).await.map_err(std::io::Error::other)??;
        Ok(BackendResponse::new(bytes.into()))
    }
}
