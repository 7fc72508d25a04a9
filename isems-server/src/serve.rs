//! An HTTP server that limits the resources clients can use.

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use poem::{
    Addr, Endpoint, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use serde::{Deserialize, Deserializer, Serialize, de};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::{Layer, service_fn};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};
use tracing::{debug, warn};

/// The size of a request head above which it is refused without being read to its end. The service allows less, and
/// says so while it can still answer.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// A body shorter than this is sent uncompressed.
const MIN_COMPRESSED_BYTES: u16 = 1024;

/// The pause after the system failed to accept a connection, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// The minimum time between two log messages that no connection can be accepted.
const NOTICE_INTERVAL: Duration = Duration::from_mins(1);

/// Limits on the resources clients can use.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// The maximum number of connections. Further ones wait in the system's queue until one ends. In
    /// settings they are 1 to 65,535.
    #[serde(deserialize_with = "deserialize_connections")]
    pub connections: usize,
    /// The time limit for the TLS handshake, for the head of a request, and between two requests.
    #[serde(with = "isems_core::duration")]
    pub head_timeout: Duration,
    /// The time for which a client may accept nothing of its answer.
    #[serde(with = "isems_core::duration")]
    pub write_timeout: Duration,
    /// The time that requests under way get to finish when the server stops.
    #[serde(with = "isems_core::duration")]
    pub grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            head_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(3),
        }
    }
}

fn deserialize_connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let connections = usize::deserialize(deserializer)?;
    if !(1..=65_535).contains(&connections) {
        return Err(de::Error::custom(format_args!("invalid number {connections}: expected 1 to 65535")));
    }
    Ok(connections)
}

/// Serves HTTP/1.1 at a port until `stop` is ready; from then on no requests are accepted, and those under way get the
/// [grace period](ConnectionLimits::grace). With an acceptor it serves HTTPS only.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_at(listener, tls, endpoint, limits, stop).await
}

/// Does the same as [`serve`] for any kind of listener.
pub(crate) async fn serve_at(
    listener: impl Listener,
    tls: Option<TlsAcceptor>,
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let shared = Arc::new(Shared { endpoint, tls, local: listener.address()?, limits });
    let mut door = Door::new(listener, limits.connections);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let (stream, remote, place) = tokio::select! {
            () = &mut stop => break,
            accepted = door.accept() => accepted,
        };
        let (shared, watcher) = (shared.clone(), graceful.watcher());
        connections.spawn(async move {
            shared.connection(stream, remote, watcher).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(door);
    // Connections that have not ended in time end along with the set.
    let _ = time::timeout(limits.grace, graceful.shutdown()).await;
    Ok(())
}

/// A source of connections.
pub(crate) trait Listener {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// The address that clients connect to.
    fn address(&self) -> io::Result<Addr>;

    /// Waits for the next connection, and returns it with the client's address. Dropping the future loses nothing.
    async fn accept(&self) -> io::Result<(Self::Stream, Addr)>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn address(&self) -> io::Result<Addr> {
        self.local_addr().map(Addr::SocketAddr)
    }

    async fn accept(&self) -> io::Result<(TcpStream, Addr)> {
        let (stream, remote) = self.accept().await?;
        // An answer is written in one go, so waiting to fill a packet would only delay its end. This fails if the
        // client is already gone.
        stream.set_nodelay(true).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
        Ok((stream, Addr::SocketAddr(remote)))
    }
}

/// Lets connections in while there is room.
struct Door<L> {
    listener: L,
    places: Arc<Semaphore>,
    limit: usize,
    full: Notice,
    failing: Notice,
}

impl<L: Listener> Door<L> {
    fn new(listener: L, limit: usize) -> Self {
        let (full, failing) = (Notice::default(), Notice::default());
        Self { listener, places: Arc::new(Semaphore::new(limit)), limit, full, failing }
    }

    /// Returns the next connection and its permit. Dropping the future loses nothing.
    async fn accept(&mut self) -> (L::Stream, Addr, OwnedSemaphorePermit) {
        if self.places.available_permits() == 0 && self.full.is_due() {
            let limit = self.limit;
            warn!(limit, "all connections are in use, further clients must wait; see ISEMS_MAX_CONNECTIONS");
        }
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, remote)) => return (stream, remote, place),
                Err(error) if is_of_the_client(&error) => {
                    debug!(%error, "a connection was closed before it was accepted");
                }
                Err(error) => {
                    if self.failing.is_due() {
                        warn!(%error, "cannot accept connections; still trying");
                    }
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A message logged at most once in a while, however often it occurs.
#[derive(Default)]
struct Notice(Option<Instant>);

impl Notice {
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= NOTICE_INTERVAL);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The parts shared by connections.
struct Shared<E> {
    endpoint: E,
    tls: Option<TlsAcceptor>,
    local: Addr,
    limits: ConnectionLimits,
}

impl<E: Endpoint<Output = Response> + 'static> Shared<E> {
    async fn connection(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        remote: Addr,
        watcher: Watcher,
    ) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let stream = Box::pin(stream);
        let Some(tls) = &self.tls else {
            return self.converse(stream, Scheme::HTTP, remote, watcher).await;
        };
        match time::timeout(self.limits.head_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, Scheme::HTTPS, remote, watcher).await,
            Ok(Err(error)) => debug!(%remote, %error, "no TLS handshake"),
            Err(_) => debug!(%remote, "no TLS handshake in time"),
        }
    }

    async fn converse(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        scheme: Scheme,
        remote: Addr,
        watcher: Watcher,
    ) {
        let client = remote.clone();
        let head_timeout = self.limits.head_timeout;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (shared, remote, scheme) = (self.clone(), client.clone(), scheme.clone());
            async move {
                let local = LocalAddr(shared.local.clone());
                let request = (request, local, RemoteAddr(remote), scheme).into();
                Ok::<_, Infallible>(hyper::Response::from(shared.endpoint.get_response(request).await))
            }
        });
        let service = TowerToHyperService::new(compression().layer(service));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            debug!(%remote, %error, "a connection was closed early");
        }
    }
}

/// Compresses for clients that accept gzip, chunk by chunk, so that memory use does not grow with the body. Event
/// streams are left alone: each event must arrive when it is sent.
fn compression() -> CompressionLayer<impl Predicate> {
    let predicate = SizeAbove::new(MIN_COMPRESSED_BYTES).and(NotForContentType::SSE);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(predicate)
}
