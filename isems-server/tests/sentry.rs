//! Reports of errors and panics, as a Sentry server receives them.

mod common;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use isems_core::{BoxError, Collector, Inbox, RedbRepository, Transport, async_trait};
use isems_server::{log, settings::Arguments};
use rcgen::CertifiedKey;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::Value;
use tracing::error;

use common::{DEADLINE, program, run, text};

/// A request as it was received.
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            bytes.extend(byte);
        }
        let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(Self { head, body })
    }

    /// Returns the event of an envelope, which has a line about the envelope, a line about the item, and the item.
    fn event(&self) -> Value {
        let lines: Vec<&[u8]> = self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let [_, item, event] = lines[..] else { panic!("{}", text(&self.body)) };
        assert_eq!(serde_json::from_slice::<Value>(item).unwrap()["type"], "event");
        serde_json::from_slice(event).unwrap()
    }
}

/// A server's reaction to a report.
#[derive(Clone, Copy)]
enum Conduct {
    Answer(&'static str),
    Hang,
}

/// A Sentry server that keeps what it receives.
struct Recorder {
    address: SocketAddr,
    requests: Receiver<Request>,
}

impl Recorder {
    fn start(conduct: Conduct) -> Self {
        Self::over(conduct, |stream| stream)
    }

    /// Starts a server over a layer on top of TCP.
    fn over<S: Read + Write>(conduct: Conduct, layer: impl Fn(TcpStream) -> S + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = layer(stream.unwrap());
                // A client that does not trust the server ends the connection before its request.
                let served = serve(&mut stream, conduct, &sender);
                if served.is_ok() && matches!(conduct, Conduct::Hang) {
                    held.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    fn dsn(&self) -> String {
        format!("http://hunter8:hunter9@{}/42", self.address)
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(DEADLINE).unwrap()
    }

    /// Returns the requests received so far from a process that has ended.
    fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// Keeps a request and answers it.
fn serve(stream: &mut (impl Read + Write), conduct: Conduct, sender: &Sender<Request>) -> io::Result<()> {
    let request = Request::read(stream)?;
    // A test that has ended no longer keeps anything.
    let _ = sender.send(request);
    match conduct {
        Conduct::Answer(status) => {
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            stream.flush()
        }
        Conduct::Hang => Ok(()),
    }
}

/// Returns settings with secrets of every kind, and the server to report to.
fn environment(dsn: &str) -> [(&str, &str); 6] {
    [
        ("SENTRY_DSN", dsn),
        ("MQTT_SERVER", "mqtt://collector:hunter2@127.0.0.1:1"),
        ("ISEMS_ROUTER_IPS", "http://admin:hunter3@127.0.0.1:1/csv.log"),
        ("ISEMS_API_TOKENS", "admin:hunter4hunter4hunter4"),
        ("ISEMS_PUSH_TOKENS", "*:hunter6hunter6hunter6"),
        ("HUNTER5", "hunter5"),
    ]
}

#[test]
fn errors_of_the_log_are_reported_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let sentry = Recorder::start(Conduct::Answer("200 OK"));
    let dsn = sentry.dsn();
    let mut trace = program(folder.path());
    trace.args(["import", "--log", "trace", "first.log", "second.log"]).envs(environment(&dsn));
    let output = trace.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("hunter"), "{}", text(&output.stderr));
    let reports = sentry.rest();
    for (report, path) in reports.iter().zip(["first.log", "second.log"]) {
        assert!(report.head.starts_with("post /api/42/envelope/ http/1.1\r\n"), "{}", report.head);
        let keys: Vec<&str> = report.head.lines().filter(|line| line.contains("hunter")).collect();
        let [key] = keys[..] else { panic!("{}", report.head) };
        assert!(key.starts_with("x-sentry-auth: sentry ") && key.contains("sentry_key=hunter8"), "{key}");
        let event = report.event();
        assert_eq!(event["message"], "cannot read");
        assert!(event.get("level").is_none(), "what has no level is an error: {event}");
        assert_eq!(event["logger"], "isems_server::import");
        assert_eq!(event["release"], concat!("isems-server@", env!("CARGO_PKG_VERSION")));
        assert_eq!(event["contexts"]["Rust Tracing Fields"]["path"], path);
        for absent in ["server_name", "user", "request", "breadcrumbs", "modules"] {
            assert!(event.get(absent).is_none(), "{absent} in {event}");
        }
        // The public key identifies the recipient and appears only in the header; its secret part appears nowhere.
        assert!(!text(&report.body).to_lowercase().contains("hunter"), "{}", text(&report.body));
    }
    assert_eq!(reports.len(), 2);
}

#[test]
fn what_ends_the_program_is_reported_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("isems.redb"), vec![7; 100_000]).unwrap();
    for command in ["serve", "poll"] {
        let sentry = Recorder::start(Conduct::Answer("200 OK"));
        let output = run(folder.path(), &[command], &environment(&sentry.dsn()));
        let log = text(&output.stderr);
        assert!(!output.status.success() && log.contains("isems.redb"), "{log}");
        let [report] = &sentry.rest()[..] else { panic!("{log}") };
        let event = report.event();
        assert_eq!(event["level"], "fatal");
        let message = event["message"].as_str().unwrap();
        assert_eq!(log.lines().last().unwrap(), format!("error: {message}"));
        assert!(!text(&report.body).to_lowercase().contains("hunter"), "{}", text(&report.body));
    }
}

#[test]
fn a_server_that_is_down_or_slow_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = (0..200).map(|number| format!("{number}.log")).collect();
    let flags: Vec<&str> = ["import"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let unreported = run(folder.path(), &flags, &[]);
    let failing = Recorder::start(Conduct::Answer("500 Internal Server Error"));
    let hanging = Recorder::start(Conduct::Hang);
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = format!("http://hunter8:hunter9@{refusing}/42");
    for (dsn, reason) in [(failing.dsn(), Some("answered 500")), (hanging.dsn(), None), (refusing, Some("refused"))] {
        let output = run(folder.path(), &flags, &environment(&dsn));
        assert_eq!(output.status, unreported.status);
        let lines = |output: &[u8]| text(output).lines().filter(|line| line.contains("log")).count();
        assert_eq!(lines(&output.stdout), lines(&unreported.stdout));
        let log = text(&output.stderr);
        assert!(!log.contains("hunter"), "{log}");
        if let Some(reason) = reason {
            let notices: Vec<&str> = log.lines().filter(|line| line.contains("cannot be reported")).collect();
            assert!(notices.len() == 1 && notices[0].contains(reason), "{log}");
        }
    }
    assert!(!hanging.rest().is_empty());
}

#[test]
fn a_server_that_wants_no_more_reports_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let sentry = Recorder::start(Conduct::Answer("429 Too Many Requests\r\nRetry-After: 600"));
    let output = run(folder.path(), &["import", "1.log", "2.log", "3.log"], &environment(&sentry.dsn()));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(sentry.rest().len(), 1);
}

#[test]
fn a_bad_dsn_stops_the_start_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("isems.toml");
    for dsn in [
        "hunter9",
        "hunter9@sentry.example.org/1",
        "https://sentry.example.org/hunter9",
        "https://key:hunter9@sentry.example.org",
        "ftp://key:hunter9@sentry.example.org/1",
        "https://key:hunter9@sentry.example.org:port/1",
    ] {
        fs::write(&file, format!("sentry_dsn = \"{dsn}\"")).unwrap();
        let outputs = [
            ("SENTRY_DSN: ", run(folder.path(), &["serve"], &[("SENTRY_DSN", dsn)])),
            ("--sentry-dsn: ", run(folder.path(), &["poll", "--sentry-dsn", dsn], &[])),
            ("isems.toml, line 1, sentry_dsn: ", run(folder.path(), &["--config", "isems.toml"], &[])),
        ];
        for (origin, output) in outputs {
            let error = text(&output.stderr);
            assert!(!output.status.success(), "{dsn}");
            assert!(error.contains(origin) && error.contains("https://KEY@HOST/PROJECT"), "{dsn}: {error}");
            assert!(!error.contains("hunter"), "{dsn}: {error}");
        }
    }
    let blank = run(folder.path(), &["import", "1.log", "--sentry-dsn", ""], &[]);
    assert_eq!(blank.status.code(), Some(1), "a blank one is none");
    assert!(text(&blank.stdout).contains("1.log"), "{}", text(&blank.stdout));
}

#[test]
fn reports_go_through_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Recorder::start(Conduct::Answer("200 OK"));
    let address = format!("http://{}", proxy.address);
    let settings = [("SENTRY_DSN", "http://key@sentry.invalid/42"), ("http_proxy", &*address)];
    run(folder.path(), &["import", "1.log"], &settings);
    let request = proxy.next();
    assert!(request.head.starts_with("post http://sentry.invalid/api/42/envelope/ http/1.1\r\n"), "{}", request.head);
}

#[test]
fn reports_go_over_tls_to_a_server_whose_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let authority = folder.path().join("authority.pem");
    fs::write(&authority, cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let sentry = Recorder::over(Conduct::Answer("200 OK"), move |stream| {
        StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
    });
    let dsn = format!("https://key@localhost:{}/42", sentry.address.port());
    let distrusted = run(folder.path(), &["import", "1.log"], &[("SENTRY_DSN", &dsn)]);
    assert!(text(&distrusted.stderr).contains("errors cannot be reported"), "{}", text(&distrusted.stderr));
    assert!(sentry.rest().is_empty());
    let trust = ("SSL_CERT_FILE", authority.to_str().unwrap());
    let trusted = run(folder.path(), &["import", "1.log"], &[("SENTRY_DSN", &dsn), trust]);
    assert!(!text(&trusted.stderr).contains("errors cannot be reported"), "{}", text(&trusted.stderr));
    assert_eq!(sentry.next().event()["message"], "cannot read");
}

/// Set in a process that a test starts, to tell it what to do.
const PART_OF_CHILD: &str = "TEST_PART_OF_CHILD";

/// Runs this test program again, to do part of a test with the library.
fn child(part: &str, folder: &Path, dsn: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "part_of_another_test", "--ignored", "--nocapture"]);
    command.env_clear().current_dir(folder).env(PART_OF_CHILD, part).env("SENTRY_DSN", dsn);
    command
}

struct Stumbling;

#[async_trait]
impl Transport for Stumbling {
    fn name(&self) -> &'static str {
        "stumbling"
    }

    async fn run(&mut self, _: &Inbox) -> Result<(), BoxError> {
        panic!("stumbled over {}", 1 + 2);
    }
}

#[test]
#[ignore = "it is a part of other tests, in a process of its own"]
fn part_of_another_test() {
    let arguments = Arguments::read(["isems-server".into()]).unwrap();
    let _sentry = log::start(&arguments.settings).unwrap();
    match env::var(PART_OF_CHILD).unwrap().as_str() {
        "panics" => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let repository = Arc::new(RedbRepository::in_memory().unwrap());
            let collector = Collector::new(repository).transport(Stumbling).unwrap();
            let monitor = collector.monitor();
            let has_failed = async move {
                while monitor.transports()[0].last_error.is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            runtime.block_on(collector.run(has_failed));
            assert!(thread::spawn(|| panic!("on a thread")).join().is_err());
            panic!("at the end");
        }
        "flood" => {
            let mut lines = io::stdin().lines();
            for number in 0..150 {
                error!(number, "a wave");
                println!("\nsent");
                assert!(lines.next().is_some());
            }
        }
        part => panic!("{part} is no part"),
    }
}

#[test]
fn a_panic_is_reported_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let sentry = Recorder::start(Conduct::Answer("200 OK"));
    let output = child("panics", folder.path(), &sentry.dsn()).output().unwrap();
    let log = text(&output.stderr);
    assert!(!output.status.success() && log.contains("transport panicked"), "{log}");
    let reports: Vec<Value> = sentry.rest().iter().map(Request::event).collect();
    assert_eq!(reports.len(), 3, "{reports:?}");
    let panics: Vec<&Value> = reports.iter().map(|event| &event["exception"]["values"][0]).collect();
    let messages: Vec<&str> = panics.iter().filter_map(|panic| panic["value"].as_str()).collect();
    assert_eq!(messages, ["stumbled over 3", "on a thread", "at the end"], "{reports:?}");
    for (event, panic) in reports.iter().zip(panics) {
        assert_eq!(event["level"], "fatal");
        let frame = &panic["stacktrace"]["frames"][0];
        assert!(frame["filename"].as_str().unwrap().ends_with("tests/sentry.rs") && frame["lineno"].is_u64());
        assert_eq!(event["fingerprint"][0], "panic");
    }
}

#[test]
fn strangers_cannot_cause_a_flood_of_reports() {
    let folder = tempfile::tempdir().unwrap();
    let sentry = Recorder::start(Conduct::Answer("200 OK"));
    let mut child = child("flood", folder.path(), &sentry.dsn());
    let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let waves = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for (number, _) in waves.filter(|line| line == "sent").enumerate() {
        if number < 100 {
            assert_eq!(sentry.next().event()["contexts"]["Rust Tracing Fields"]["number"], number);
        }
        writeln!(input).unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert!(sentry.rest().is_empty());
}
