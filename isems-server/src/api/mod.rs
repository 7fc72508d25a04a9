//! The HTTP service: the operations, the document that describes them, and what surrounds them.

mod access;
mod answer;
mod backup;
mod deletion;
mod format;
mod health;
mod history;
mod limits;
mod live;
mod measurement;
mod methods;
mod metrics;
mod named;
mod network;
mod nodes;
mod nullable;
mod original;
mod paths;
mod problem;
mod push;
mod query;
mod rejects;
mod rendered;
mod security_headers;
mod series;
mod tagged;
mod time;
mod transports;

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use isems_core::{Measurement, Monitor, RedbRepository, Repository, RepositoryError, unix_now};
use poem::{
    Endpoint, EndpointExt, Response, Route,
    endpoint::make_sync,
    get,
    http::{HeaderValue, Method, header},
    middleware::{CatchPanic, Cors, SetHeader},
};
use poem_openapi::{ApiResponse, LicenseObject, OpenApi, OpenApiService, ServerObject, Tags};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

pub use self::{access::Access, metrics::HttpMetrics, transports::Following};
use self::{
    backup::BackupApi,
    deletion::DeletionApi,
    health::{HealthApi, WriteProof},
    history::HistoryApi,
    live::LiveApi,
    methods::Methods,
    metrics::MetricsApi,
    network::NetworkApi,
    nodes::NodesApi,
    original::OriginalApi,
    paths::Merged,
    problem::{ProblemOfPanic, problem_of},
    push::{PushApi, Pushing},
    rejects::RejectsApi,
    series::SeriesApi,
    transports::TransportsApi,
};
use crate::{berlin::Berlin, live::Live, push::Push, states::NodeStates, traffic::Traffic};

/// How often it is looked whether the states of nodes have changed.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(5);

/// After how many days a node is inactive, unless it is set otherwise.
const INACTIVE_AFTER_DAYS: u32 = 30;

/// Groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// The nodes, each by itself and all in one look.
    Nodes,
    /// What the nodes measured: pages, files and charts.
    Measurements,
    /// What happens, as it happens.
    Live,
    /// For nodes and scripts that send measurements; needs a token.
    Push,
    /// What the nodes measured, as the original collector gave it: for programs that were written for it.
    Original,
    /// For those who run the server; needs a token.
    Operation,
    /// Whether the server lives and works.
    Health,
}

/// The root, for people who type nothing but the address.
struct RootApi;

#[OpenApi]
impl RootApi {
    /// Leads to the documentation.
    #[oai(path = "/", method = "get", hidden)]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn root(&self) -> RootResponse {
        RootResponse::Documentation("/docs".into())
    }
}

#[derive(ApiResponse)]
enum RootResponse {
    /// The documentation is elsewhere.
    #[oai(status = 307)]
    Documentation(#[oai(header = "Location")] String),
}

/// What the service needs.
#[derive(Clone)]
pub struct Service {
    /// Where the measurements are.
    pub repository: Arc<dyn Repository>,
    /// How the transports fare.
    pub monitor: Monitor,
    /// Origins whose web pages may read the service; `*` is any.
    pub cors_origins: Vec<String>,
    /// Who may do what.
    pub access: Access,
    /// Which nodes are heard of, and which are left out of `/measurements/latest`.
    pub states: Arc<NodeStates>,
    /// What came in lately.
    pub traffic: Arc<Traffic>,
    /// What the transports follow.
    pub following: Arc<Following>,
    /// Who watches.
    pub live: Arc<Live>,
    /// Where clients' measurements go, if they are taken.
    pub push: Option<Push>,
    /// The file, if there is one, to be saved.
    pub database: Option<Arc<RedbRepository>>,
    /// Whether it is being saved.
    pub is_saving: Arc<AtomicBool>,
    /// What was asked of the service.
    pub http: HttpMetrics,
}

impl Service {
    /// A service over a repository that everybody may read and nobody may change.
    pub fn new(repository: Arc<dyn Repository>, monitor: Monitor) -> Self {
        Self {
            traffic: Arc::new(Traffic::new(monitor.clone())),
            states: Arc::new(NodeStates::new(INACTIVE_AFTER_DAYS)),
            following: Arc::default(),
            live: Arc::default(),
            push: None,
            database: None,
            is_saving: Arc::default(),
            http: HttpMetrics::new(),
            repository,
            monitor,
            cors_origins: vec!["*".into()],
            access: Access::default(),
        }
    }

    /// The operations with their document.
    fn operations(&self, proof: &Arc<WriteProof>) -> OpenApiService<impl OpenApi + use<>, ()> {
        let original =
            OriginalApi { repository: self.repository.clone(), states: self.states.clone(), berlin: Berlin::new() };
        let nodes = NodesApi { repository: self.repository.clone(), states: self.states.clone() };
        let network = NetworkApi {
            repository: self.repository.clone(),
            monitor: self.monitor.clone(),
            states: self.states.clone(),
            traffic: self.traffic.clone(),
        };
        let transports = TransportsApi { monitor: self.monitor.clone(), following: self.following.clone() };
        let live = LiveApi { live: self.live.clone() };
        let pushing = Pushing { push: self.push.clone(), access: Arc::new(self.access.clone()) };
        let push = PushApi { pushing };
        let backup = BackupApi { database: self.database.clone(), is_saving: self.is_saving.clone() };
        let history = HistoryApi { repository: self.repository.clone() };
        let deletion = DeletionApi { repository: self.repository.clone() };
        let series = SeriesApi { repository: self.repository.clone() };
        let rejects = RejectsApi { repository: self.repository.clone() };
        let metrics = MetricsApi {
            repository: self.repository.clone(),
            database: self.database.clone(),
            monitor: self.monitor.clone(),
            states: self.states.clone(),
            live: self.live.clone(),
            http: self.http.clone(),
            started: unix_now(),
        };
        let health = HealthApi { proof: proof.clone(), monitor: self.monitor.clone() };
        let operations = (
            nodes, network, history, series, live, push, deletion, transports, rejects, backup, original, health,
            metrics, RootApi,
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

    /// Hears what is new: to be called by the collector, see [`Collector::observe`](isems_core::Collector::observe). Without that
    /// nothing is live, and the intervals of nodes are learned but once.
    pub fn hear(&self, new: &[Measurement]) {
        self.states.hear(new);
        self.live.stored(new);
    }

    /// Watches for nodes that change their state, and for what comes in, as long as it is polled. Without that `/api/v1/live` tells
    /// no changes, and `/api/v1/network` knows no last hour.
    pub async fn follow(&self) -> Infallible {
        let mut interval = interval(FOLLOW_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.traffic.sample();
            if let Err(error) = self.find_changes().await {
                debug!(%error, "cannot look at the states of nodes");
            }
        }
    }

    async fn find_changes(&self) -> Result<(), RepositoryError> {
        let nodes = self.repository.nodes().await?;
        self.states.learn(&*self.repository, &nodes, usize::MAX).await;
        self.live.changed(&self.states.changes(&nodes, unix_now()));
        Ok(())
    }

    /// The OpenAPI document, as JSON.
    pub fn document(&self) -> String {
        self.operations(&Arc::new(WriteProof::new(self.repository.clone()))).spec()
    }

    /// Everything that is served over HTTP.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + use<> {
        let proof = Arc::new(WriteProof::new(self.repository.clone()));
        let operations = self.operations(&proof);
        let document = Bytes::from(operations.spec());
        let methods = Arc::new(Methods::of(&document));
        // Without an icon a browser asks for one at a path that there is not.
        let icon = "<head><link rel=\"icon\" href=\"data:,\">";
        let swagger_ui = Page::new(operations.swagger_ui_html().replacen("<head>", icon, 1));
        let access = Arc::new(self.access.clone());
        let routes = Route::new()
            .at("/docs", get(make_sync(move |_| swagger_ui.response())))
            .at("/openapi.json", get(make_sync(move |_| json(document.clone()))))
            .nest("/api", self.operations(&proof))
            .at("/api/:realm/:network/:gateway/:node/data", self.operations(&proof))
            .nest_no_strip("/api/v1", self.operations(&proof))
            .nest("/", operations)
            .data(access.clone());
        routes
            .with(self.http.clone())
            .before(move |request| std::future::ready(access.check_reading(request)))
            .with(CatchPanic::new().with_handler(ProblemOfPanic))
            .catch_all_error(problem_of)
            .around(move |routes, request| methods.clone().tell(routes, request))
            .with(self.cors())
            .with_if(self.any_origin(), SetHeader::new().overriding(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .before(limits::check)
            .catch_all_error(problem_of)
            .with(SetHeader::new().appending(header::VARY, "Accept-Encoding"))
            .after(security_headers::add)
    }

    fn any_origin(&self) -> bool {
        self.cors_origins.iter().any(|origin| origin == "*")
    }

    /// Web pages of the allowed origins may read, and do nothing else.
    fn cors(&self) -> Cors {
        let cors = Cors::new().allow_methods([Method::GET, Method::HEAD]);
        if self.any_origin() { cors } else { cors.allow_origins(self.cors_origins.iter().map(String::as_str)) }
    }
}

/// A page, with what a browser may do with it.
struct Page {
    text: Bytes,
    policy: HeaderValue,
}

impl Page {
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
        formatter.debug_struct("Service").field("cors_origins", &self.cors_origins).finish_non_exhaustive()
    }
}
