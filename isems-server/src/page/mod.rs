//! The pages for people. They fetch what the HTTP service serves, too; `isems-dashboard` draws it.

mod alerts;
mod answer;
mod asset;
mod collector;
mod deletion;
mod ended_sessions;
mod node;
mod origin;
mod preferences;
mod sign_in;
mod tile;
mod viewer;

use std::sync::Arc;

use isems_alerts::Alerts;
use isems_core::RedbRepository;
use isems_dashboard::{Filter, Ground, MapPage, Overview, StartPage};
use isems_insight::Watcher;
use isems_transport_http::PollTrigger;
use jiff::tz::TimeZone;
use poem::{
    Endpoint, Request, Response, Result, Route, RouteMethod,
    endpoint::{make, make_sync},
    get,
};

pub(crate) use self::{
    asset::is_asset,
    ended_sessions::EndedSessions,
    origin::{check as check_origin, forget_own_origin},
    sign_in::{COOKIE, lead_to},
    viewer::cookie,
};
use crate::{Tiles, api::Refusal};

/// The source of the pages.
pub(crate) struct Pages {
    watcher: Watcher,
    alerts: Option<Alerts>,
    triggers: Vec<PollTrigger>,
    database: Option<Arc<RedbRepository>>,
    /// The time of the start, Unix seconds, UTC.
    started: i64,
    tiles: Option<Arc<Tiles>>,
    ended: Arc<EndedSessions>,
    /// The zone of those viewers of whom none is known.
    time_zone: TimeZone,
}

impl Pages {
    pub(crate) fn new(
        watcher: Watcher,
        alerts: Option<Alerts>,
        triggers: Vec<PollTrigger>,
        database: Option<Arc<RedbRepository>>,
        started: i64,
        tiles: Option<Arc<Tiles>>,
        ended: Arc<EndedSessions>,
    ) -> Self {
        let time_zone = TimeZone::try_system().ok().filter(|zone| zone.iana_name().is_some()).unwrap_or(TimeZone::UTC);
        Self { watcher, alerts, triggers, database, started, tiles, ended, time_zone }
    }

    /// Returns the page at the root. The framework cannot route to it beside what is nested there.
    pub(crate) fn root(self: &Arc<Self>) -> impl Endpoint<Output = Response> + use<> {
        get(self.page(async move |pages: Arc<Self>, request| pages.overview(&request).await))
    }

    /// Adds the other pages to the routes of the service.
    pub(crate) fn add_to(self: &Arc<Self>, routes: Route) -> Route {
        let node =
            async |pages: Arc<Self>, request: Request| pages.node(&request, &request.path_params::<String>()?).await;
        let ask_deletion = async |pages: Arc<Self>, request: Request| {
            pages.ask_deletion(&request, &request.path_params::<String>()?).await
        };
        let delete =
            async |pages: Arc<Self>, request: Request| pages.delete(&request, &request.path_params::<String>()?).await;
        let chart = async |pages: Arc<Self>, request: Request| {
            let (name, file): (String, String) = request.path_params()?;
            pages.chart(&request, &name, &file).await
        };
        routes
            .at("/map", get(self.page(async |pages, request| pages.map(&request).await)))
            .at("/nodes/:node", get(self.page(node)))
            .at("/nodes/:node/delete", get(self.page(ask_deletion)).post(self.page(delete)))
            .at("/nodes/:node/:file", get(self.page(chart)))
            .at("/tiles/:z/:x/:y", get(self.page(async |pages, request| pages.tile(&request).await)))
            .at("/alerts", get(self.page(async |pages, request| Ok(pages.alerts(&request)))))
            .at("/alerts/test", only_post(self.page(async |pages, request| pages.test_alerts(&request).await)))
            .at("/alerts/mute", only_post(self.page(async |pages, request| pages.mute(request).await)))
            .at("/alerts/unmute", only_post(self.page(async |pages, request| pages.unmute(request).await)))
            .at("/collector", get(self.page(async |pages, request| pages.collector(&request).await)))
            .at("/collector/poll", only_post(self.page(async |pages, request| pages.poll(&request))))
            .at(
                "/sign-in",
                get(self.page(async |pages, request| Ok(pages.sign_in(&request))))
                    .post(self.page(async |pages, request| pages.take_token(request).await)),
            )
            .at("/sign-out", only_post(self.page(async |pages, request| pages.sign_out(&request).await)))
            .at("/preferences", only_post(make(preferences::set)))
            .at("/manifest.webmanifest", get(make_sync(|request| answer::manifest(&request))))
            .at("/assets/*path", get(make_sync(|request| asset::answer(&request))))
    }

    /// Makes an endpoint of a page.
    fn page<A, F>(self: &Arc<Self>, answer: A) -> impl Endpoint<Output = Response> + use<A, F>
    where
        A: Fn(Arc<Self>, Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send,
    {
        let pages = self.clone();
        make(move |request| answer(pages.clone(), request))
    }

    async fn map(&self, request: &Request) -> Result<Response> {
        let snapshot = self.watcher.snapshot().await.map_err(Refusal::from)?;
        let viewer = viewer::of_mesh(request, &self.time_zone, &snapshot);
        let filter = filter_of(request);
        let tiles = self.tiles.as_deref();
        let address = tiles.map(|tiles| tiles.address(&viewer.base));
        let ground = tiles.zip(address.as_deref()).map(|(tiles, address)| Ground {
            tiles: address,
            deepest: tiles.deepest_zoom(),
            attribution: tiles.attribution(),
        });
        let page = MapPage { viewer: &viewer, snapshot: &snapshot, filter: &filter, ground };
        Ok(answer::page_with_pictures(request, page.page(), tiles.and_then(Tiles::origin)))
    }

    async fn overview(&self, request: &Request) -> Result<Response> {
        let snapshot = self.watcher.snapshot().await.map_err(Refusal::from)?;
        let viewer = viewer::of_mesh(request, &self.time_zone, &snapshot);
        if snapshot.nodes.is_empty() {
            let transports = self.watcher.monitor().transports();
            return Ok(answer::page(request, StartPage { viewer: &viewer, transports: &transports }.page()));
        }
        let filter = filter_of(request);
        Ok(answer::page(request, Overview { viewer: &viewer, snapshot: &snapshot, filter: &filter }.page()))
    }
}

/// Returns the names and values of a query.
fn parameters(request: &Request) -> Vec<(String, String)> {
    request.params().unwrap_or_default()
}

/// Returns the nodes that a query selects.
fn filter_of(request: &Request) -> Filter {
    Filter::of(parameters(request).iter().map(|(name, value)| (&**name, &**value)))
}

/// Makes an endpoint for a form. Whoever opens its address is led to the overview.
fn only_post(endpoint: impl Endpoint<Output = Response> + 'static) -> RouteMethod {
    get(make_sync(|request| sign_in::see_other(&request, "/"))).post(endpoint)
}
