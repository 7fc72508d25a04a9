//! A web server that sends what it is told to, whether or not that is HTTP, and records the requests.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{self, JoinSet},
    time,
};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The reply to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the end of the connection.
    Close(Vec<u8>),
    /// These bytes, then nothing more.
    Hang(Vec<u8>),
    /// The first bytes once and the others for ever, as fast as they are read.
    Endless(Vec<u8>, Vec<u8>),
    /// The first bytes at once, then one byte now and then, for ever.
    Trickle(Vec<u8>),
}

impl Reply {
    /// Makes an answer with its length.
    pub(crate) fn http(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        Self::Close(head("HTTP/1.1", status, &[headers, &[("Content-Length", &length)]].concat(), body))
    }

    /// Makes an answer that ends with its connection.
    pub(crate) fn http_1_0(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        Self::Close(head("HTTP/1.0", status, headers, body))
    }

    fn status(&self) -> Option<u16> {
        let (Self::Close(bytes) | Self::Hang(bytes) | Self::Endless(bytes, _) | Self::Trickle(bytes)) = self;
        std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()
    }

    fn body_bytes(&self) -> usize {
        let Self::Close(bytes) = self else { return 0 };
        bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| bytes.len() - end - 4)
    }
}

/// Returns the bytes of an answer.
pub(crate) fn head(version: &str, status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = format!("{version} {status}\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_ref());
    bytes
}

/// A request and the bytes sent in reply.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    /// `Some` if it was HTTP.
    pub(crate) status: Option<u16>,
    /// The length of the body, if it had an end.
    pub(crate) body_bytes: usize,
}

/// Listens until it is dropped.
pub(crate) struct WebServer {
    pub(crate) address: SocketAddr,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    _tasks: JoinSet<()>,
}

impl WebServer {
    pub(crate) async fn start(respond: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        Self::start_on(listener, respond)
    }

    pub(crate) fn start_on(listener: TcpListener, respond: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("a bound listener");
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(respond), exchanges.clone()));
        Self { address, exchanges, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Takes the exchanges since the last call.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.exchanges.lock().expect("no test has panicked here"))
    }

    /// Returns the number of requests since the last [`take`](Self::take).
    pub(crate) fn requests(&self) -> usize {
        self.exchanges.lock().expect("no test has panicked here").len()
    }
}

type Respond = dyn Fn(&Request) -> Reply + Send + Sync;

async fn accept(listener: TcpListener, respond: Arc<Respond>, exchanges: Arc<Mutex<Vec<Exchange>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (respond, exchanges) = (respond.clone(), exchanges.clone());
        connections.spawn(async move {
            // Clients may hang up whenever they like.
            let _ = serve(stream, respond, &exchanges).await;
        });
    }
}

async fn serve(stream: TcpStream, respond: Arc<Respond>, exchanges: &Mutex<Vec<Exchange>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    // A test may let it wait, which must not hold up those whose thread it is.
    let answered = task::spawn_blocking(move || (respond(&request), request)).await;
    let (reply, request) = answered.expect("no test panics here");
    let exchange = Exchange { request, status: reply.status(), body_bytes: reply.body_bytes() };
    exchanges.lock().expect("no test has panicked here").push(exchange);
    match reply {
        Reply::Close(bytes) => stream.write_all(&bytes).await?,
        Reply::Hang(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending::<()>().await;
        }
        Reply::Endless(bytes, more) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&more).await?;
            }
        }
        Reply::Trickle(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                time::sleep(Duration::from_millis(20)).await;
                stream.write_all(b"x").await?;
            }
        }
    }
    stream.shutdown().await
}

/// Returns `None` if the client hung up before it sent a request.
async fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Request { path, headers }))
}
