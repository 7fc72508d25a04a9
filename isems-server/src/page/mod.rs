//! The pages for people. They fetch what the HTTP service serves, too; `isems-dashboard` draws it.

mod answer;
mod asset;
mod node;
mod origin;
mod preferences;
mod viewer;

use std::sync::Arc;

use isems_dashboard::{Filter, Overview};
use isems_insight::Watcher;
use jiff::tz::TimeZone;
use poem::{
    Endpoint, EndpointExt, Request, Response, Result, Route,
    endpoint::{make, make_sync},
    get,
    http::{StatusCode, header},
    post,
};

pub(crate) use self::{asset::is_asset, origin::forget_own_origin};
use crate::api::{Access, Refusal};

/// The source of the pages.
pub(crate) struct Pages {
    watcher: Watcher,
    /// The zone of those viewers of whom none is known.
    time_zone: TimeZone,
}

impl Pages {
    pub(crate) fn new(watcher: Watcher) -> Self {
        let time_zone = TimeZone::try_system().ok().filter(|zone| zone.iana_name().is_some()).unwrap_or(TimeZone::UTC);
        Self { watcher, time_zone }
    }

    /// Returns the page at the root. The framework cannot route to it beside what is nested there.
    pub(crate) fn root(self: &Arc<Self>) -> impl Endpoint<Output = Response> + use<> {
        let pages = self.clone();
        get(make(move |request| {
            let pages = pages.clone();
            async move { pages.overview(&request).await }
        }))
    }

    /// Adds the other pages to the routes of the service.
    pub(crate) fn add_to(self: &Arc<Self>, routes: Route) -> Route {
        let pages = self.clone();
        let node = make(move |request| {
            let pages = pages.clone();
            async move { pages.node(&request, &request.path_params::<String>()?).await }
        });
        let pages = self.clone();
        let chart = make(move |request| {
            let pages = pages.clone();
            async move {
                let (name, file): (String, String) = request.path_params()?;
                pages.chart(&request, &name, &file).await
            }
        });
        routes
            .at("/nodes/:node", get(node))
            .at("/nodes/:node/:file", get(chart))
            .at("/assets/*path", get(make_sync(|request| asset::answer(&request))))
            .at("/preferences", post(make(preferences::set)).map_to_response())
    }

    async fn overview(&self, request: &Request) -> Result<Response> {
        if !Access::of(request).may_read(request) {
            return Ok(Response::builder()
                .status(StatusCode::TEMPORARY_REDIRECT)
                .header(header::LOCATION, "/docs")
                .finish());
        }
        let snapshot = self.watcher.snapshot().await.map_err(Refusal::from)?;
        let viewer = viewer::of(request, &self.time_zone, snapshot.at);
        let parameters: Vec<(String, String)> = request.params().unwrap_or_default();
        let filter = Filter::of(parameters.iter().map(|(name, value)| (&**name, &**value)));
        Ok(answer::page(request, Overview { viewer: &viewer, snapshot: &snapshot, filter: &filter }.page()))
    }
}
