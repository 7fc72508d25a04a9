//! Checks of the database.

use std::sync::Arc;

use isems_alerts::{Alerts, Trouble};
use isems_core::{RedbRepository, RepositoryError, chain};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, types::Example};
use serde::{Deserialize, Serialize};

use super::{
    Tag,
    access::Authorized,
    problem::{OfFile, Refused, file_of},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// The approximate size of a damage in JSON.
const DAMAGE_BYTES: usize = 150;

/// The result of a check.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct Checked {
    /// The number of nodes checked.
    nodes: u64,
    /// The number of measurements that were read and are sound.
    measurements: u64,
    /// The number of sealed blocks that were read and are sound.
    blocks: u64,
    /// The damaged parts; empty if everything is sound.
    damages: Vec<Damage>,
}

/// A damaged part of the database.
#[derive(Debug, Object, Serialize, Deserialize)]
pub(crate) struct Damage {
    /// The node or the part of the file.
    place: String,
    /// The first measured time that is affected; null if it is none in particular.
    #[oai(nullable)]
    from: Option<UtcTime>,
    /// The first measured time that is not affected any more; null if it is none in particular.
    #[oai(nullable)]
    to: Option<UtcTime>,
    /// A description of the damage.
    problem: String,
}

impl From<isems_core::Checked> for Checked {
    fn from(isems_core::Checked { nodes, measurements, blocks, damages }: isems_core::Checked) -> Self {
        Self { nodes, measurements, blocks, damages: damages.into_iter().map(Into::into).collect() }
    }
}

impl From<Checked> for isems_core::Checked {
    fn from(Checked { nodes, measurements, blocks, damages }: Checked) -> Self {
        Self { nodes, measurements, blocks, damages: damages.into_iter().map(Into::into).collect() }
    }
}

impl From<isems_core::Damage> for Damage {
    fn from(isems_core::Damage { place, seconds, problem }: isems_core::Damage) -> Self {
        let (from, to) = seconds.map(|seconds| (UtcTime(seconds.start), UtcTime(seconds.end))).unzip();
        Self { place, from, to, problem }
    }
}

impl From<Damage> for isems_core::Damage {
    fn from(Damage { place, from, to, problem }: Damage) -> Self {
        Self { place, seconds: from.zip(to).map(|(UtcTime(from), UtcTime(to))| from..to), problem }
    }
}

impl Example for Checked {
    fn example() -> Self {
        let damage = Damage {
            place: "node Elektra-Dach".into(),
            from: Some(UtcTime(1_530_364_575)),
            to: Some(UtcTime(1_530_364_576)),
            problem: "the row is damaged: unknown format".into(),
        };
        Self { nodes: 1, measurements: 1906, blocks: 3, damages: vec![damage] }
    }
}

/// The result.
#[derive(ApiResponse)]
enum CheckResponse {
    /// Everything was read. Damage is part of the result.
    #[oai(status = 200)]
    Done(Rendered<Checked>),
}

/// The operation that checks the database.
pub(crate) struct CheckApi {
    pub(crate) database: Option<Arc<RedbRepository>>,
    pub(crate) alerts: Option<Alerts>,
}

#[OpenApi(tag = "Tag::Operation")]
impl CheckApi {
    /// Check the database
    ///
    /// Reads and decodes the whole file, verifies checksums, order and counts, and names every damaged part.
    /// Measurements are still stored meanwhile, and a client that disconnects ends the check. Requires a token.
    #[oai(path = "/api/v1/check", method = "post", operation_id = "check")]
    async fn check(&self, _authorized: Authorized, request: &Request) -> Result<CheckResponse, Refused<OfFile>> {
        query::only(request, &[])?;
        let checked = file_of(self.database.as_ref())?.check().await;
        if let Some(alerts) = &self.alerts {
            alerts.report(Trouble::CheckFailed, outcome(&checked));
        }
        let checked = Checked::from(checked?);
        let capacity = 100 + checked.damages.len() * DAMAGE_BYTES;
        Ok(CheckResponse::Done(Rendered::new(&checked, capacity)))
    }
}

/// Returns the outcome of a check as alerts tell it.
fn outcome(checked: &Result<isems_core::Checked, RepositoryError>) -> Result<(), String> {
    match checked {
        Ok(checked) => match checked.damages.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!("{} damaged parts, first: {}", checked.damages.len(), first.problem)),
        },
        Err(error) => Err(chain(error)),
    }
}
