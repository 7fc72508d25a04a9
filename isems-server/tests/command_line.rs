//! The program as its user sees it: flags, environment, files, output and exit codes.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use common::{DEADLINE, Running, get_with, program, run, text};

/// A node's web server: the same answer to every request.
fn node(status: &'static str, body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                if line.unwrap().is_empty() {
                    break;
                }
            }
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
    });
    address
}

fn lines(node: &str, count: i64) -> String {
    let line = |minute| {
        let second = 1_530_364_575 + 60 * minute;
        format!("{node};1;{second};v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn helps_newcomers() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--help"], ["-h"]] {
        let output = run(folder.path(), &flags, &[]);
        let help = text(&output.stdout);
        assert!(output.status.success());
        for wanted in [
            "--demo",
            "poll",
            "import",
            "export",
            "backup",
            "openapi",
            "--router-ips",
            "--mqtt-server",
            "isems-server --demo",
        ] {
            assert!(help.contains(wanted), "{wanted} is missing in {help}");
        }
    }
    let version = run(folder.path(), &["--version"], &[]);
    assert_eq!(text(&version.stdout).trim(), concat!("isems-server ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn prints_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["openapi"], &[]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["paths"]["/measurements/latest"]["get"]["summary"].is_string());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no database is made for it");
}

#[test]
fn polls_every_node_once() {
    let folder = tempfile::tempdir().unwrap();
    let good = node("200 OK", lines("Hut", 5) + "rubbish\n");
    let missing = node("404 Not Found", "<h1>404</h1>".into());
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(folder.path(), &["poll"], &[("ISEMS_ROUTER_IPS", &good.to_string())]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        format!("http://{good}/ISEMS/ffopenmppt.log: 5 stored, 0 duplicate, 1 rejected\nInserted 5\n")
    );
    let nodes = format!("{good},{missing},{refused}");
    let output = run(folder.path(), &["poll", "--router-ips", &nodes], &[]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    let mut lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.pop(), Some("Inserted 0"));
    let line =
        |address: SocketAddr| *lines.iter().find(|line| line.starts_with(&format!("http://{address}/"))).unwrap();
    assert!(line(good).ends_with("0 stored, 5 duplicate, 1 rejected"), "{report}");
    assert!(line(missing).contains("404"), "{report}");
    assert!(line(refused).contains("refused"), "{report}");
}

#[test]
fn lists_rejects() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = run(folder.path(), &["rejects"], &[]);
    assert!(!nothing.status.success());
    assert!(text(&nothing.stderr).contains("there is no database at isems.redb;"), "{}", text(&nothing.stderr));
    assert!(!folder.path().join("isems.redb").exists());

    let address = node("200 OK", format!("{}a\u{1b}[2J\u{9b};b\nHut;1\n", lines("Hut", 1)));
    run(folder.path(), &["poll", "--router-ips", &format!("http://{address}/csv.log")], &[]);
    let list = |flags: &[&str]| {
        let output = run(folder.path(), &[&["rejects"], flags].concat(), &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let all = list(&[]);
    let [hut, strange] = all.lines().collect::<Vec<_>>()[..] else { panic!("{all}") };
    assert!(hut.ends_with(&format!("Z field_count of Hut from http http://{address}/csv.log line 3: Hut;1")), "{hut}");
    assert!(strange.ends_with(r"line 2: a\u{1b}[2J\u{9b};b"), "{strange}");
    assert_eq!(list(&["--limit", "1"]).trim(), hut);
    assert_eq!(list(&["--node", "Hut", "--transport", "http", "--reason", "field_count"]).trim(), hut);
    assert_eq!(list(&["--transport", "mqtt"]), "");
    let json = list(&["--json"]);
    assert!(json.lines().nth(1).unwrap().contains(r#""text":"a\u001b[2J\u009b;b""#), "{json}");
    let unknown = run(folder.path(), &["rejects", "--reason", "bad"], &[]);
    assert!(text(&unknown.stderr).contains("rate_limited"), "the reasons are listed");
}

#[test]
fn serves_until_it_is_terminated() {
    let folder = tempfile::tempdir().unwrap();
    let node = node("200 OK", lines("Hut", 3));
    let mut server = Running::start(folder.path(), &["serve"], &[("ISEMS_ROUTER_IPS", &node.to_string())]);
    server.wait_for("/measurements/latest?all=true", "\"nodeId\":\"Hut\"");
    let second = run(folder.path(), &["--listen", "127.0.0.1:0"], &[]);
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("another process has it open"), "{}", text(&second.stderr));
    let occupied = server.address.to_string();
    let third = run(folder.path(), &["--listen", &occupied, "--database-url", "other.redb"], &[]);
    assert!(text(&third.stderr).contains(&occupied), "{}", text(&third.stderr));
    let (log, ended_well) = server.terminate();
    assert!(ended_well, "{log}");
    assert!(log.contains("stopped"), "{log}");
    let again = run(folder.path(), &["poll", "--router-ips", &node.to_string()], &[]);
    assert!(text(&again.stdout).contains("0 stored, 3 duplicate"), "{}", text(&again.stdout));
}

#[test]
fn the_demo_shows_nodes_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut server = Running::start(folder.path(), &["--demo", "3"], &[("TMPDIR", temporary.to_str().unwrap())]);
    server.wait_for("/measurements/latest", "Dorfkirche");
    let day = server.wait_for("/measurements/Elektra-Dach/latest", "timestamp");
    assert_eq!(day.matches("\"timestamp\"").count(), 1440);
    let (log, ended_well) = server.terminate();
    assert!(ended_well, "{log}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_address_that_others_reach_is_warned_of_unless_it_is_guarded() {
    let folder = tempfile::tempdir().unwrap();
    let open = "anyone who can reach this address may read";
    let unencrypted = "tokens are sent to this address unencrypted";
    let tokens = ("ISEMS_API_TOKENS", "admin:0123456789abcdef");
    for (host, environment, expected) in [
        ("127.0.0.1", &[][..], None),
        ("0.0.0.0", &[], Some(open)),
        ("127.0.0.1", &[tokens], None),
        ("0.0.0.0", &[tokens], Some(unencrypted)),
    ] {
        let mut server = Running::start_at(host, folder.path(), &[], environment);
        let (log, _) = server.terminate();
        let warnings: Vec<&str> = [open, unencrypted].into_iter().filter(|warning| log.contains(*warning)).collect();
        assert_eq!(warnings, expected.into_iter().collect::<Vec<_>>(), "{log}");
    }
}

#[test]
fn a_server_that_has_no_file_descriptor_left_says_so_once_and_serves_again() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 32 && exec \"$0\"", env!("CARGO_BIN_EXE_isems-server")]);
    command.env_clear().current_dir(folder.path()).env("ISEMS_LISTEN", address.to_string());
    let child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut server = Running { child, address };
    server.wait_for("/healthz", "ok");
    let connections: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    let start = Instant::now();
    let complaints = || fs::read_to_string(&log).unwrap().matches("cannot accept connections").count();
    while complaints() == 0 {
        assert!(start.elapsed() < DEADLINE, "{}", fs::read_to_string(&log).unwrap());
        thread::sleep(Duration::from_millis(20));
    }
    drop(connections);
    server.wait_for("/healthz", "ok");
    assert_eq!(complaints(), 1);
}

/// A private key in PEM form in which every line is marked.
fn planted_key() -> String {
    let line = "hunter5".repeat(8);
    format!("-----BEGIN PRIVATE KEY-----\n{line}\n{line}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let broker = format!("mqtt://collector:hunter2@{nobody}");
    let node = format!("http://admin:hunter3@{nobody}/csv.log");
    for format in ["human", "json"] {
        let environment = [
            ("MQTT_SERVER", &*broker),
            ("ISEMS_ROUTER_IPS", &*node),
            ("ISEMS_API_TOKENS", "admin:hunter4hunter4hunter4,backup:hunter6hunter6hunter6"),
            ("ISEMS_NOTIFY", "ntfys://hunter8@ntfy.invalid/hunter8,smtps://u:hunter8@mail.invalid/?from=a@b&to=c@d"),
            ("ISEMS_HOMEASSISTANT", &*broker),
            ("ISEMS_LOG", "trace"),
            ("ISEMS_LOG_FORMAT", format),
        ];
        let mut server = Running::start(folder.path(), &[], &environment);
        let readiness = server.wait_for("/readyz", "refused");
        let document = server.wait_for("/openapi.json", "paths");
        let bearer = |token| format!("Authorization: Bearer {token}\r\n");
        let good = get_with(server.address, "/api/v1/rejects", &bearer("hunter4hunter4hunter4")).unwrap();
        let bad = get_with(server.address, "/api/v1/rejects", &bearer("hunter7hunter7hunter7")).unwrap();
        assert!(good.starts_with("HTTP/1.1 200") && bad.starts_with("HTTP/1.1 401"), "{good}{bad}");
        let (log, _) = server.terminate();
        let name = if format == "human" { "token=admin" } else { "\"token\":\"admin\"" };
        assert!(log.lines().any(|line| line.contains(name) && line.contains("/api/v1/rejects")), "{log}");
        let help = text(&run(folder.path(), &["--help"], &environment).stdout);
        let polled = run(folder.path(), &["poll"], &environment);
        let polled = text(&polled.stdout) + &text(&polled.stderr);
        assert!(log.contains("refused") && polled.contains("refused"));
        for shown in [readiness, document, good, bad, log, help, polled] {
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
    for broker in [
        "mqtt://collector:hunter#2@broker",
        "broker,mqtt://u:hunter2@other#name=mqtt",
        "mqtt://u:hunter2@broker#client=1",
        "mqtt://collector:hunter2@broker:port",
        "mqtt://collector:hunter2@",
        "amqp://collector:hunter2@b",
    ] {
        for flag in ["--mqtt-server", "--homeassistant"] {
            let output = run(folder.path(), &["--listen", "127.0.0.1:0", flag, broker], &[]);
            assert!(!output.status.success(), "{flag} {broker}");
            assert!(!text(&output.stderr).contains("hunter"), "{}", text(&output.stderr));
        }
    }
    fs::write(folder.path().join("planted.key"), planted_key()).unwrap();
    let wrong = [
        ("type", "[access]\ntokens = [\"hunter4\", { admin = \"hunter4\" }]"),
        ("list", "[access]\ntokens = \"admin:hunter4, expected hunter4\""),
        ("broken", "[access]\ntokens = [\"admin:hunter4hunter4hunter4\" oops]"),
        ("flat", "api_tokens = [\"admin:hunter4hunter4hunter4\"]"),
        ("dsn", "sentry_dsn = [\"https://hunter4@host/1\"]"),
        ("target", "[[http.targets]]\nurl = \"http://admin:hunter4@node:x/\""),
        ("header", "[[http.targets]]\nurl = \"node\"\nheaders = { X-Key = [\"hunter4\"] }"),
        ("broker", "[[mqtt.brokers]]\nbroker = \"mqtt://collector:hunter4@broker:port\""),
        ("name", "[[mqtt.brokers]]\nbroker = \"mqtt://collector:hunter4@broker\"\nkeep_alive = 3"),
        ("channel", "[alerts]\nchannels = [\"ntfys://hun/ter4@host/hunter4#severity=hunter4\"]"),
        ("secret", "[[alerts.channels]]\nto = \"webhook+http://host/hunter4\"\nsecret = [\"hunter4\"]"),
        ("headers", "[[alerts.channels]]\nto = \"webhook+http://host/\"\nheaders = \"X-Key: hunter4\""),
        ("range", "[[mqtt.brokers]]\nbroker = \"mqtt://collector:hunter4@broker\"\nkeep_alive_seconds = 0"),
    ];
    for (name, file) in wrong {
        fs::write(folder.path().join(name), file).unwrap();
        let output = program(folder.path()).args(["--config", name]).output().unwrap();
        let error = text(&output.stderr);
        assert!(!output.status.success() && error.contains(&format!("{name}, line ")), "{name}: {error}");
        assert!(!error.contains("hunter"), "{name}: {error}");
    }
    for flags in [
        &["--api-tokens", "hunter4hunter4hunter4"][..],
        &["--api-tokens", "admin:hunter4"],
        &["--api-tokens", "admin:hunter4hunter4!hunter4"],
        &["--api-tokens", "admin:hunter4hunter4hunter4,admin:hunter4hunter4hunter4"],
        &["--api-tokens", ":hunter4hunter4hunter4"],
        &["--tls-certificate", "planted.key", "--tls-key", "planted.key"],
        &["--notify", "hunter4://hunter4@host/hunter4"],
        &["--notify", "ntfys://hun/ter4:hunter4@host/topic"],
        &["--notify", "smtp://user:1#severity=hunter4@host/?from=a@b&to=c@d"],
        &["--notify", "webhook+https://host/#hunter4"],
    ] {
        let output = program(folder.path()).args(flags).output().unwrap();
        assert!(!output.status.success(), "{flags:?}");
        assert!(!text(&output.stderr).contains("hunter"), "{flags:?}: {}", text(&output.stderr));
    }
}
