//! The HTTP service: operations, the document that describes them, and middleware.

mod access;
mod alert_metrics;
mod alerts;
mod answer;
mod backup;
mod body;
mod builder;
mod check;
mod deletion;
mod format;
mod health;
mod history;
mod http_metrics;
mod insight;
mod limits;
mod live;
mod measurement;
mod merged;
mod metrics;
mod named;
mod network;
mod node_numbers;
mod nodes;
mod nullable;
mod original;
mod paths;
mod problem;
mod push;
mod query;
mod receipt;
mod rejects;
mod rendered;
mod security_headers;
mod series;
mod statistics;
mod tagged;
mod time;
mod transports;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use isems_alerts::Alerts;
use isems_core::RedbRepository;
use isems_homeassistant::Connection;
use isems_insight::Watcher;
use isems_transport_http::PollTrigger;
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Request, Response, Route,
    endpoint::make_sync,
    get,
    http::{HeaderValue, Method, header},
    middleware::{CatchPanic, Cors, SetHeader},
    web::Redirect,
};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, ServerObject, Tags};
use tokio::sync::Semaphore;

pub use self::{access::Access, builder::ServiceBuilder};
use self::{
    alerts::AlertsApi,
    backup::BackupApi,
    check::CheckApi,
    deletion::DeletionApi,
    health::{HealthApi, WriteProof},
    history::HistoryApi,
    http_metrics::HttpMetrics,
    insight::InsightApi,
    live::LiveApi,
    merged::Merged,
    metrics::MetricsApi,
    network::NetworkApi,
    node_numbers::NodeNumbers,
    nodes::NodesApi,
    original::OriginalApi,
    paths::Paths,
    problem::{ProblemOfPanic, problem_of},
    push::PushApi,
    rejects::RejectsApi,
    series::SeriesApi,
    statistics::StatisticsApi,
    transports::TransportsApi,
};
pub(crate) use self::{
    alerts::{AlertsReport, MuteSchema, Trials},
    backup::DAMAGES,
    check::Checked,
    deletion::Deleted,
    insight::{Insight, Insights},
    named::Names,
    problem::{Problem, Refusal},
    rejects::RejectPage,
    statistics::{NodeStatistics, Statistics, Total},
    tagged::tag_of,
    time::UtcTime,
};
use crate::{
    BasePath, Tiles,
    berlin::Berlin,
    live::Live,
    page::{EndedSessions, Pages, forget_own_origin},
    push::Push,
};

/// Groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// The nodes, one by one and at a glance.
    Nodes,
    /// Measurements of nodes, as pages, files and charts.
    Measurements,
    /// Events as they happen.
    Live,
    /// Messages to people about what needs them.
    Alerts,
    /// For nodes and scripts that send measurements; requires a token.
    Push,
    /// Measurements in the form of the original collector, for programs that were written for it.
    Original,
    /// For operators of the server; requires a token.
    Operation,
    /// Health and metrics of the server.
    Health,
}

/// The HTTP service of a watched collector. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

struct Parts {
    watcher: Watcher,
    alerts: Option<Alerts>,
    access: Access,
    cors_origins: Vec<String>,
    base_path: BasePath,
    live: Arc<Live>,
    push: Option<Push>,
    triggers: Vec<PollTrigger>,
    homeassistant: Option<Connection>,
    tiles: Option<Arc<Tiles>>,
    ended_sessions: Arc<EndedSessions>,
    /// The repository, if it is a file.
    database: Option<Arc<RedbRepository>>,
    numbers: Arc<NodeNumbers>,
    saving: Arc<Semaphore>,
    proof: Arc<WriteProof>,
    http: HttpMetrics,
    /// The time when it was built, Unix seconds, UTC.
    started: i64,
}

impl Service {
    /// Returns a builder of a service that everybody may read and nobody may change.
    pub fn builder(watcher: Watcher) -> ServiceBuilder {
        ServiceBuilder::new(watcher)
    }

    /// Returns the operations with their document. This is the only list of them.
    fn operations(&self) -> OpenApiService<impl OpenApi + use<>, ()> {
        let Parts {
            watcher,
            alerts,
            live,
            push,
            triggers,
            homeassistant,
            database,
            numbers,
            saving,
            proof,
            http,
            started,
            ..
        } = &*self.0;
        let repository = || watcher.repository().clone();
        let watcher = || watcher.clone();
        let operations = (
            // The framework takes sixteen at a time.
            (NodesApi { watcher: watcher() }, NetworkApi { watcher: watcher() }, InsightApi { watcher: watcher() }),
            HistoryApi { repository: repository() },
            SeriesApi { repository: repository() },
            LiveApi { live: live.clone() },
            PushApi { push: push.clone() },
            DeletionApi { repository: repository() },
            TransportsApi { watcher: watcher(), triggers: triggers.clone() },
            RejectsApi { repository: repository() },
            StatisticsApi { database: database.clone() },
            CheckApi { database: database.clone(), alerts: alerts.clone() },
            BackupApi { database: database.clone(), saving: saving.clone(), alerts: alerts.clone() },
            OriginalApi { watcher: watcher(), numbers: numbers.clone(), berlin: Berlin::new() },
            (
                HealthApi {
                    proof: proof.clone(),
                    watcher: watcher(),
                    homeassistant: homeassistant.clone(),
                    alerts: alerts.clone(),
                },
                AlertsApi { alerts: alerts.clone() },
            ),
            MetricsApi {
                watcher: watcher(),
                alerts: alerts.clone(),
                database: database.clone(),
                live: live.clone(),
                homeassistant: homeassistant.clone(),
                http: http.clone(),
                started: *started,
            },
        );
        OpenApiService::new(Merged(operations), "ISEMS", env!("CARGO_PKG_VERSION"))
            .description(
                "Measurements of off-grid solar mesh nodes: battery, panel, temperature, status and position, as the nodes of \
                 an Independent Solar Energy Mesh System report them.\n\nEvery path below `/measurements` is served below \
                 `/api/measurements` too.",
            )
            .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
            .server(ServerObject::new("/").description("This server"))
    }

    /// Returns the OpenAPI document, as JSON.
    pub fn document(&self) -> String {
        self.operations().spec()
    }

    /// Returns the live events and their subscribers.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Returns everything that is served over HTTP.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + use<> {
        self.endpoint_for(self.0.access.clone())
    }

    /// Returns everything that is served over HTTP, for another listener with rights of its own.
    pub fn endpoint_for(&self, access: Access) -> impl Endpoint<Output = Response> + use<> {
        let Parts { watcher, alerts, triggers, database, started, tiles, ended_sessions, .. } = &*self.0;
        let operations = self.operations();
        let document = Bytes::from(operations.spec());
        let paths = Arc::new(Paths::of(&document));
        // Without an icon a browser would request one at a path that does not exist.
        let icon = "<head><link rel=\"icon\" href=\"data:,\">";
        let swagger_ui = operations.swagger_ui_html().replacen("<head>", icon, 1);
        let swagger_ui_below = {
            let swagger_ui = swagger_ui.clone();
            move |base: &str| HtmlPage::new(below(base, &swagger_ui)).response()
        };
        let swagger_ui = HtmlPage::new(swagger_ui);
        let access = Arc::new(access);
        let base_path = self.0.base_path.clone();
        let ended_sessions = ended_sessions.clone();
        let at_documented_path = {
            let paths = paths.clone();
            move |request| std::future::ready(Ok(paths.at_documented_path(request)))
        };
        let pages = Arc::new(Pages::new(
            watcher.clone(),
            alerts.clone(),
            triggers.clone(),
            database.clone(),
            *started,
            tiles.clone(),
            ended_sessions.clone(),
        ));
        let root = Arc::new(pages.root());
        let routes = pages
            .add_to(Route::new())
            .at(
                "/docs",
                get(make_sync(move |request| match BasePath::of(&request) {
                    "" => swagger_ui.response(),
                    base => swagger_ui_below(base),
                })),
            )
            .at(
                "/openapi.json",
                get(make_sync(move |request| match BasePath::of(&request) {
                    "" => json(document.clone()),
                    base => json(below(base, &String::from_utf8_lossy(&document)).into()),
                })),
            )
            .nest(
                "/",
                operations
                    .into_endpoint()
                    .before(at_documented_path)
                    .around(move |operations, request| at_root(root.clone(), operations, request)),
            )
            .data(access.clone());
        routes
            .with(self.0.http.clone())
            .before(move |request| std::future::ready(access.check_reading(request)))
            .before(move |request| ended_sessions.clone().forget(request))
            .with(CatchPanic::new().with_handler(ProblemOfPanic))
            .catch_all_error(problem_of)
            .around(move |routes, request| paths.clone().tell_methods(routes, request))
            .with(self.cors())
            .with_if(self.any_origin(), SetHeader::new().overriding(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .before(forget_own_origin)
            .before(move |request| std::future::ready(Ok(base_path.remove(request))))
            .before(limits::check)
            .catch_all_error(problem_of)
            .with(SetHeader::new().appending(header::VARY, "Accept-Encoding"))
            .after(security_headers::add)
    }

    fn any_origin(&self) -> bool {
        self.0.cors_origins.iter().any(|origin| origin == "*")
    }

    /// Lets web pages of the allowed origins read, and do nothing else.
    fn cors(&self) -> Cors {
        let cors = Cors::new().allow_methods([Method::GET, Method::HEAD]);
        if self.any_origin() { cors } else { cors.allow_origins(self.0.cors_origins.iter().map(String::as_str)) }
    }
}

/// Returns a document whose paths lie below a prefix, as a proxy shows them.
fn below(base: &str, document: &str) -> String {
    document.replacen("\"url\": \"/\"", &format!("\"url\": \"{base}/\""), 1)
}

/// Answers at the root, which the framework cannot route to beside what is nested there.
async fn at_root(
    root: Arc<impl Endpoint<Output = Response>>,
    operations: Arc<impl Endpoint>,
    request: Request,
) -> poem::Result<Response> {
    match request.uri().path() {
        "/" => root.call(request).await,
        "/api" | "/api/" => Ok(Redirect::temporary(format!("{}/docs", BasePath::of(&request))).into_response()),
        _ => Ok(operations.call(request).await?.into_response()),
    }
}

/// A page with its content security policy.
struct HtmlPage {
    text: Bytes,
    policy: HeaderValue,
}

impl HtmlPage {
    fn new(text: String) -> Self {
        Self { policy: security_headers::policy_of_page(&text), text: text.into() }
    }

    fn response(&self) -> Response {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, self.policy.clone())
            .body(self.text.clone())
    }
}

fn json(document: Bytes) -> Response {
    Response::builder().content_type("application/json").body(document)
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("watcher", &self.0.watcher).finish_non_exhaustive()
    }
}
