//! gzip for clients that accept it.

use std::{
    io::{self, Write},
    mem,
};

use flate2::{Compression, write::GzEncoder};
use futures_util::{TryStreamExt, stream};
use poem::{
    Body, Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderMap, HeaderValue, header},
};
use tokio::task;

/// A body below this length is sent as it is.
const SHORTEST: usize = 1024;

/// Says of a response that its body is made while it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Streamed {
    /// It comes to an end, and can be compressed chunk by chunk.
    File,
    /// Its parts have to arrive when they are sent.
    Events,
}

/// Compresses a body chunk by chunk, in memory that does not grow.
fn as_stream(body: Body) -> Body {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let state = Some((Box::pin(body.into_bytes_stream()), encoder));
    Body::from_bytes_stream(stream::try_unfold(state, async |state| {
        let Some((mut chunks, mut encoder)) = state else { return Ok::<_, io::Error>(None) };
        while let Some(chunk) = chunks.try_next().await? {
            encoder.write_all(&chunk)?;
            let compressed = mem::take(encoder.get_mut());
            if !compressed.is_empty() {
                return Ok(Some((compressed, Some((chunks, encoder)))));
            }
        }
        Ok(Some((encoder.finish()?, None)))
    }))
}

/// Compresses what is worth it, for clients that accept gzip.
pub(crate) struct Gzip;

impl<E: Endpoint> Middleware<E> for Gzip {
    type Output = GzipEndpoint<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        GzipEndpoint(endpoint)
    }
}

pub(crate) struct GzipEndpoint<E>(E);

impl<E: Endpoint> Endpoint for GzipEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let accepted = accepts_gzip(request.headers());
        let mut response = self.0.call(request).await?.into_response();
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if !accepted || response.headers().contains_key(header::CONTENT_ENCODING) {
            return Ok(response);
        }
        match response.extensions().get::<Streamed>() {
            Some(Streamed::File) => {
                let body = as_stream(response.take_body());
                response.set_body(body);
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                return Ok(response);
            }
            Some(Streamed::Events) => return Ok(response),
            None => {}
        }
        let body = response.take_body().into_bytes().await?;
        if body.len() < SHORTEST {
            response.set_body(body);
            return Ok(response);
        }
        let compressed = task::spawn_blocking(move || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish())
        });
        let compressed = compressed.await.map_err(poem::error::InternalServerError)?;
        response.set_body(Body::from(compressed.map_err(poem::error::InternalServerError)?));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Ok(response)
    }
}

/// Whether gzip, or anything, is named with a weight above zero (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    let mut any = false;
    for coding in values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        let accepted = weight.is_none_or(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return accepted,
            "*" => any = accepted,
            _ => {}
        }
    }
    any
}
