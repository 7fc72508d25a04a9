//! The program as its user meets it: flags, environment, files, output and exit codes.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use isems_server::settings::Arguments;

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

/// Flags, environment, and what the error says.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_bad_setting_stops_the_start_with_key_value_and_expectation() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key.toml"), "poll_intervall = \"1m\"").unwrap();
    fs::write(folder.path().join("value.toml"), "poll_interval = \"soon\"").unwrap();
    fs::write(folder.path().join("type.toml"), "router_ips = { a = 1 }").unwrap();
    fs::write(folder.path().join("broken.toml"), "router_ips = [").unwrap();
    let cases: [Case<'_>; 30] = [
        (&["--poll-interval", "soon"], &[], &["soon", "--poll-interval", "15m"]),
        (&["--poll-interval", "0s"], &[], &["0s", "at least 1s"]),
        (&[], &[("ISEMS_POLL_INTERVAL", "soon")], &["soon", "ISEMS_POLL_INTERVAL", "15m"]),
        (&["--config", "value.toml"], &[], &["soon", "poll_interval in value.toml", "15m"]),
        (&["--config", "key.toml"], &[], &["poll_intervall", "key.toml", "poll_interval,"]),
        (&["--config=type.toml"], &[], &["router_ips", "type.toml", "list"]),
        (&["--config", "broken.toml"], &[], &["broken.toml", "TOML"]),
        (&[], &[("ISEMS_CONFIG", "missing.toml")], &["missing.toml", "No such file"]),
        (&[], &[("ISEMS_POLL_INTERVALL", "1m")], &["ISEMS_POLL_INTERVALL", "ISEMS_POLL_INTERVAL,"]),
        (&["--listen", "nowhere"], &[], &["nowhere", "127.0.0.1:5000"]),
        (&[], &[("HIDE_INACTIVE_AFTER_DAYS", "many")], &["many", "HIDE_INACTIVE_AFTER_DAYS"]),
        (&[], &[("DATABASE_URL", "sqlite:////tmp/isems.sqlite")], &["sqlite", "DATABASE_URL", "isems.redb"]),
        (&["--database-url", "no/such/folder/x.redb"], &[], &["no/such/folder", "does not exist"]),
        (&["--cors-origins", "map.example"], &[], &["map.example", "https://map.example.org"]),
        (&["--router-ips", "http://"], &[], &["router_ips", "http://"]),
        (&["--mqtt-server", "ftp://broker"], &[], &["mqtt_server", "ftp"]),
        (&["poll"], &[], &["ISEMS_ROUTER_IPS"]),
        (&[], &[("ISEMS_API_TOKENS", "admin:short")], &["ISEMS_API_TOKENS", "admin", "16 characters"]),
        (&["--protect-reading"], &[], &["protect_reading", "ISEMS_API_TOKENS"]),
        (&[], &[("ISEMS_PROTECT_READING", "perhaps")], &["perhaps", "ISEMS_PROTECT_READING", "true"]),
        (&["--max-connections", "0"], &[], &["0", "--max-connections"]),
        (&["--tls-key", "x.key"], &[], &["tls_key", "ISEMS_TLS_CERTIFICATE"]),
        (&["--tls-certificate", "x.pem"], &[], &["tls_certificate", "ISEMS_TLS_KEY"]),
        (&["--tls-certificate", "x.pem", "--tls-key", "x.key"], &[], &["cannot read x.pem", "No such file"]),
        (&["--retention", "6d"], &[], &["6d", "--retention", "at least 1w"]),
        (&["--retention", "18m"], &[], &["18m", "mo months"]),
        (&[], &[("ISEMS_RETENTION", "90")], &["90", "ISEMS_RETENTION", "90d"]),
        (&["--retention=-5y"], &[], &["-5y", "at least 1w"]),
        (&["--retention-size", "4"], &[], &["4", "--retention-size", "at least 1MB", "4GB"]),
        (&[], &[("ISEMS_RETENTION_SIZE", "4 gigs")], &["4 gigs", "ISEMS_RETENTION_SIZE", "4GB"]),
    ];
    for (flags, environment, wanted) in cases {
        let output = program(folder.path()).args(flags).envs(environment.iter().copied()).output().unwrap();
        let error = text(&output.stderr);
        assert!(!output.status.success(), "{flags:?} {environment:?}");
        for wanted in wanted {
            assert!(error.contains(wanted), "{flags:?} {environment:?}: {wanted} is missing in {error}");
        }
    }
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("isems.toml");
    let node = node("200 OK", lines("Hut", 1));
    fs::write(&file, "router_ips = [\"127.0.0.1:1\"]\ndatabase_url = \"from-file.redb\"").unwrap();
    let target = node.to_string();
    let flags = ["poll", "--config", "isems.toml", "--database-url", "redb:from-flag.redb"];
    let output =
        run(folder.path(), &flags, &[("ISEMS_ROUTER_IPS", &target), ("DATABASE_URL", "from-environment.redb")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.path().join("from-flag.redb").exists());
    let output =
        run(folder.path(), &flags[..3], &[("ISEMS_ROUTER_IPS", &target), ("DATABASE_URL", "from-environment.redb")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.path().join("from-environment.redb").exists());
    let output = run(folder.path(), &flags[..3], &[("ISEMS_ROUTER_IPS", &target), ("DATABASE_URL", " ")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.path().join("from-file.redb").exists(), "a blank variable is as good as none");
}

#[test]
fn the_example_file_is_complete_and_can_be_used() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../isems.example.toml");
    let arguments = Arguments::read(["isems-server", "--config", path].map(Into::into)).unwrap();
    let serve = arguments.serve;
    assert_eq!(serve.collect.targets().unwrap().len(), 4);
    assert_eq!(serve.service.mqtt().unwrap().len(), 1);
    assert_eq!(serve.service.poll_interval, Duration::from_mins(15));
    assert_eq!(serve.service.mqtt_topics.len(), 3);
    assert_eq!(serve.service.hide_inactive_after_days, 30);
    assert_eq!(serve.service.max_connections, 512);
    assert!(serve.service.access().unwrap().tokens.is_empty());
    let file = fs::read_to_string(path).unwrap();
    let help = text(&run(Path::new("."), &["--help"], &[]).stdout);
    let flags = help.lines().filter_map(|line| line.trim().strip_prefix("--")?.split([' ', '=', '[']).next());
    for flag in flags.filter(|flag| !["demo", "config", "help", "version"].contains(flag)) {
        let key = flag.replace('-', "_");
        assert!(file.contains(&format!("\n{key} = ")) || file.contains(&format!("\n# {key} = ")), "{key} is missing");
    }
}

#[test]
fn retention_is_off_unless_it_is_set() {
    let read = |flags: &[&str]| {
        let flags = ["isems-server"].iter().chain(flags).map(Into::into);
        let service = Arguments::read(flags).unwrap().serve.service;
        (service.retention.map(|age| age.as_secs()), service.retention_size)
    };
    assert_eq!(read(&[]), (None, None));
    let ages =
        [("1w", 604_800), ("90d", 7_776_000), ("5y", 157_788_000), ("18 months", 47_336_400), ("1y 6mo", 47_336_400)];
    for (text, seconds) in ages {
        assert_eq!(read(&["--retention", text]).0, Some(seconds), "{text}");
    }
    let sizes = [("4GB", 4_000_000_000), ("500MiB", 524_288_000), ("1.5 gb", 1_500_000_000), ("2000000", 2_000_000)];
    for (text, bytes) in sizes {
        assert_eq!(read(&["--retention-size", text]).1, Some(bytes), "{text}");
    }
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

/// A private key in PEM form, of which every line of its text has a mark.
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
        let output = run(folder.path(), &["--listen", "127.0.0.1:0", "--mqtt-server", broker], &[]);
        assert!(!output.status.success());
        assert!(!text(&output.stderr).contains("hunter"), "{}", text(&output.stderr));
    }
    fs::write(folder.path().join("planted.key"), planted_key()).unwrap();
    fs::write(folder.path().join("tokens.toml"), "api_tokens = [\"hunter4\", { admin = \"hunter4\" }]").unwrap();
    fs::write(folder.path().join("broken.toml"), "api_tokens = [\"admin:hunter4hunter4hunter4\" oops]").unwrap();
    for flags in [
        &["--api-tokens", "hunter4hunter4hunter4"][..],
        &["--api-tokens", "admin:hunter4"],
        &["--api-tokens", "admin:hunter4hunter4!hunter4"],
        &["--api-tokens", "admin:hunter4hunter4hunter4,admin:hunter4hunter4hunter4"],
        &["--api-tokens", ":hunter4hunter4hunter4"],
        &["--config", "tokens.toml"],
        &["--config", "broken.toml"],
        &["--tls-certificate", "planted.key", "--tls-key", "planted.key"],
    ] {
        let output = program(folder.path()).args(flags).output().unwrap();
        assert!(!output.status.success(), "{flags:?}");
        assert!(!text(&output.stderr).contains("hunter"), "{flags:?}: {}", text(&output.stderr));
    }
}
