//! The program as its user meets it: flags, environment, files, output and exit codes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use isems_server::settings::Arguments;

/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_mins(1);

/// The program in a folder of its own, with nothing set in its environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isems-server"));
    command.env_clear().current_dir(folder);
    command
}

fn run(folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Output {
    program(folder).args(flags).envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

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

/// A server that is killed when a test ends, however it ends.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = program(folder);
        command.args(flags).envs(environment.iter().copied()).env("ISEMS_LISTEN", address.to_string());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Self { child, address };
        running.wait_for("/healthz", "ok");
        running
    }

    /// The answer to a request, once it contains a text.
    fn wait_for(&mut self, path: &str, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            let answer = get(self.address, path);
            match answer {
                Some(answer) if answer.contains(wanted) => return answer,
                _ => thread::sleep(Duration::from_millis(50)),
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the server has ended: {}", self.log());
            assert!(start.elapsed() < DEADLINE, "{path} never said {wanted}: {answer:?}");
        }
    }

    /// What it has logged, once it has ended.
    fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// Asks it to end. Its log, and whether it ended well.
    fn terminate(&mut self) -> (String, bool) {
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(kill.success());
        let log = self.log();
        (log, self.child.wait().unwrap().success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn helps_newcomers() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--help"], ["-h"]] {
        let output = run(folder.path(), &flags, &[]);
        let help = text(&output.stdout);
        assert!(output.status.success());
        for wanted in ["--demo", "poll", "openapi", "--router-ips", "--mqtt-server", "isems-server --demo"] {
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
    let cases: [Case<'_>; 17] = [
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
    ];
    for (flags, environment, wanted) in cases {
        let output = program(folder.path())
            .args(flags)
            .env("ISEMS_LISTEN", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
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
    assert!(serve.service.broker().unwrap().is_some());
    assert_eq!(serve.service.poll_interval, Duration::from_mins(15));
    assert_eq!(serve.service.mqtt_topics.len(), 3);
    assert_eq!(serve.service.hide_inactive_after_days, 30);
    let file = fs::read_to_string(path).unwrap();
    let help = text(&run(Path::new("."), &["--help"], &[]).stdout);
    let flags = help.lines().filter_map(|line| line.trim().strip_prefix("--")?.split([' ', '=']).next());
    for flag in flags.filter(|flag| !["demo", "config", "help", "version"].contains(flag)) {
        let key = flag.replace('-', "_");
        assert!(file.contains(&format!("\n{key} = ")) || file.contains(&format!("\n# {key} = ")), "{key} is missing");
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
    assert!(text(&nothing.stderr).contains("there is no database isems.redb;"), "{}", text(&nothing.stderr));
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
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let broker = format!("mqtt://collector:hunter2@{nobody}");
    let node = format!("http://admin:hunter3@{nobody}/csv.log");
    for format in ["human", "json"] {
        let environment = [
            ("MQTT_SERVER", &*broker),
            ("ISEMS_ROUTER_IPS", &*node),
            ("ISEMS_LOG", "trace"),
            ("ISEMS_LOG_FORMAT", format),
        ];
        let mut server = Running::start(folder.path(), &[], &environment);
        let readiness = server.wait_for("/readyz", "refused");
        let document = server.wait_for("/openapi.json", "paths");
        let (log, _) = server.terminate();
        let help = text(&run(folder.path(), &["--help"], &environment).stdout);
        let polled = run(folder.path(), &["poll"], &environment);
        let polled = text(&polled.stdout) + &text(&polled.stderr);
        assert!(log.contains("refused") && polled.contains("refused"));
        for shown in [readiness, document, log, help, polled] {
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
    for broker in ["mqtt://collector:hunter2@broker:port", "mqtt://collector:hunter2@", "amqp://collector:hunter2@b"] {
        let output = run(folder.path(), &["--listen", "127.0.0.1:0", "--mqtt-server", broker], &[]);
        assert!(!output.status.success());
        assert!(!text(&output.stderr).contains("hunter"), "{}", text(&output.stderr));
    }
}
