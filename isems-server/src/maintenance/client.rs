//! A client for the HTTP service of the server that has a database open.

use std::{
    future::poll_fn,
    path::{Path, PathBuf},
    pin::Pin,
};

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderMap},
};
use hyper_util::rt::TokioIo;
use isems_core::{BoxError, chain};
use serde::de::DeserializeOwned;

use super::control;
use crate::api::Problem;

/// A client for the server that has a database open. Each request uses its own connection, so that none stays open
/// while a person is thinking.
pub(crate) struct Client {
    database: PathBuf,
}

impl Client {
    /// Finds the server that has a database open, or `None` if no server is listening.
    pub(crate) async fn find(database: &Path) -> Result<Option<Self>, BoxError> {
        let stream = control::connect(database).await?;
        Ok(stream.map(|_| Self { database: database.into() }))
    }

    /// Requests a path with its query. Any status is a valid answer.
    pub(super) async fn request(&self, method: Method, target: &str) -> Result<Answer, BoxError> {
        let stream = control::connect(&self.database).await?.ok_or("the server stopped before the command was done")?;
        let socket = control::socket_path(&self.database);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its failures also surface as errors of the answer.
        tokio::spawn(connection);
        let request = hyper::Request::builder().method(method).uri(target).header(HOST, "localhost");
        let response = sender.send_request(request.body(String::new())?).await;
        let response = response.map_err(|error| {
            if error.is_parse() {
                format!("the process listening at {} is not a server of this version", socket.display())
            } else {
                format!("the server stopped before the command was done: {}", chain(&error))
            }
        })?;
        let (parts, body) = response.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body, _sender: sender })
    }

    /// Requests a path with its query, and fails with the server's message if it refuses.
    pub(crate) async fn ask(&self, method: Method, target: &str) -> Result<Answer, BoxError> {
        let answer = self.request(method, target).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let status = answer.status;
        let problem: Problem = answer.json().await.map_err(|_| format!("the server answered with {status}"))?;
        Err(problem.detail.into())
    }
}

/// An answer whose body is read chunk by chunk. Dropping it ends the server's work.
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    /// Keeps the connection open.
    _sender: SendRequest<String>,
}

impl Answer {
    /// Returns the next part of the body, or `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, BoxError> {
        while let Some(frame) = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await {
            let frame = frame.map_err(|error| {
                format!("the server cut off its answer, and its log may say why: {}", chain(&error))
            })?;
            // There are no trailers.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Reads the body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(mut self) -> Result<T, BoxError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| format!("unexpected answer from the server: {error}").into())
    }
}
