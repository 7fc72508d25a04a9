//! An HTTP server that records requests.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rumqttc::tokio_rustls::TlsAcceptor;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
};

use crate::mqtt::certificates::Certificates;

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// With names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Something that happened at the server.
#[derive(Debug)]
pub(crate) enum Event {
    Request(Request),
    /// The client closed a connection on which it had no answer.
    HungUp,
}

/// Listens until it is dropped.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
    _tasks: JoinSet<()>,
}

impl Recorder {
    /// Answers every request with a status, headers and a body as they are sent, or never.
    pub(crate) async fn start(answer: Option<&str>) -> Self {
        Self::start_with(answer, None).await
    }

    /// Answers `200 OK` over TLS.
    pub(crate) async fn start_tls(certificates: &Certificates) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificates.server.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate with its key");
        Self::start_with(Some("200 OK\r\n\r\n"), Some(Arc::new(config).into())).await
    }

    async fn start_with(answer: Option<&str>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let answer =
            answer.map(|answer| format!("HTTP/1.1 {}", answer.replacen("\r\n", "\r\nConnection: close\r\n", 1)));
        let (sender, events) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, answer.as_deref(), &sender).await;
                        }
                    }
                    None => serve(stream, answer.as_deref(), &sender).await,
                }
            }
        });
        Self { address, events, _tasks: tasks }
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.events.recv().await.expect("the server runs")
    }

    pub(crate) async fn request(&mut self) -> Request {
        match self.next().await {
            Event::Request(request) => request,
            Event::HungUp => panic!("there is a request"),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: Option<&str>,
    events: &mpsc::UnboundedSender<Event>,
) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream).await else { return };
    // Nobody may be interested any more.
    let _ = events.send(Event::Request(request));
    if let Some(answer) = answer {
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    } else {
        let _ = stream.read(&mut [0]).await;
        let _ = events.send(Event::HungUp);
    }
}

/// Returns `None` if the client hung up before its request was complete.
async fn read_request(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Request> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let (method, path) = first.split_once(' ')?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.ok()?;
    let path = path.split(' ').next()?.to_owned();
    Some(Request { method: method.into(), path, headers, body: String::from_utf8(body).ok()? })
}
