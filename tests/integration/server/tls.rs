//! HTTPS.

use std::{
    fs,
    future::pending,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use isems_server::{
    serve::{ConnectionLimits, serve},
    tls::Certificate,
};
use poem::{Response, endpoint::make_sync};
use reqwest::Client;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{client_trusting, exchange, in_time, log::Log};
use crate::mqtt::certificates::Certificates;

/// The files of a certificate, in a folder of their own.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    _folder: TempDir,
}

impl Files {
    fn new(certificates: &Certificates) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
        let files = Self { certificate, key, _folder: folder };
        files.write(certificates);
        files
    }

    fn write(&self, certificates: &Certificates) {
        fs::write(&self.certificate, &certificates.server).unwrap();
        fs::write(&self.key, &certificates.key).unwrap();
    }

    fn open(&self) -> Result<Certificate, String> {
        Certificate::open(&self.certificate, &self.key).map_err(|error| format!("{error} {error:?}"))
    }
}

/// A server that follows its files closely. It answers every request with `hello`.
async fn start(files: &Files, limits: ConnectionLimits) -> (SocketAddr, JoinHandle<()>) {
    let certificate = files.open().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = certificate.acceptor().unwrap();
    let endpoint = make_sync(|_| Response::builder().body("hello"));
    let task = tokio::spawn(async move {
        tokio::select! {
            result = serve(listener, Some(acceptor), endpoint, limits, pending()) => result.unwrap(),
            never = certificate.follow(Duration::from_millis(5)) => match never {},
        }
    });
    (address, task)
}

/// Changes a file at once: whoever follows it never meets a part of it.
fn replace(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// A client that trusts an authority, and makes a connection of its own for every request.
fn client(certificates: &Certificates) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificates.authority.as_bytes()).unwrap()).unwrap();
    client_trusting(roots, 0)
}

async fn is_trusted(client: &Client, address: SocketAddr) -> bool {
    match client.get(format!("https://{address}/")).send().await {
        Ok(response) => response.text().await.unwrap() == "hello",
        Err(error) => {
            assert!(error.is_connect(), "{error:?}");
            false
        }
    }
}

#[tokio::test]
async fn serves_https_and_nothing_else() {
    let certificates = Certificates::new();
    let (address, _task) = start(&Files::new(&certificates), ConnectionLimits::default()).await;
    assert!(is_trusted(&client(&certificates), address).await);
    assert!(!is_trusted(&client(&Certificates::new()), address).await, "the certificate is of another authority");
    let answer = exchange(address, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(!answer.contains("hello") && !answer.contains("HTTP/1.1"), "{answer:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let certificates = Certificates::new();
    let head_timeout = Duration::from_millis(50);
    let limits = ConnectionLimits { head_timeout, ..ConnectionLimits::default() };
    let (address, _task) = start(&Files::new(&certificates), limits).await;
    // The beginning of a handshake; the end comes from the server.
    assert_eq!(exchange(address, b"\x16\x03\x01\x02\x00\x01").await, "");
    assert_eq!(exchange(address, b"").await, "");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_bad_one_is_not() {
    let (log, _guard) = Log::start();
    let (old, new) = (Certificates::new(), Certificates::new());
    let files = Files::new(&old);
    let (address, _task) = start(&files, ConnectionLimits::default()).await;
    let (old_client, new_client) = (client(&old), client(&new));
    let complaints = || log.text().matches("the old TLS certificate stays in use").count();
    let mut expected = 0;
    let broken: [(&str, &dyn Fn()); 3] = [
        ("no certificate", &|| replace(&files.certificate, "rubbish")),
        ("cannot be used with the key", &|| replace(&files.certificate, &new.server)),
        ("cannot read", &|| fs::remove_file(&files.key).unwrap()),
    ];
    for (problem, break_it) in broken {
        break_it();
        expected += 1;
        in_time(async {
            while complaints() < expected {
                assert!(is_trusted(&old_client, address).await, "{problem}");
            }
        })
        .await;
        assert!(log.text().lines().last().unwrap().contains(problem), "{}", log.text());
        for _ in 0..20 {
            assert!(is_trusted(&old_client, address).await, "{problem}");
        }
        assert_eq!(complaints(), expected, "{problem} is logged once: {}", log.text());
    }
    replace(&files.key, &new.key);
    in_time(async { while !is_trusted(&new_client, address).await {} }).await;
    assert!(!is_trusted(&old_client, address).await);
    assert!(log.text().contains("a new TLS certificate is in use"));
}

#[test]
fn files_that_cannot_be_used_are_named_and_never_shown() {
    let (certificates, other) = (Certificates::new(), Certificates::new());
    let secret = certificates.key.lines().nth(1).unwrap();
    let begin = "-----BEGIN PRIVATE KEY-----";
    for (certificate, key, wanted) in [
        (&*certificates.server, "", "no private key in PEM form in"),
        (&certificates.server, &*format!("{begin}\n{secret}!\n-----END PRIVATE KEY-----\n"), "no private key"),
        (&certificates.server, &format!("-----BEGIN {secret}"), "no private key"),
        (&certificates.server, &format!("{begin}\n{secret}\n-----END PRIVATE KEY-----\n"), "cannot be used with"),
        (&certificates.server, &other.key, "cannot be used with the key in"),
        (&certificates.key, &certificates.key, "no certificate in PEM form in"),
        ("", &certificates.key, "no certificate"),
    ] {
        let files = Files::new(&certificates);
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        let error = files.open().unwrap_err();
        assert!(error.contains(wanted) && error.contains("server."), "{wanted}: {error}");
        assert!(!error.contains(secret) && !error.contains(other.key.lines().nth(1).unwrap()), "{error}");
    }
    let files = Files::new(&certificates);
    fs::remove_file(&files.key).unwrap();
    assert!(files.open().unwrap_err().contains("cannot read"));
}
