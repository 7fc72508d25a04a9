//! The page of the collector.

use isems_core::{RedbRepository, RejectQuery};
use isems_dashboard::{CollectorPage, Storage};
use isems_insight::{NodeState, Snapshot};
use isems_transport_http::PollTrigger;
use poem::{Request, Response, Result};

use super::{Pages, answer, origin, sign_in::see_other, viewer};
use crate::{
    api::{Access, Refusal},
    disk::free_bytes,
};

/// The number of rejects that are shown.
const REJECTS: usize = 50;

/// The size of a measurement whose week is over, bytes, with some room for what surrounds it.
const BYTES_A_MEASUREMENT: f64 = 4.0;

const SECONDS_A_MONTH: f64 = 30.0 * 86_400.0;

impl Pages {
    /// Answers with the page of the collector.
    pub(super) async fn collector(&self, request: &Request) -> Result<Response> {
        let snapshot = self.watcher.snapshot().await.map_err(Refusal::from)?;
        let viewer = viewer::of(request, &self.time_zone, snapshot.at);
        let may_see = Access::of(request).authorize(request).is_ok();
        let rejects = if may_see {
            let page = self.watcher.repository().rejects(&RejectQuery::newest(REJECTS)).await;
            Some(page.map_err(Refusal::from)?.rejects)
        } else {
            None
        };
        let page = CollectorPage {
            viewer: &viewer,
            transports: &self.watcher.monitor().transports(),
            rejects: rejects.as_deref(),
            storage: self.storage(&snapshot),
            polls: !self.triggers.is_empty(),
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
        };
        Ok(answer::page(request, page.page()))
    }

    fn storage(&self, snapshot: &Snapshot) -> Storage {
        let in_use = snapshot.nodes.iter().filter(|node| node.state != NodeState::Inactive);
        let intervals = in_use.filter_map(|node| node.assessment.as_ref()?.data.measuring_interval);
        let a_month: f64 =
            intervals.filter(|interval| *interval > 0.0).map(|interval| SECONDS_A_MONTH / interval).sum();
        let database = self.database.as_deref();
        Storage {
            bytes: database.and_then(RedbRepository::file_bytes),
            free_bytes: database.and_then(free_bytes),
            growth: database.is_some().then_some(a_month * BYTES_A_MEASUREMENT).filter(|growth| *growth > 0.0),
            nodes: snapshot.nodes.len(),
            measurements: snapshot.measurements(),
        }
    }

    /// Polls all nodes, and leads back.
    pub(super) fn poll(&self, request: &Request) -> Result<Response> {
        origin::check(request)?;
        Access::of(request).authorize(request)?;
        self.triggers.iter().map(PollTrigger::poll_now).for_each(drop);
        Ok(see_other(request, "/collector"))
    }
}
