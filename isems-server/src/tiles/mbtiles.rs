//! A `.mbtiles` file: an SQLite database with the tables `metadata` and `tiles`.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use isems_core::BoxError;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tokio::task::spawn_blocking;

use super::{About, Tile, TilePlace, attribution, not_a_picture};

/// A `.mbtiles` file with pictures.
#[derive(Debug)]
pub(super) struct Mbtiles {
    database: Arc<Mutex<Connection>>,
    content_type: &'static str,
}

impl Mbtiles {
    pub(super) async fn open(path: &Path) -> Result<(Self, About), BoxError> {
        let path = path.to_owned();
        spawn_blocking(move || Self::open_now(&path)).await?
    }

    fn open_now(path: &Path) -> Result<(Self, About), BoxError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        let metadata = |name: &str| {
            let query = "SELECT value FROM metadata WHERE name = ?1";
            database.query_row(query, [name], |row| row.get::<_, String>(0)).optional()
        };
        let content_type = match metadata("format")?.as_deref() {
            Some("png") => "image/png",
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("webp") => "image/webp",
            Some("pbf") => return Err(not_a_picture("vectors")),
            Some(other) => return Err(not_a_picture(&format!("{other:?}"))),
            None => return Err("its metadata does not say the format of its tiles".into()),
        };
        let attribution = metadata("attribution")?.and_then(|markup| attribution::words(&markup));
        let deepest: Option<u8> = database.query_row("SELECT max(zoom_level) FROM tiles", [], |row| row.get(0))?;
        let deepest_zoom = deepest.ok_or("it has no tiles")?;
        let file = Self { database: Arc::new(Mutex::new(database)), content_type };
        Ok((file, About { attribution, deepest_zoom }))
    }

    pub(super) async fn tile(&self, place: TilePlace) -> Result<Option<Tile>, BoxError> {
        // Its rows are counted from the south.
        let last = 1_u32.checked_shl(place.zoom.into()).map(|count| count - 1);
        let Some(row) = last.and_then(|last| last.checked_sub(place.y)) else { return Ok(None) };
        let database = self.database.clone();
        let read = move || {
            let database = database.lock().unwrap_or_else(PoisonError::into_inner);
            let query = "SELECT tile_data FROM tiles WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3";
            let mut query = database.prepare(query)?;
            query.query_row((place.zoom, place.x, row), |row| row.get::<_, Vec<u8>>(0)).optional()
        };
        let bytes = spawn_blocking(read).await??;
        Ok(bytes.map(|bytes| Tile { content_type: self.content_type, bytes: bytes.into() }))
    }
}
