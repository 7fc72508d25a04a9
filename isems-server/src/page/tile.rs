//! The tiles of the map, if the server has a file of them.

use poem::{
    Request, Response, Result,
    http::{StatusCode, header},
};
use tracing::warn;

use super::Pages;
use crate::{api::Refusal, tiles::TilePlace};

impl Pages {
    /// Answers with a tile. A place without one is empty rather than an error, which browsers would complain about.
    pub(super) async fn tile(&self, request: &Request) -> Result<Response> {
        let missing = || Refusal::new(StatusCode::NOT_FOUND, "there are no such tiles");
        let (zoom, x, y): (u8, u32, u32) = request.path_params().map_err(|_| missing())?;
        let tiles = self.tiles.as_deref().filter(|tiles| tiles.origin().is_none()).ok_or_else(missing)?;
        let tile = tiles.tile(TilePlace { zoom, x, y }).await.map_err(|error| {
            warn!(zoom, x, y, %error, "cannot read a tile of the map");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the tile cannot be read; the server's log says why")
        })?;
        // Private, because reading can be protected.
        let response = Response::builder().header(header::CACHE_CONTROL, "private, max-age=86400");
        Ok(match tile {
            Some(tile) => response.content_type(tile.content_type).body(tile.bytes),
            None => response.status(StatusCode::NO_CONTENT).finish(),
        })
    }
}
