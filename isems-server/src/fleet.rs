//! A fleet of simulated nodes that serve their logs over HTTP, as routers with OpenWrt do.
//!
//! The log of each node is at `/NODE/ISEMS/ffopenmppt.log` and grows by a line a minute. After 3,660 lines it is compressed to
//! `ffopenmppt.log.gz` beside it, and a new one begins. Answers have validators, and conditions and ranges are heeded.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use isems_core::{Measurement, simulation, unix_now};
use poem::{
    EndpointExt, Request, Response, Route,
    error::InternalServerError,
    get, handler,
    http::{HeaderMap, StatusCode},
    listener::TcpAcceptor,
    web::{
        Data, Path,
        headers::{
            AcceptRanges, ContentRange, ContentType, ETag, HeaderMapExt, IfModifiedSince, IfNoneMatch, IfRange,
            LastModified, Range,
        },
    },
};
use tokio::{net::TcpListener, task};

/// A log is compressed and begun anew when it has this many lines.
const LINES_A_LOG: usize = 3660;

/// How long answers under way may take when the fleet is stopped.
const GRACE: Duration = Duration::from_secs(1);

/// Simulated nodes, not yet reachable.
#[derive(Debug, Clone)]
pub struct Fleet {
    nodes: simulation::Fleet,
    clock: Clock,
}

/// What time it is for a fleet, in Unix seconds.
#[derive(Debug, Clone)]
pub struct Clock(Option<FastClock>);

#[derive(Debug, Clone)]
struct FastClock {
    start: i64,
    speed: f64,
    started: Instant,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the system's, until it has caught up with it.
    pub fn fast(start: i64, speed: f64) -> Self {
        Self(Some(FastClock { start, speed, started: Instant::now() }))
    }

    /// The time, never later than the system's.
    pub fn now(&self) -> i64 {
        let now = unix_now();
        match &self.0 {
            None => now,
            Some(FastClock { start, speed, started }) => {
                start.saturating_add((speed * started.elapsed().as_secs_f64()) as i64).min(now)
            }
        }
    }
}

impl Fleet {
    /// The nodes `0..nodes` of a seed, whose logs begin in the minute from `start` on (Unix seconds) and are written up to
    /// now.
    pub fn new(seed: u64, nodes: u32, start: i64) -> Self {
        Self { nodes: simulation::Fleet::new(seed, nodes, start), clock: Clock::system() }
    }

    /// Writes the logs up to the time of another clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Binds the fleet to an address (port 0: any that is free), and writes the logs so far.
    pub async fn bind(self, address: SocketAddr) -> io::Result<RunningFleet> {
        let listener = TcpListener::bind(address).await?;
        let mut logs = Logs {
            by_node: self.nodes.ids().map(|id| (id.as_str().into(), Log::default())).collect(),
            nodes: self.nodes,
            clock: self.clock,
        };
        let logs = task::spawn_blocking(move || {
            logs.advance();
            logs
        });
        Ok(RunningFleet { listener, logs: Arc::new(Mutex::new(logs.await?)) })
    }
}

/// A fleet that is bound to a port, and answers while it is [run](RunningFleet::run).
pub struct RunningFleet {
    listener: TcpListener,
    logs: Arc<Mutex<Logs>>,
}

impl RunningFleet {
    /// The URLs of the logs, ordered by node. The names of simulated nodes stand in a URL as they are.
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

impl fmt::Debug for RunningFleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningFleet").field("listener", &self.listener).finish_non_exhaustive()
    }
}

fn lock(logs: &Mutex<Logs>) -> MutexGuard<'_, Logs> {
    logs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The logs of all nodes, written when one is asked for.
struct Logs {
    nodes: simulation::Fleet,
    clock: Clock,
    by_node: BTreeMap<String, Log>,
}

impl Logs {
    /// Writes what has been measured meanwhile.
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

/// The log of a node, and the one before it.
#[derive(Default)]
struct Log {
    text: String,
    lines: usize,
    written_at: i64,
    /// The text as it was last asked for.
    content: Option<Content>,
    full: Option<FullLog>,
}

/// A log that is full.
struct FullLog {
    text: String,
    written_at: i64,
    /// Compressed when it is first asked for.
    content: Option<Content>,
}

/// What is answered, and when it was written.
#[derive(Clone)]
struct Content {
    bytes: Bytes,
    written_at: i64,
}

impl Log {
    fn append(&mut self, measurement: &Measurement) {
        if self.lines == LINES_A_LOG {
            let text = std::mem::take(&mut self.text);
            self.full = Some(FullLog { text, written_at: self.written_at, content: None });
            self.lines = 0;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{measurement}");
        self.lines += 1;
        self.written_at = measurement.timestamp;
        self.content = None;
    }

    fn content(&mut self) -> Content {
        let Self { text, written_at, content, .. } = self;
        let copy = || Content { bytes: Bytes::copy_from_slice(text.as_bytes()), written_at: *written_at };
        content.get_or_insert_with(copy).clone()
    }
}

impl FullLog {
    fn content(&mut self) -> io::Result<Content> {
        if let Some(content) = &self.content {
            return Ok(content.clone());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(self.text.as_bytes())?;
        let content = Content { bytes: encoder.finish()?.into(), written_at: self.written_at };
        Ok(self.content.insert(content).clone())
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

impl Content {
    /// The answer to a request: all, a range, or that nothing has changed.
    fn answer(self, request: &HeaderMap, content_type: ContentType) -> Response {
        let Self { bytes, written_at } = self;
        let length = bytes.len() as u64;
        let modified = UNIX_EPOCH + Duration::from_secs(written_at.max(0) as u64);
        let tag = format!("\"{written_at:x}-{length:x}\"").parse::<ETag>().ok();
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.typed_insert(content_type);
        headers.typed_insert(AcceptRanges::bytes());
        headers.typed_insert(LastModified::from(modified));
        if let Some(tag) = &tag {
            headers.typed_insert(tag.clone());
        }
        if is_known(request, tag.as_ref(), modified) {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        let whole_if = |condition: IfRange| condition.is_modified(tag.as_ref(), Some(&modified.into()));
        let range = if request.typed_get().is_some_and(whole_if) { None } else { request.typed_get() };
        match range.and_then(|range| single(&range, length)) {
            None => response.set_body(bytes),
            Some(range) if range.is_empty() => {
                response.set_status(StatusCode::RANGE_NOT_SATISFIABLE);
                response.headers_mut().typed_insert(ContentRange::unsatisfied_bytes(length));
            }
            Some(range) => {
                response.set_status(StatusCode::PARTIAL_CONTENT);
                if let Ok(range) = ContentRange::bytes(range.clone(), length) {
                    response.headers_mut().typed_insert(range);
                }
                response.set_body(bytes.slice(range.start as usize..range.end as usize));
            }
        }
        response
    }
}

/// Whether the client has the content already. A tag goes before a time.
fn is_known(request: &HeaderMap, tag: Option<&ETag>, modified: SystemTime) -> bool {
    if let Some(condition) = request.typed_get::<IfNoneMatch>() {
        return tag.is_some_and(|tag| !condition.precondition_passes(tag));
    }
    request.typed_get::<IfModifiedSince>().is_some_and(|condition| !condition.is_modified(modified))
}

/// The bytes of a request for one range, empty when there are none. Several ranges are answered by the whole.
fn single(range: &Range, length: u64) -> Option<std::ops::Range<u64>> {
    let mut ranges = range.satisfiable_ranges(length);
    let (Some((Bound::Included(first), last)), None) = (ranges.next(), ranges.next()) else { return None };
    let end = match last {
        Bound::Included(last) => length.min(last.saturating_add(1)),
        _ => length,
    };
    Some(first..end)
}
