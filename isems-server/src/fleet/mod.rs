//! A web server for simulated nodes, which offers their logs as OpenWrt routers do.
//!
//! The log of each node is at `/NODE/ISEMS/ffopenmppt.log` and grows by one line per minute. After 3,660 lines it is
//! compressed to `ffopenmppt.log.gz` beside it, and a new one begins. Answers have validators; conditional and range
//! requests are supported.

mod answer;
mod clock;
mod log;
mod source;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use isems_core::simulation::{Fleet, TrueMesh};
use poem::{
    EndpointExt, Request, Response, Route,
    error::InternalServerError,
    get, handler,
    http::StatusCode,
    listener::TcpAcceptor,
    web::{Data, Path, headers::ContentType},
};
use tokio::{net::TcpListener, task};

pub use self::clock::SimulatedClock;
use self::{
    log::{FullLog, Log},
    source::Source,
};

/// The time that answers under way may still take when the server is stopped.
const GRACE: Duration = Duration::from_secs(1);

/// A web server for simulated nodes, not yet bound to a port.
#[derive(Debug)]
pub struct FleetServer {
    nodes: Source,
    clock: SimulatedClock,
}

impl FleetServer {
    /// Makes a server for the nodes `0..nodes` of a seed, whose logs begin in the minute from `start` on (Unix seconds)
    /// and are written up to now.
    pub fn new(seed: u64, nodes: u32, start: i64) -> Self {
        Self { nodes: Source::Fleet(Fleet::new(seed, nodes, start)), clock: SimulatedClock::system() }
    }

    /// Makes a server for the nodes of a mesh, whose logs begin at the instant that the mesh has reached. They have
    /// what arrives at a collector, up to a minute later.
    pub fn of_mesh(mesh: TrueMesh) -> Self {
        Self { nodes: Source::Mesh(Box::new(mesh)), clock: SimulatedClock::system() }
    }

    /// Writes the logs up to the time of a different clock.
    #[must_use]
    pub fn clock(mut self, clock: SimulatedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Binds the server to an address (port 0 picks a free one), and writes the logs so far.
    pub async fn bind(self, address: SocketAddr) -> io::Result<RunningFleetServer> {
        let listener = TcpListener::bind(address).await?;
        let mut logs = Logs {
            by_node: self.nodes.ids().iter().map(|id| (id.as_str().into(), Log::default())).collect(),
            nodes: self.nodes,
            clock: self.clock,
        };
        let logs = task::spawn_blocking(move || {
            logs.advance();
            logs
        });
        Ok(RunningFleetServer { listener, logs: Arc::new(Mutex::new(logs.await?)) })
    }
}

/// A web server bound to a port, which answers while it is [run](RunningFleetServer::run).
pub struct RunningFleetServer {
    listener: TcpListener,
    logs: Arc<Mutex<Logs>>,
}

impl RunningFleetServer {
    /// Returns the URLs of the logs, ordered by node. The names of simulated nodes need no escaping in a URL.
    pub fn targets(&self) -> Vec<String> {
        let address = self.listener.local_addr().ok().map(|address| match address {
            address if address.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
            address => address,
        });
        let logs = lock(&self.logs);
        let url = |address, node| format!("http://{address}/{node}/ISEMS/ffopenmppt.log");
        address.into_iter().flat_map(|address| logs.by_node.keys().map(move |node| url(address, node))).collect()
    }

    /// Answers until `stop` is ready.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let app = Route::new()
            .at("/:node/ISEMS/ffopenmppt.log", get(serve_log).head(serve_log))
            .at("/:node/ISEMS/ffopenmppt.log.gz", get(serve_archive).head(serve_archive))
            .data(self.logs);
        let acceptor = TcpAcceptor::from_tokio(self.listener)?;
        poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(app, stop, Some(GRACE)).await
    }
}

impl fmt::Debug for RunningFleetServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningFleetServer").field("listener", &self.listener).finish_non_exhaustive()
    }
}

fn lock(logs: &Mutex<Logs>) -> MutexGuard<'_, Logs> {
    logs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The logs of all nodes, written when one is requested.
struct Logs {
    nodes: Source,
    clock: SimulatedClock,
    by_node: BTreeMap<String, Log>,
}

impl Logs {
    /// Appends the measurements taken since the last call.
    fn advance(&mut self) {
        for measurement in self.nodes.until(self.clock.now() + 1) {
            if let Some(log) = self.by_node.get_mut(measurement.node_id.as_str()) {
                log.append(&measurement);
            }
        }
    }

    fn log(&mut self, node: &str) -> Option<&mut Log> {
        self.advance();
        self.by_node.get_mut(node)
    }
}

#[handler]
fn serve_log(Path(node): Path<String>, Data(logs): Data<&Arc<Mutex<Logs>>>, request: &Request) -> Response {
    let content = lock(logs).log(&node).map(Log::content);
    content.map_or_else(not_found, |content| content.answer(request.headers(), ContentType::text_utf8()))
}

#[handler]
fn serve_archive(
    Path(node): Path<String>,
    Data(logs): Data<&Arc<Mutex<Logs>>>,
    request: &Request,
) -> poem::Result<Response> {
    let content = lock(logs).log(&node).and_then(|log| log.full.as_mut()).map(FullLog::content).transpose();
    let content = content.map_err(InternalServerError)?;
    Ok(content.map_or_else(not_found, |content| content.answer(request.headers(), ContentType::octet_stream())))
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into()
}
