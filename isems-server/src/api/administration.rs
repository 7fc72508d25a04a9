//! Deleting and saving what is stored.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{TryStreamExt, stream};
use isems_core::{RedbRepository, Repository, unix_now};
use jiff::tz::TimeZone;
use poem::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry},
    types::Example,
};
use serde::Serialize;
use tokio::{fs::File, io::AsyncReadExt};

use super::{
    Tag,
    access::Authorized,
    answer::{Answer, Described, content},
    compression::Streamed,
    problem::{FAILED, FORBIDDEN, INVALID, OfReadingNode, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    rendered::Rendered,
    time::seconds,
};
use crate::{
    stream::CHUNK,
    time::{EVER, Moment, Time},
};

/// How much was deleted.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Deleted {
    /// How many measurements.
    deleted: u64,
}

impl Example for Deleted {
    fn example() -> Self {
        Self { deleted: 1906 }
    }
}

/// How much was deleted.
#[derive(ApiResponse)]
enum DeletedResponse {
    /// They are gone, also after a failure of power.
    #[oai(status = 200)]
    Done(Rendered<Deleted>),
}

/// What the document says of a backup.
enum Backup {}

const OCTETS: &str = "application/octet-stream";

impl Described for Backup {
    const DESCRIPTION: &'static str = "The copy: a database that can be put in the place of another one.";
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("Content-Disposition", "A name for the file."),
        (DAMAGES, "How many parts of the database are damaged, and so damaged or missing in the copy; 0 as a rule."),
    ];

    fn content() -> Vec<MetaMediaType> {
        let schema = MetaSchema::new_with_format("string", "binary");
        vec![content(OCTETS, MetaSchemaRef::Inline(Box::new(schema)))]
    }

    fn register(_: &mut Registry) {}
}

/// The header that says how much of a backup is damaged.
const DAMAGES: &str = "Isems-Damages";

/// The problems of saving.
enum OfSaving {}

impl Problems for OfSaving {
    const STATUSES: &'static [(u16, &'static str)] = &[
        INVALID,
        UNAUTHORIZED,
        FORBIDDEN,
        (409, "Another backup is being made, or there is no file to be saved."),
        FAILED,
    ];
}

/// Deleting and saving.
pub(crate) struct AdministrationApi {
    pub(crate) repository: Arc<dyn Repository>,
    pub(crate) database: Option<Arc<RedbRepository>>,
    pub(crate) is_saving: Arc<AtomicBool>,
}

#[OpenApi(tag = "Tag::Operation")]
impl AdministrationApi {
    /// Delete a node with all its measurements
    ///
    /// It comes back when it sends something again. Needs a token.
    #[oai(path = "/api/v1/nodes/:nodeId", method = "delete", operation_id = "deleteNode")]
    async fn delete_node(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &[])?;
        self.delete(&node, EVER).await
    }

    /// Delete measurements of a node
    ///
    /// Those that were measured from one time on and before another one; at least one of them has to be named. Needs a token.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "delete", operation_id = "deleteMeasurements")]
    async fn delete_measurements(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &["from", "to"])?;
        if from.is_none() && to.is_none() {
            let detail = "name from or to, or both; DELETE /api/v1/nodes/NODE deletes all of a node";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, detail).into());
        }
        let seconds = seconds(from, to, &TimeZone::UTC).map_err(query::invalid)?;
        self.delete(&node, seconds).await
    }

    /// Save the database
    ///
    /// A consistent copy of what is stored at this moment, as small as it can be, read back before it is sent. Storing goes on
    /// meanwhile. Needs a token, and room on the server's disk for the copy. `curl -X POST -H 'Authorization: Bearer TOKEN' -OJ`
    /// saves it under a name with its time.
    #[oai(path = "/api/v1/backup", method = "post", operation_id = "backup")]
    async fn backup(&self, _authorized: Authorized, request: &Request) -> Result<Answer<Backup>, Refused<OfSaving>> {
        query::only(request, &[])?;
        let conflict = |detail| Refusal::new(StatusCode::CONFLICT, detail);
        let database = self.database.as_ref().ok_or_else(|| conflict("there is no file to be saved"))?;
        let _saving = Saving::begin(&self.is_saving).ok_or_else(|| conflict("another backup is being made"))?;
        let folder = database.path().parent().unwrap_or(database.path());
        let folder = tempfile::Builder::new().prefix(".isems-backup-").tempdir_in(folder).map_err(failed)?;
        let path = folder.path().join("backup.redb");
        let copied = database.backup(&path).await?;
        let file = File::open(&path).await.map_err(failed)?;
        // The file goes with its folder, and is read from what is open.
        drop(folder);
        let now = Time { second: unix_now(), zone: &TimeZone::UTC }.to_string().replace(':', "");
        let body = stream::try_unfold(file, async |mut file| {
            let mut chunk = Vec::with_capacity(CHUNK);
            let count = file.read_buf(&mut chunk).await?;
            Ok::<_, io::Error>((count > 0).then_some((chunk, file)))
        });
        let response = Response::builder()
            .content_type(OCTETS)
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"isems-{now}.redb\""))
            .header(DAMAGES, copied.damages.len().to_string())
            .extension(Streamed::File);
        Ok(Answer::new(response.body(Body::from_bytes_stream(body.map_err(io::Error::other)))))
    }
}

impl AdministrationApi {
    async fn delete(
        &self,
        node: &str,
        seconds: std::ops::Range<i64>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        let node = query::node(&*self.repository, node).await?;
        let deleted = self.repository.delete(&node.id, seconds.start, seconds.end.max(seconds.start)).await?;
        Ok(DeletedResponse::Done(Rendered::new(&Deleted { deleted }, 32)))
    }
}

fn failed(error: io::Error) -> Refusal {
    tracing::error!(%error, "cannot save the database");
    let detail = "the copy cannot be written beside the database; the log of isems-server says why";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

/// Holds the place of the one backup that is being made.
struct Saving<'a>(&'a AtomicBool);

impl<'a> Saving<'a> {
    fn begin(is_saving: &'a AtomicBool) -> Option<Self> {
        (!is_saving.swap(true, Ordering::AcqRel)).then_some(Self(is_saving))
    }
}

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
