//! Settings: flags, environment and file.

mod common;

use std::{fs, path::Path, time::Duration};

use common::{program, run, text};
use isems_alerts::ChannelConfig;
use isems_homeassistant::Language;
use isems_server::settings::{Arguments, Settings};
use isems_transport_http::Target;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../isems.example.toml");

/// Reads a settings file with flags.
fn read(file: &str, flags: &[&str]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isems.toml");
    fs::write(&path, file).unwrap();
    let all = ["isems-server", "--config", path.to_str().unwrap()].into_iter().chain(flags.iter().copied());
    Arguments::read(all.map(Into::into)).map(|arguments| arguments.settings).map_err(|error| error.to_string())
}

fn targets(settings: &Settings) -> Vec<&str> {
    settings.http.targets.iter().map(Target::as_str).collect()
}

/// Flags, environment, and what the error says.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_bad_setting_stops_the_start_with_its_origin_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("value.toml"), "\n[http]\ninterval = \"soon\"").unwrap();
    let cases: [Case<'_>; 40] = [
        (&["--poll-interval", "soon"], &[], &["soon", "--poll-interval", "15m"]),
        (&["--poll-interval", "0s"], &[], &["0ns", "more than 0 seconds"]),
        (&[], &[("ISEMS_POLL_INTERVAL", "soon")], &["soon", "ISEMS_POLL_INTERVAL", "15m"]),
        (&["--config", "value.toml"], &[], &["value.toml, line 3, http.interval: ", "soon", "15m"]),
        (&[], &[("ISEMS_CONFIG", "value.toml")], &["value.toml, line 3, http.interval: "]),
        (&[], &[("ISEMS_CONFIG", "missing.toml")], &["missing.toml", "No such file"]),
        (&[], &[("ISEMS_POLL_INTERVALL", "1m")], &["ISEMS_POLL_INTERVALL", "ISEMS_POLL_INTERVAL,"]),
        (&["--listen", "nowhere"], &[], &["--listen", "nowhere", "127.0.0.1:5000"]),
        (&[], &[("HIDE_INACTIVE_AFTER_DAYS", "many")], &["HIDE_INACTIVE_AFTER_DAYS", "whole number"]),
        (&[], &[("DATABASE_URL", "sqlite:////tmp/isems.sqlite")], &["sqlite", "DATABASE_URL", "isems.redb"]),
        (&["--database-url", "no/such/folder/x.redb"], &[], &["no/such/folder", "does not exist"]),
        (&["--cors-origins", "map.example"], &[], &["map.example", "https://map.example.org"]),
        (&["--map-tiles", "no/such.pmtiles"], &[], &["ISEMS_MAP_TILES", "no/such.pmtiles", "No such file"]),
        (&[], &[("ISEMS_MAP_TILES", "https://{s}.tiles.example/{z}/{x}/{y}.png")], &["{s}", "no braces but"]),
        (&["--base-path", "mesh"], &[], &["--base-path", "\"mesh\"", "such as /mesh"]),
        (&[], &[("ISEMS_BASE_PATH", "/api/mesh")], &["ISEMS_BASE_PATH", "/api/mesh", "choose another"]),
        (&["--router-ips", "http://"], &[], &["--router-ips", "http://"]),
        (&["--mqtt-server", "ftp://broker"], &[], &["--mqtt-server", "ftp"]),
        (&["poll"], &[], &["ISEMS_ROUTER_IPS"]),
        (&[], &[("ISEMS_API_TOKENS", "admin:short")], &["ISEMS_API_TOKENS", "admin", "16 characters"]),
        (&["--protect-reading"], &[], &["protect_reading", "ISEMS_API_TOKENS"]),
        (&[], &[("ISEMS_PROTECT_READING", "perhaps")], &["ISEMS_PROTECT_READING", "true or false"]),
        (&["--max-connections", "0"], &[], &["0", "--max-connections", "1 to 65535"]),
        (&["--tls-key", "x.key"], &[], &["tls_key", "ISEMS_TLS_CERTIFICATE"]),
        (&["--tls-certificate", "x.pem"], &[], &["tls_certificate", "ISEMS_TLS_KEY"]),
        (&["--tls-certificate", "x.pem", "--tls-key", "x.key"], &[], &["cannot read x.pem", "No such file"]),
        (&["--retention", "6d"], &[], &["6d", "--retention", "at least 1w"]),
        (&["--retention=-5y"], &[], &["-5y", "at least 1w"]),
        (&[], &[("ISEMS_RETENTION", "90")], &["90", "ISEMS_RETENTION", "90d"]),
        (&["--retention-size", "4"], &[], &["4", "--retention-size", "at least 1MB", "4GB"]),
        (&[], &[("ISEMS_RETENTION_SIZE", "4 gigs")], &["4 gigs", "ISEMS_RETENTION_SIZE", "4GB"]),
        (&["--homeassistant", "ftp://home"], &[], &["--homeassistant", "ftp", "mqtts://"]),
        (&[], &[("ISEMS_HOMEASSISTANT", "home#language=fr")], &["ISEMS_HOMEASSISTANT", "fr", "en or de"]),
        (&[], &[("ISEMS_HOMEASSISTANT", "true")], &["Home Assistant", "MQTT_SERVER"]),
        (&[], &[("ISEMS_HOMEASSISTANT", "home#discovery_prefix=%23")], &["discovery_prefix", "without wildcards"]),
        (&[], &[("ISEMS_NOTIFY", "pigeon://roof")], &["ISEMS_NOTIFY", "ntfys://TOKEN@HOST/TOPIC"]),
        (&["--notify", "ntfy://host/roof#loud=yes"], &[], &["--notify", "unknown setting", "severity"]),
        (&["--alert-hold", "a while"], &[], &["--alert-hold", "a while", "15m"]),
        (&[], &[("ISEMS_ALERT_TIME_ZONE", "Moon/Base")], &["ISEMS_ALERT_TIME_ZONE", "Moon/Base", "Europe/Berlin"]),
        (&["--public-url", "isems.example"], &[], &["--public-url", "isems.example", "https://isems.example.org"]),
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
fn a_bad_file_is_an_error_with_line_key_and_what_was_expected() {
    for (file, wanted) in [
        (
            "[http]\nintervall = 60",
            "line 2, http.intervall: unknown key; expected one of `name`, `targets`, `interval`",
        ),
        ("[htpp]\ninterval = 60", "line 1, htpp: unknown key; expected one of "),
        (
            "\n[[http.targets]]\nurl = \"a\"\nport = 1",
            "line 4, http.targets.port: unknown key; expected one of `url`, ",
        ),
        ("[[http.targets]]\ntimeout = 60", "line 1, http.targets: the key `url` is missing"),
        ("[http]\ntargets = [\n\"a\",\n\"b/c\"\n]", "line 4, http.targets: invalid target \"b/c\""),
        ("[http]\ntargets = [1]", "line 2, http.targets: expected an address, a URL, or a table of url, timeout, "),
        ("[http]\ntargets = \"a\"", "line 2, http.targets: expected a list"),
        ("[http]\ninterval = true", "line 2, http.interval: expected a duration such as 90s, 15m or 1h, or a number"),
        ("[http]\nconcurrency = 0", "line 2, http.concurrency: invalid number 0: expected 1 or more"),
        ("[http]\nca_file = 1", "line 2, http.ca_file: expected a string"),
        ("mqtt.topics = \"a\"", "line 1, mqtt.topics: expected a list"),
        ("[mqtt]\nbrokers = \"a\"", "line 2, mqtt.brokers: expected a list of addresses or tables"),
        ("[mqtt]\nbrokers = [true]", "line 2, mqtt.brokers: expected an address or a table"),
        ("[mqtt]\nbrokers = [\"a\",\n\"ftp://b\"]", "line 3, mqtt.brokers: invalid broker \"ftp://b\""),
        ("[[mqtt.broker]]\nbroker = \"a\"", "line 1, mqtt.broker: expected one broker; list several under `brokers`"),
        ("[[mqtt.brokers]]\nname = \"a\"", "line 1, mqtt.brokers: the key `broker`, its address, is missing"),
        (
            "[mqtt]\n[[mqtt.brokers]]\nbroker = \"a\"\nqos = 1",
            "line 4, mqtt.brokers.qos: unknown key; expected one of ",
        ),
        ("[mqtt]\nbrokers = [\"a\",\n\"b#name=mqtt\"]", "line 3, mqtt.brokers: two brokers are named \"mqtt\""),
        (
            "[[mqtt.brokers]]\nbroker = \"a\"\nmax_in_flight = 0",
            "broker \"mqtt\": invalid max_in_flight 0: expected 1 to",
        ),
        (
            "[mqtt]\nbrokers = [\"a\",\n\"b#key_file=k\"]",
            "line 3, mqtt.brokers: broker \"mqtt-2\": key_file \"k\" is of no",
        ),
        ("[homeassistant]\nbroker = 1", "line 2, homeassistant.broker: expected the address of a broker, or true"),
        (
            "\n[homeassistant]\nbroker = true",
            "line 2, homeassistant: the broker of Home Assistant is to be the collector's",
        ),
        ("homeassistant = true", "line 1, homeassistant: this setting is called `broker` in the table [homeassistant]"),
        ("[limits]\nnodes = -1", "line 2, limits.nodes: expected a whole number from 0 to 4294967295"),
        ("limits = 5", "line 1, limits: expected a table"),
        (
            "[database]\ncommit_interval = \"2m\"",
            "line 2, database.commit_interval: invalid interval 120s: expected at most",
        ),
        (
            "[database]\ncache_bytes = \"big\"",
            "line 2, database.cache_bytes: invalid size \"big\": expected a size such as",
        ),
        (
            "[database.retention]\nage = \"18m\"",
            "line 2, database.retention.age: invalid age \"18m\": expected at least 1w",
        ),
        ("[access]\nprotect_reading = 1", "line 2, access.protect_reading: expected true or false"),
        ("[access]\nunrestricted = true", "line 2, access.unrestricted: unknown key"),
        ("[access]\ntokens = [\"admin:short\"]", "line 2, access.tokens: "),
        (
            "[server]\nlisten = \"here\"",
            "line 2, server.listen: invalid address \"here\": expected an address and a port",
        ),
        (
            "[server.limits]\nconnections = 70000",
            "line 2, server.limits.connections: invalid number 70000: expected 1 to",
        ),
        ("[alerts]\nchannels = \"a\"", "line 2, alerts.channels: expected a list"),
        ("[alerts]\nchannels = [1]", "line 2, alerts.channels: expected the address of a channel, or a table"),
        ("[alerts]\nchannels = [\n\"ntfy://\"]", "line 3, alerts.channels: invalid address of a channel: "),
        ("[[alerts.channels]]\nname = \"a\"", "line 1, alerts.channels: the key `to` is missing"),
        (
            "[[alerts.channels]]\nto = \"exec:/a\"\nloud = true",
            "line 1, alerts.channels: unknown key; expected one of `name`, `to`",
        ),
        ("log = \"loud\"", "line 1, log: invalid value `loud`: expected one of `error`, `warn`, `info`"),
        ("router_ips = [\"a\"]", "line 1, router_ips: this setting is called `targets` in the table [http]"),
        ("retention_size = \"4GB\"", "this setting is called `bytes` in the table [database.retention]"),
        ("\n[http]\ntargets = [", "line 3: this is not valid TOML: "),
    ] {
        let error = read(file, &[]).expect_err(file);
        assert!(error.contains("isems.toml, line ") && error.contains(wanted), "{file}: {error}");
    }
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = "database_url = \"from-file.redb\"\n[http]\ntargets = [\"127.0.0.1:1\"]";
    fs::write(folder.path().join("isems.toml"), file).unwrap();
    let poll = |flags: &[&str], environment: &[(&str, &str)]| {
        let output = run(folder.path(), &[&["poll", "--config", "isems.toml"], flags].concat(), environment);
        text(&output.stdout) + &text(&output.stderr)
    };
    let environment = [("ISEMS_ROUTER_IPS", "127.0.0.1:2"), ("DATABASE_URL", "from-environment.redb")];
    let output = poll(&["--database-url", "redb:from-flag.redb", "--router-ips", "127.0.0.1:3"], &environment);
    assert!(output.contains("http://127.0.0.1:3/"), "{output}");
    assert!(folder.path().join("from-flag.redb").exists());
    let output = poll(&[], &environment);
    assert!(output.contains("http://127.0.0.1:2/") && !output.contains("127.0.0.1:1"), "{output}");
    assert!(folder.path().join("from-environment.redb").exists());
    let output = poll(&[], &[("ISEMS_ROUTER_IPS", ""), ("DATABASE_URL", " ")]);
    assert!(output.contains("http://127.0.0.1:1/"), "{output}");
    assert!(folder.path().join("from-file.redb").exists(), "a blank variable says nothing");
}

#[test]
fn flags_replace_single_values_of_the_file() {
    let file = "[http]\ntotal_timeout = 60\ninterval = \"1h\"\n[limits]\nnodes = 5\nlines_at_once = 7\n\
                [access]\nprotect_reading = true\ntokens = [\"admin:0123456789abcdef\"]";
    let flags =
        ["--poll-interval", "5m", "--max-nodes=0", "--protect-reading=false", "--cors-origins", "http://a, http://b"];
    let settings = read(file, &flags).unwrap();
    assert_eq!(settings.http.total_timeout, Duration::from_mins(1));
    assert_eq!(settings.http.interval, Duration::from_mins(5));
    assert_eq!((settings.limits.nodes, settings.limits.lines_at_once), (0, 7));
    assert!(!settings.access.protect_reading && !settings.access.tokens.is_empty());
    assert_eq!(settings.server.cors_origins, ["http://a", "http://b"]);
    assert!(read("", &["--protect-reading"]).unwrap().access.protect_reading);
}

#[test]
fn a_node_can_have_a_table() {
    let file = "[[http.targets]]\nurl = \"http://admin:s3cret@10.0.0.7/csv.log\"\ntimeout = \"5m\"\n\
                headers = { X-Key = \"s3cret, & more\" }\n[[http.targets]]\nurl = \"node.mesh\"";
    let settings = read(file, &[]).unwrap();
    assert_eq!(targets(&settings), ["http://10.0.0.7/csv.log", "http://node.mesh/ISEMS/ffopenmppt.log"]);
    let text = "http://admin:s3cret@10.0.0.7/csv.log#timeout=5m&header=X-Key:s3cret,%20%26%20more";
    assert_eq!(settings.http.targets[0], text.parse().unwrap());
    assert!(!format!("{settings:?}").contains("s3cret"));
    let settings = read(file, &["--router-ips", "10.0.0.8, 10.0.0.9"]).unwrap();
    assert_eq!(targets(&settings).len(), 2, "flags replace the whole list");
    assert!(targets(&settings)[0].contains("10.0.0.8"));
}

#[test]
fn each_broker_can_have_an_account_of_its_own() {
    let file = "[mqtt]\ntopics = [\"/all/+/csvlog\"]\nquiet_after_seconds = 60\n\
                [[mqtt.brokers]]\nbroker = \"mqtts://roof:s3cret1@one.mesh\"\nclient_id = \"one\"\nkey_file = \"k\"\n\
                certificate_file = \"c\"\n\
                [[mqtt.brokers]]\nbroker = \"mqtt://hut:s3cret2@two.mesh\"\ntopics = [\"/two/+/csvlog\"]\n\
                [[mqtt.brokers]]\nbroker = \"three.mesh\"\nname = \"third\"";
    let settings = read(file, &[]).unwrap();
    let shown = |settings: &Settings| -> Vec<String> {
        let brokers = settings.brokers.iter();
        brokers.map(|broker| format!("{} {} {:?}", broker.name, broker.broker, broker.topics)).collect()
    };
    assert_eq!(
        shown(&settings),
        [
            r#"mqtt mqtts://one.mesh:8883 ["/all/+/csvlog"]"#,
            r#"mqtt-2 mqtt://two.mesh:1883 ["/two/+/csvlog"]"#,
            r#"third mqtt://three.mesh:1883 ["/all/+/csvlog"]"#
        ]
    );
    let [one, two, third] = &settings.brokers[..] else { panic!("{settings:?}") };
    assert_eq!(one.broker, "mqtts://roof:s3cret1@one.mesh".parse().unwrap());
    assert_eq!(two.broker, "mqtt://hut:s3cret2@two.mesh".parse().unwrap());
    assert_eq!((one.client_id.as_deref(), two.client_id.as_deref()), (Some("one"), None));
    assert_eq!((one.key_file.as_deref(), two.key_file.as_deref()), (Some(Path::new("k")), None));
    assert!([one, two, third].iter().all(|broker| broker.quiet_after_seconds == 60));
    assert!(!format!("{settings:?}").contains("s3cret"));

    let settings = read(file, &["--mqtt-topics", "/flag/+/csvlog"]).unwrap();
    assert!(shown(&settings)[0].contains("/flag/"), "for all brokers, a flag goes before the file");
    assert!(shown(&settings)[1].contains("/two/"), "a broker's own setting goes before what is for all");
    let settings = read(file, &["--mqtt-server", "four.mesh,five.mesh#name=fifth&topics=/five/%2B/csvlog"]).unwrap();
    assert_eq!(
        shown(&settings),
        [r#"mqtt mqtt://four.mesh:1883 ["/all/+/csvlog"]"#, r#"fifth mqtt://five.mesh:1883 ["/five/+/csvlog"]"#]
    );
    let flags = ["--mqtt-server", "mqtts://a", "--mqtt-certificate-file", "c", "--mqtt-key-file", "k"];
    assert_eq!(read("", &flags).unwrap().brokers.len(), 1, "files that belong together may come one after the other");
}

#[test]
fn one_broker_needs_no_list() {
    let settings = read("[mqtt]\nbroker = \"mqtt://one.mesh\"\nclient_id = \"one\"", &[]).unwrap();
    assert_eq!(settings.brokers, [settings.mqtt]);
    assert!(read("[mqtt]\nclient_id = \"one\"", &[]).unwrap().brokers.is_empty());
}

#[test]
fn channels_are_addresses_or_tables() {
    let names =
        |settings: &Settings| -> Vec<String> { settings.alerts.channels.iter().map(ChannelConfig::name).collect() };
    let file = "[alerts]\nhold = \"1h\"\n[[alerts.channels]]\nname = \"ops\"\nto = \"exec:/bin/tell\"\nrepeat = \"2h\"\n\
                [[alerts.channels]]\nto = \"ntfys://tk@ntfy.example/roof\"";
    let settings = read(file, &[]).unwrap();
    assert_eq!(names(&settings), ["ops", "ntfy-ntfy.example"]);
    assert_eq!(settings.alerts.channels[0].options.repeat, Some(Duration::from_hours(2)));
    let flags =
        ["--notify", "smtp://u:a%2Cb@mail.example/?from=a@b&to=c@d%2Ce@f,webhook+http://10.0.0.1:8080/x#nodes=A%2C*"];
    let settings = read(file, &flags).unwrap();
    assert_eq!(names(&settings), ["email-mail.example", "webhook-10.0.0.1:8080"]);
    assert!(
        settings.alerts.channels[1].options.nodes.matches("A,B") && settings.alerts.hold == Duration::from_hours(1)
    );
    let settings = read("", &["--public-url", " https://isems.example.org/ "]).unwrap();
    assert_eq!(settings.server.public_url.as_deref(), Some("https://isems.example.org"));
}

#[test]
fn the_broker_of_home_assistant_can_be_the_collectors_own() {
    let settings =
        read("[homeassistant]\nlanguage = \"de\"", &["--mqtt-server", "one,two", "--homeassistant", "true#name=roof"]);
    let Settings { homeassistant, brokers, .. } = settings.unwrap();
    assert_eq!((homeassistant.language, &*homeassistant.name), (Language::German, "roof"));
    assert_eq!(homeassistant.connection(&brokers).unwrap().unwrap().broker, brokers[0].broker);
    let settings = read("[homeassistant]\nbroker = \"home\"", &["--homeassistant", "false"]).unwrap();
    assert!(settings.homeassistant.connection(&[]).unwrap().is_none());
}

#[test]
fn the_example_file_states_the_defaults_and_all_settings() {
    let example = fs::read_to_string(EXAMPLE).unwrap();
    let defaults = Arguments::read(["isems-server".into()]).unwrap().settings;
    assert_eq!(format!("{:?}", read(&example, &[]).unwrap()), format!("{defaults:?}"));

    // What is commented out are examples, and what is indented are tables instead.
    let is_setting = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let lines = example.lines().map(|line| line.strip_prefix("# ").filter(|line| is_setting(line)).unwrap_or(line));
    let all = read(&lines.collect::<Vec<_>>().join("\n"), &[]).unwrap();
    assert_eq!((all.http.targets.len(), all.brokers.len(), all.alerts.channels.len()), (4, 2, 2));
    assert!(all.alerts.time_zone.is_some() && all.server.public_url.is_some());
    assert!(all.database.retention.age.is_some() && all.server.tls_key.is_some() && !all.access.push_tokens.is_empty());
    let tables: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix("#     ")).collect();
    let tables = read(&tables.join("\n"), &[]).unwrap();
    assert_eq!((tables.http.targets.len(), tables.brokers.len(), tables.alerts.channels.len()), (2, 2, 2));

    let help = text(&run(Path::new("."), &["--help"], &[]).stdout);
    let variables = help.split("[env:").skip(1).filter_map(|rest| rest.split(']').next());
    for variable in variables.map(str::trim).filter(|variable| *variable != "ISEMS_CONFIG") {
        assert!(example.contains(variable), "{variable} is missing");
    }
}

#[test]
fn the_help_takes_defaults_from_the_settings() {
    let help = text(&run(Path::new("."), &["--help"], &[]).stdout);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "[env: ISEMS_POLL_INTERVAL] [default: 15m]",
        "[env: ISEMS_POLL_CONNECT_TIMEOUT] [default: 10s]",
        "[env: ISEMS_POLL_CONCURRENCY] [default: 16]",
        "[env: ISEMS_MQTT_TOPICS] [default: /isems/+/csvlog,/isems/+/data.json,isems/+/+/+/data.json]",
        "[env: ISEMS_MAX_NODES] [default: 10000]",
        "[env: ISEMS_COMMIT_INTERVAL] [default: 0s]",
        "[env: ISEMS_LISTEN] [default: 127.0.0.1:5000]",
        "[env: ISEMS_ALERT_HOLD] [default: 10m]",
    ] {
        assert!(help.contains(wanted), "{wanted} is missing in {help}");
    }
}

#[test]
fn retention_is_off_unless_it_is_set() {
    let read = |flags: &[&str]| {
        let retention = read("", flags).unwrap().database.retention;
        (retention.age.map(|age| age.as_secs()), retention.bytes)
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
