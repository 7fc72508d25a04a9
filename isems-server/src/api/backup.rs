//! Backups of the database.

use std::{io, sync::Arc};

use futures_util::{TryStreamExt, stream};
use isems_alerts::{Alerts, Trouble};
use isems_core::{BoxError, RedbRepository, RepositoryError, chain, unix_now};
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

/// The description of a backup in the document.
enum Backup {}

const OCTETS: &str = "application/octet-stream";

impl Described for Backup {
    const DESCRIPTION: &'static str = "The copy: a database that can replace another one.";
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("Content-Disposition", "A suggested file name."),
        (DAMAGES, "The number of damaged parts of the database, which are damaged or missing in the copy; normally 0."),
    ];

    fn content() -> Vec<MetaMediaType> {
        let schema = MetaSchema::new_with_format("string", "binary");
        vec![content(OCTETS, MetaSchemaRef::Inline(Box::new(schema)))]
    }

    fn register(_: &mut Registry) {}
}

/// The header with the number of damaged parts of a backup.
pub(crate) const DAMAGES: &str = "Isems-Damages";

/// The problems of a backup.
enum OfSaving {}

impl Problems for OfSaving {
    const STATUSES: &'static [(u16, &'static str)] = &[
        INVALID,
        UNAUTHORIZED,
        FORBIDDEN,
        (409, "Another backup is in progress, or there is no file to back up."),
        FAILED,
    ];
}

/// The operation that backs up the database.
pub(crate) struct BackupApi {
    pub(crate) database: Option<Arc<RedbRepository>>,
    /// Has one permit: one backup is made at a time.
    pub(crate) saving: Arc<Semaphore>,
    pub(crate) alerts: Option<Alerts>,
}

#[OpenApi(tag = "Tag::Operation")]
impl BackupApi {
    /// Back up the database
    ///
    /// Answers with a consistent, compact copy of what is stored at this moment, verified before it is sent.
    /// Measurements are still stored meanwhile. Requires a token, and room for the copy on the server's disk. `curl -X
    /// POST -H 'Authorization: Bearer TOKEN' -OJ` saves it under a name with its time.
    #[oai(path = "/api/v1/backup", method = "post", operation_id = "backup")]
    async fn backup(&self, _authorized: Authorized, request: &Request) -> Result<Answer<Backup>, Refused<OfSaving>> {
        query::only(request, &[])?;
        let conflict = |detail| Refusal::new(StatusCode::CONFLICT, detail);
        let database = self.database.as_ref().ok_or_else(|| conflict("there is no file to back up"))?;
        let _saving = self.saving.try_acquire().map_err(|_| conflict("another backup is in progress"))?;
        let copy = Copy::of(database).await;
        if let Some(alerts) = &self.alerts {
            alerts.report(Trouble::BackupFailed, copy.as_ref().map(drop).map_err(chain_of));
        }
        let Copy { file, damages } = copy.map_err(refusal)?;
        let now = Time { second: unix_now(), zone: &TimeZone::UTC }.to_string().replace(':', "");
        let body = stream::try_unfold(file, async |mut file| {
            let mut chunk = Vec::with_capacity(CHUNK);
            let count = file.read_buf(&mut chunk).await?;
            Ok::<_, io::Error>((count > 0).then_some((chunk, file)))
        });
        let response = Response::builder()
            .content_type(OCTETS)
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"isems-{now}.redb\""))
            .header(DAMAGES, damages.to_string());
        Ok(Answer::new(response.body(Body::from_bytes_stream(body.map_err(io::Error::other)))))
    }
}

/// A copy of the database that is read through its open handle; its name is gone already.
struct Copy {
    file: File,
    /// The number of damaged parts.
    damages: usize,
}

impl Copy {
    async fn of(database: &Arc<RedbRepository>) -> Result<Self, BoxError> {
        let folder = database.path().parent().unwrap_or(database.path());
        let folder = tempfile::Builder::new().prefix(".isems-backup-").tempdir_in(folder)?;
        let path = folder.path().join("backup.redb");
        let copied = database.backup(&path).await?;
        Ok(Self { file: File::open(&path).await?, damages: copied.damages.len() })
    }
}

fn chain_of(error: &BoxError) -> String {
    chain(&**error)
}

/// Clients are told less than the log.
fn refusal(error: BoxError) -> Refusal {
    match error.downcast::<RepositoryError>() {
        Ok(error) => Refusal::from(*error),
        Err(error) => failed(&*error),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "cannot save the database");
    let detail = "the copy cannot be written beside the database; the server's log says why";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
