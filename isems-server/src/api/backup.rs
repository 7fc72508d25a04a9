//! Saving what is stored.

use std::{io, sync::Arc};

use futures_util::{TryStreamExt, stream};
use isems_core::{RedbRepository, unix_now};
use jiff::tz::TimeZone;
use poem::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    OpenApi,
    registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry},
};
use tokio::{fs::File, io::AsyncReadExt, sync::Semaphore};

use super::{
    Tag,
    access::Authorized,
    answer::{Answer, Described, content},
    problem::{FAILED, FORBIDDEN, INVALID, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
};
use crate::{stream::CHUNK, time::Time};

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

/// Saving.
pub(crate) struct BackupApi {
    pub(crate) database: Option<Arc<RedbRepository>>,
    /// Has one permit: one backup is made at a time.
    pub(crate) saving: Arc<Semaphore>,
}

#[OpenApi(tag = "Tag::Operation")]
impl BackupApi {
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
        let _saving = self.saving.try_acquire().map_err(|_| conflict("another backup is being made"))?;
        let folder = database.path().parent().unwrap_or(database.path());
        let folder =
            tempfile::Builder::new().prefix(".isems-backup-").tempdir_in(folder).map_err(|error| failed(&error))?;
        let path = folder.path().join("backup.redb");
        let copied = database.backup(&path).await?;
        let file = File::open(&path).await.map_err(|error| failed(&error))?;
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
            .header(DAMAGES, copied.damages.len().to_string());
        Ok(Answer::new(response.body(Body::from_bytes_stream(body.map_err(io::Error::other)))))
    }
}

fn failed(error: &io::Error) -> Refusal {
    tracing::error!(%error, "cannot save the database");
    let detail = "the copy cannot be written beside the database; the log of isems-server says why";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
