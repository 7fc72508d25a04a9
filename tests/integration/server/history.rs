//! History in pages and as files.

use std::{
    io::Read,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use isems_core::{
    Batch, Field, Measurement, MeasurementQuery, Order, RedbRepository, Repository, RepositoryError, Stored,
    async_trait,
    testing::{HookedRepository, StoreHook, sample_measurement},
    unix_now,
};
use reqwest::{StatusCode, header};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use super::{TestService, answer, in_time, line};
use crate::recorder::{logged_with, record_log};

/// 2018-06-30T00:00:00Z.
const MIDNIGHT: i64 = 1_530_316_800;

const HISTORY: &str = "/api/v1/nodes/Hut/measurements";

async fn store(repository: &dyn Repository, measurements: Vec<Measurement>) {
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

fn minutes(node: &str, count: i64) -> Vec<Measurement> {
    (0..count).map(|minute| sample_measurement(node, MIDNIGHT + 60 * minute)).collect()
}

async fn serving(repository: Arc<dyn Repository>) -> TestService {
    TestService::with(repository, |service| service, None).await
}

/// Makes a service with a measurement of a node at each of the given times.
async fn with_times(node: &str, times: &[i64]) -> TestService {
    let service = TestService::start().await;
    let lines: String = times.iter().map(|time| line(node, *time)).collect();
    assert_eq!(service.deliver(&lines).await.stored, times.len() as u64);
    service
}

/// Returns node and time of each measurement of a page.
fn keys(page: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let measurements = page["measurements"].as_array().unwrap();
    measurements.iter().map(|measurement| (text(&measurement["nodeId"]), text(&measurement["timestamp"]))).collect()
}

/// Returns the times without their dates.
fn clock_times(page: &Value) -> Vec<String> {
    keys(page).into_iter().map(|(_, time)| time[11..].to_owned()).collect()
}

async fn text(service: &TestService, path: &str) -> String {
    let response = service.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

/// Returns all pages from a path on. `between` happens before each further one.
async fn follow(service: &TestService, path: &str, mut between: impl AsyncFnMut()) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let response = service.get(&path).await;
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        found.append(&mut keys(&page));
        next = page["next"].as_str().map(Into::into);
        assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")));
        between().await;
    }
    found
}

#[tokio::test]
async fn pages_forward_and_backward_are_all_there_is_while_more_arrives() {
    for order in ["asc", "desc"] {
        let service = with_times("Hut", &[]).await;
        let lines: String = (0..25).map(|minute| line("Hut", MIDNIGHT + 60 * minute)).collect();
        service.deliver(&lines).await;
        let mut late = 25;
        let found = follow(&service, &format!("{HISTORY}?order={order}&limit=10"), async || {
            service.deliver(&line("Hut", MIDNIGHT + 60 * late)).await;
            late += 1;
        })
        .await;
        // Forward, what arrives meanwhile is met; backward it lies behind.
        let mut wanted: Vec<String> =
            (0..if order == "asc" { 27 } else { 25 }).map(|minute| format!("2018-06-30T00:{minute:02}:00Z")).collect();
        if order == "desc" {
            wanted.reverse();
        }
        let times: Vec<String> = found.into_iter().map(|(_, time)| time).collect();
        assert_eq!(times, wanted, "{order}");
    }
}

#[tokio::test]
async fn pages_of_several_nodes_go_from_node_to_node() {
    let service = TestService::start().await;
    for (node, count) in [("Barn", 3), ("Hut", 4), ("a,b", 2), ("Küche/1", 2)] {
        let lines: String = (0..count).map(|minute| line(node, MIDNIGHT + 60 * minute)).collect();
        service.deliver(&lines).await;
    }
    let wanted = |nodes: &[(&str, u32)], is_ascending: bool| {
        let mut all = Vec::new();
        for (node, count) in nodes {
            let mut minutes: Vec<u32> = (0..*count).collect();
            if !is_ascending {
                minutes.reverse();
            }
            all.extend(minutes.iter().map(|minute| ((*node).to_owned(), format!("2018-06-30T00:{minute:02}:00Z"))));
        }
        all
    };
    let all = [("Barn", 3), ("Hut", 4), ("Küche/1", 2), ("a,b", 2)];
    for limit in 1..=11 {
        for (order, is_ascending) in [("asc", true), ("desc", false)] {
            let path = format!("/api/v1/measurements?limit={limit}&order={order}");
            assert_eq!(follow(&service, &path, async || {}).await, wanted(&all, is_ascending), "{path}");
        }
    }
    let some = "/api/v1/measurements?nodes=a,b&nodes=Hut&nodes=a%2Cb&limit=3";
    assert_eq!(follow(&service, some, async || {}).await, wanted(&[("Hut", 4), ("a,b", 2)], false));

    let (status, detail) = service.problem("/api/v1/measurements?nodes=Hut&nodes=Nobody").await;
    assert!(status == StatusCode::NOT_FOUND && detail.contains("\"Nobody\""), "{detail}");
    let (status, detail) = service.problem("/api/v1/nodes/Nobody/measurements").await;
    assert!(status == StatusCode::NOT_FOUND && detail.contains("\"Nobody\""), "{detail}");
}

#[tokio::test]
async fn a_parameter_can_be_percent_encoded_in_its_name() {
    let service = with_times("Hut", &[60, 120, 180].map(|after| MIDNIGHT + after)).await;
    let page = service.json(&format!("{HISTORY}?%6Cimit=1&%63ursor={}", MIDNIGHT + 180)).await;
    assert_eq!(clock_times(&page), ["00:02:00Z"]);
    let next = page["next"].as_str().expect("there is one more");
    assert_eq!(clock_times(&service.json(next).await), ["00:01:00Z"]);
}

#[tokio::test]
async fn a_page_has_a_thousand_unless_others_are_asked_for() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, minutes("Hut", 10_001)).await;
    let service = serving(repository).await;
    for (query, count, has_next) in [
        ("", 1000, true),
        ("?limit=10000", 10_000, true),
        ("?from=2018-07-06T12:00:00Z", 641, false),
        ("?limit=1", 1, true),
    ] {
        let page = service.json(&format!("{HISTORY}{query}")).await;
        assert_eq!((keys(&page).len(), page["next"].is_string()), (count, has_next), "{query}");
    }
    let last = service.json(&format!("{HISTORY}?to=2018-06-30T16:40:00Z")).await;
    assert_eq!((keys(&last).len(), &last["next"]), (1000, &Value::Null), "a full page without another one");
    for query in ["limit=0", "limit=10001", "limit=-1", "limit=", "cursor=x", "cursor=", "cursor=12345678901"] {
        assert_eq!(service.get(&format!("{HISTORY}?{query}")).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    for cursor in ["0", "0000000000", "9999999999"] {
        assert_eq!(service.get(&format!("{HISTORY}?cursor={cursor}")).await.status(), StatusCode::OK, "{cursor}");
        for node in ["A", "Hut", "zzz", "%20,%22"] {
            let path = format!("/api/v1/measurements?cursor={cursor},{node}");
            assert_eq!(service.get(&path).await.status(), StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test]
async fn a_measurement_is_the_example_of_the_document() {
    let service = with_times("Elektra-Dach", &[1_530_364_575]).await;
    let document = service.json("/openapi.json").await;
    let example = document["components"]["schemas"]["Measurement"]["example"].clone();
    let page = service.json("/api/v1/nodes/Elektra-Dach/measurements").await;
    let members = |value: &Value| {
        let members = value.as_object().unwrap().iter().filter(|(name, _)| *name != "receivedAt");
        let plain = |value: &Value| value.as_f64().map_or(value.clone(), Value::from);
        members.map(|(name, value)| (name.clone(), plain(value))).collect::<Vec<_>>()
    };
    assert_eq!(members(&page["measurements"][0]), members(&example));
}

#[tokio::test]
async fn times_are_named_in_all_forms() {
    let now = unix_now();
    let service = with_times("Hut", &[MIDNIGHT - 7201, MIDNIGHT - 7200, MIDNIGHT + 79_199, MIDNIGHT + 79_200]).await;
    let of = async |query: &str| clock_times(&service.json(&format!("{HISTORY}?order=asc&{query}")).await);
    let berlin = ["22:00:00Z", "21:59:59Z"];
    assert_eq!(of("from=2018-06-30&to=2018-07-01&tz=Europe/Berlin").await, berlin);
    assert_eq!(of("from=2018-06-30&to=2018-07-01").await, ["21:59:59Z", "22:00:00Z"]);
    assert_eq!(of("from=2018-06-30T00:00:00%2B02:00&to=2018-06-30T22:00:00Z").await, berlin);
    assert_eq!(of(&format!("from={}&to={}", MIDNIGHT - 7200, MIDNIGHT + 79_200)).await, berlin);
    assert_eq!(of("to=-52w").await.len(), 4);
    assert_eq!(of("from=2018-06-30&tz=Pacific/Kiritimati").await.len(), 4, "it has begun 14 hours earlier");
    assert_eq!(of("from=2018-06-30T21:59:59.5Z").await, ["22:00:00Z"], "whole seconds from a fraction on");
    assert!(of("from=2018-07-01&to=2018-06-30").await.is_empty(), "nothing lies between");
    // What people type, and what becomes of it in a query string.
    for from in [
        "2018-06-30T00:00:00+02:00",
        "2018-06-30T00:00+02:00",
        "2018-06-30T00:00:00+0200",
        "2018-06-30T00:00:00+02",
        "2018-06-30+00:00:00+02:00",
        "2018-06-30%2000:00:00%20%2B02:00",
        "2018-06-29T22:00:00z",
        "2018-06-29t22:00:00Z",
        "2018-06-29+22:00:00+Z",
        "2018-06-29T20:30:00-01:30",
        "2018-06-29+20:30-01:30",
        "2018-06-29T22:00:00",
        "2018-06-29+22:00",
        "2018-06-30T00:00&tz=Europe/Berlin",
        "2018-06-30+00:00:00&tz=Europe/Berlin",
    ] {
        assert_eq!(of(&format!("from={from}&to=2018-06-30T22:00:00Z")).await, berlin, "{from}");
    }
    // The hour that the clocks skip, and the one that comes twice.
    service.deliver(&(line("Hut", 1_521_939_600) + &line("Hut", 1_540_686_600) + &line("Hut", 1_540_690_200))).await;
    assert_eq!(of("from=2018-03-25T02:30&to=2018-03-25T03:00&tz=Europe/Berlin").await.len(), 0);
    assert_eq!(of("from=2018-03-25T02:00&to=2018-03-25T03:01&tz=Europe/Berlin").await, ["01:00:00Z"]);
    assert_eq!(of("from=2018-10-28T02:30&to=2018-10-29&tz=Europe/Berlin").await.len(), 2);
    service.deliver(&(line("Hut", now - 3600) + &line("Hut", now - 60))).await;
    assert_eq!(of("from=-30m&to=now").await.len(), 1);
    assert_eq!(of("from=-24h").await.len(), 2);
    for query in [
        "from=yesterday",
        "from=-24",
        "to=2018-06-30T13:00:00+26:00",
        "to=2018-06-30T25:00",
        "to=2018-06-30T13:00+02:00+02:00",
        "to=2018-06-30T13:00+Berlin",
        "to=2018-06-30T",
        "to=2018-06-30+02:00+",
        "to=20180630",
        "to=1530364",
        "from=2018-13-01",
        "tz=Mars/Olympus",
        "tz=",
        "from=",
    ] {
        let (status, detail) = service.problem(&format!("{HISTORY}?{query}")).await;
        let (name, _) = query.split_once('=').unwrap();
        assert!(status == StatusCode::BAD_REQUEST && detail.contains(name), "{query}: {detail}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_what_is() {
    let service = with_times("Hut", &[MIDNIGHT]).await;
    for (path, wanted) in [
        (
            &*format!("{HISTORY}?since=-1h"),
            "expected one of from, to, order, limit, cursor, format, tz, fields, separator, decimal",
        ),
        (&*format!("{HISTORY}?nodes=Hut"), "unknown query parameter \"nodes\""),
        (&*format!("{HISTORY}?limit=1&limit=2"), "limit is given twice"),
        (
            &*format!("{HISTORY}?order=up"),
            "the parameter order is invalid: \"up\" is unknown; expected one of asc, desc",
        ),
        (
            &*format!("{HISTORY}?format=xml"),
            "the parameter format is invalid: \"xml\" is unknown; expected one of json, csv",
        ),
        (&*format!("{HISTORY}?limit=0"), "the parameter limit is invalid: it must be at least 1"),
        (&*format!("{HISTORY}?limit=10001"), "the parameter limit is invalid: it must be at most 10000"),
        (&*format!("{HISTORY}?cursor=x"), "the parameter cursor is invalid: it must match"),
        (&*format!("{HISTORY}?from=x"), "the parameter from is invalid: \"x\" is not a time; expected a time such as"),
        ("/api/v1/measurements?node=Hut", "tz, fields, separator, decimal, nodes"),
    ] {
        let (status, detail) = service.problem(path).await;
        assert!(status == StatusCode::BAD_REQUEST && detail.contains(wanted), "{path}: {detail}");
    }
}

#[tokio::test]
async fn the_client_says_how_it_is_written() {
    let service = with_times("Hut", &[MIDNIGHT]).await;
    let get = async |query: &str, accept: &str| {
        let request = service.client.get(format!("{}{HISTORY}{query}", service.base));
        request.header(header::ACCEPT, accept).send().await.unwrap()
    };
    let (json, csv, ndjson) = ("application/json", "text/csv; charset=utf-8", "application/x-ndjson");
    for (accept, wanted) in [
        ("*/*", json),
        ("", json),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", json),
        ("text/csv", csv),
        ("TEXT/CSV; header=present", csv),
        ("text/csv, */*", csv),
        ("text/csv;q=0.5, application/json", json),
        ("*/*, application/json;q=0.1", csv),
        ("*/*, application/json;q=0, text/*;q=0", ndjson),
        ("application/x-ndjson", ndjson),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/jsonl, text/html", ndjson),
    ] {
        let response = get("", accept).await;
        assert_eq!(response.status(), StatusCode::OK, "{accept}");
        assert_eq!(response.headers()["content-type"], wanted, "{accept}");
        let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
        assert!(vary.contains(&&header::HeaderValue::from_static("Accept")), "{accept}: {vary:?}");
        let wins = get("?format=ndjson", accept).await;
        assert_eq!(wins.headers()["content-type"], ndjson, "{accept}");
    }
    for accept in ["text/html", "application/json;q=0", "application/jso", "application/*;q=0, text/html"] {
        let (status, problem) = answer(get("", accept).await).await;
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE, "{accept}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("application/json, text/csv, application/x-ndjson or text/plain"), "{detail}");
    }
}

#[tokio::test]
async fn a_file_has_the_name_of_its_node() {
    let service = TestService::start().await;
    for (node, path, wanted) in [
        ("Hut", "Hut", "attachment; filename=\"Hut.csv\"; filename*=UTF-8''Hut.csv"),
        (
            "Küche \"1\"",
            "K%C3%BCche%20%221%22",
            "attachment; filename=\"K_che _1_.csv\"; filename*=UTF-8''K%C3%BCche%20%221%22.csv",
        ),
        ("../%2F", "..%2F%252F", "attachment; filename=\"..__2F.csv\"; filename*=UTF-8''.._%252F.csv"),
    ] {
        service.deliver(&line(node, MIDNIGHT)).await;
        let response = service.get(&format!("/api/v1/nodes/{path}/measurements?format=csv")).await;
        let disposition = response.headers()["content-disposition"].to_str().unwrap();
        assert_eq!(disposition, wanted, "{node}");
    }
    let response = service.get("/api/v1/measurements?format=ndjson").await;
    let disposition = response.headers()["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"measurements.ndjson\";"), "{disposition}");
}

/// Returns the output of the command `export` for a file.
fn exported(database: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-under-test"));
    command.env_clear().arg("export").args(arguments).arg("--database-url").arg(database);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn files_are_those_that_export_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).unwrap();
    // More than a page of each, in both tiers.
    for node in ["Hut", "Hütte, oben", "=1+1"] {
        store(&repository, minutes(node, 3100)).await;
    }
    repository.seal(MIDNIGHT + 2 * 86_400).await.unwrap();
    drop(repository);
    let berlin = ["--time-zone", "Europe/Berlin"];
    let day = ["--from", "2018-07-01", "--to", "2018-07-02"];
    let csv = exported(&path, &[&["--format", "csv"], &berlin[..]].concat());
    let ndjson = exported(&path, &["--format", "ndjson"]);
    let csv_of_day = exported(&path, &[&["Hütte, oben", "--format", "csv"], &berlin[..], &day[..]].concat());
    assert!(csv.len() > 1 << 20 && csv_of_day.lines().count() == 1441);

    let service = serving(Arc::new(RedbRepository::open(&path).unwrap())).await;
    let all = "/api/v1/measurements?order=asc";
    assert!(text(&service, &format!("{all}&format=csv&tz=Europe/Berlin")).await == csv);
    assert!(text(&service, &format!("{all}&format=ndjson")).await == ndjson);
    let node = "/api/v1/nodes/H%C3%BCtte%2C%20oben/measurements";
    let query = "order=asc&format=csv&tz=Europe/Berlin&from=2018-07-01&to=2018-07-02";
    assert!(text(&service, &format!("{node}?{query}")).await == csv_of_day);

    let newest = text(&service, &format!("{HISTORY}?format=ndjson")).await;
    let mut lines: Vec<&str> = ndjson.lines().filter(|line| line.starts_with("{\"nodeId\":\"Hut\"")).collect();
    lines.reverse();
    assert!(newest.lines().eq(lines.iter().copied()), "newest first");
    let some = text(&service, &format!("{HISTORY}?format=ndjson&limit=1234")).await;
    assert!(some.lines().eq(lines[..1234].iter().copied()), "at most as many as asked for");
    let nothing = text(&service, &format!("{HISTORY}?format=csv&to=2018-01-01")).await;
    assert_eq!(nothing.lines().collect::<Vec<_>>(), [csv.lines().next().unwrap()]);

    // The pages of JSON have the same objects.
    let page = service.json(&format!("{HISTORY}?limit=10")).await;
    let objects: Vec<Value> = lines[..10].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(page["measurements"], Value::Array(objects));

    let request = service.client.get(format!("{}{all}&format=csv&tz=Europe/Berlin", service.base));
    let compressed = request.header(header::ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    assert!(!compressed.headers().contains_key("content-length"), "it is sent as it is made");
    let compressed = compressed.bytes().await.unwrap();
    let mut decoded = String::new();
    flate2::read::GzDecoder::new(&*compressed).read_to_string(&mut decoded).unwrap();
    assert!(decoded == csv && compressed.len() * 5 < csv.len());
}

/// The outcome of a read.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// There is always more.
    Endless,
    Error,
    Panic,
}

/// Fails or stalls reads of measurements after some have succeeded.
struct Fated {
    good_reads: usize,
    fate: Fate,
    reads: AtomicUsize,
}

/// A repository with a node, `Hut`, whose reads have a given fate.
async fn fated(good_reads: usize, fate: Fate) -> Arc<HookedRepository<Fated>> {
    let repository = RedbRepository::in_memory().unwrap();
    store(&repository, minutes("Hut", 1)).await;
    let hook = Fated { good_reads, fate, reads: AtomicUsize::new(0) };
    Arc::new(HookedRepository::over(Arc::new(repository), hook))
}

#[async_trait]
impl StoreHook for Fated {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        repository.store(batch).await
    }

    async fn measurements(
        &self,
        _: &dyn Repository,
        query: &MeasurementQuery,
    ) -> Result<Vec<Measurement>, RepositoryError> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::Error if read >= self.good_reads => Err(RepositoryError::Unavailable {
                action: "read",
                retry: true,
                source: "a failure for the test".into(),
            }),
            Fate::Panic if read >= self.good_reads => panic!("a panic for the test"),
            _ => {
                assert_eq!(query.order, Order::NewestFirst);
                let end = query.to.min(u32::MAX.into());
                Ok((1..=query.limit as i64).map(|before| sample_measurement("Hut", end - before)).collect())
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_finished_breaks_off() {
    record_log();
    for fate in [Fate::Error, Fate::Panic] {
        for coding in ["identity", "gzip"] {
            let service = serving(fated(3, fate).await).await;
            let request = service.client.get(format!("{}{HISTORY}?format=csv", service.base));
            let response = request.header(header::ACCEPT_ENCODING, coding).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = in_time(response.bytes()).await;
            assert!(body.is_err(), "{fate:?}, {coding}: it looks whole");
        }
    }
    assert_eq!(logged_with("cut off an answer").len(), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_begun_is_a_problem() {
    let service = serving(fated(0, Fate::Error).await).await;
    let (status, detail) = service.problem(&format!("{HISTORY}?format=csv")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(detail.contains("log of isems-server") && !detail.contains("for the test"), "{detail}");
}

/// A client that has requested a file, and read the beginning of the answer.
async fn client_of(service: &TestService, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(service.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    assert!(in_time(client.read(&mut [0; 64])).await.unwrap() > 0);
    client
}

async fn until(what: impl Fn() -> bool) {
    in_time(async {
        while !what() {
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_read_for_a_client_that_has_gone() {
    let repository = fated(0, Fate::Endless).await;
    let service = serving(repository.clone()).await;
    // Whoever holds it only to begin with has let it go when something is answered.
    assert_eq!(service.get("/healthz").await.status(), StatusCode::OK);
    let users = Arc::strong_count(&repository);
    let client = client_of(&service, &format!("{HISTORY}?format=csv")).await;
    until(|| repository.hook.reads.load(Ordering::SeqCst) > 3).await;
    assert!(Arc::strong_count(&repository) > users);
    drop(client);
    until(|| Arc::strong_count(&repository) == users).await;
}

#[tokio::test]
async fn clients_that_do_not_read_leave_the_database_to_others() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, minutes("Hut", 40_000)).await;
    let service = serving(repository).await;
    let mut slow = Vec::new();
    // More than can read at the same time, and more than the system keeps for them.
    for _ in 0..6 {
        slow.push(client_of(&service, &format!("{HISTORY}?format=ndjson")).await);
    }
    for _ in 0..20 {
        assert_eq!(in_time(service.get(&format!("{HISTORY}?limit=10"))).await.status(), StatusCode::OK);
    }
}

/// Returns measurements of two nodes, in a block and as rows.
async fn sealed_and_recent() -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, minutes("Hut", 3)).await;
    repository.seal(i64::MAX).await.unwrap();
    store(&*repository, [minutes("Barn", 1), vec![sample_measurement("Hut", MIDNIGHT + 180)]].concat()).await;
    serving(repository).await
}

#[tokio::test]
async fn an_answer_has_the_fields_that_are_selected_in_their_order() {
    let service = sealed_and_recent().await;
    for path in [HISTORY, "/api/v1/measurements"] {
        let query = "order=asc&fields=mppVoltage,timestamp,status,mppVoltage";
        let whole = service.json(&format!("{path}?order=asc")).await;
        let whole = whole["measurements"].as_array().unwrap();
        let answer = text(&service, &format!("{path}?{query}&limit=3")).await;
        let page: Value = serde_json::from_str(&answer).unwrap();
        let selected = page["measurements"].as_array().unwrap();
        assert_eq!(selected.len(), 3);
        for (selected, whole) in selected.iter().zip(whole) {
            assert_eq!(selected.as_object().unwrap().len(), 3, "{selected}");
            for name in ["mppVoltage", "timestamp", "status"] {
                assert_eq!(selected[name], whole[name]);
            }
        }
        let places = ["\"mppVoltage\"", "\"timestamp\"", "\"status\""].map(|name| answer.find(name).unwrap());
        assert!(places.is_sorted(), "{answer}");
        let next = service.json(page["next"].as_str().unwrap()).await;
        assert_eq!(next["measurements"][0].as_object().unwrap().len(), 3, "so has the next page");
        let lines = text(&service, &format!("{path}?{query}&format=ndjson")).await;
        assert_eq!(lines.lines().count(), whole.len());
        for (line, whole) in lines.lines().zip(whole) {
            let voltage = &whole["mppVoltage"];
            let wanted = format!(
                "{{\"mppVoltage\":{voltage},\"timestamp\":{},\"status\":{}}}",
                whole["timestamp"], whole["status"]
            );
            assert_eq!(line, wanted);
        }
        let csv = text(&service, &format!("{path}?{query}&format=csv")).await;
        assert!(csv.starts_with("mppVoltage,timestamp,status\r\n12,2018-06-30T00:00:00Z,0x941\r\n"), "{csv}");
        assert_eq!(csv.lines().count(), 1 + whole.len());
    }
    for field in Field::ALL.map(Field::name) {
        let csv = text(&service, &format!("{HISTORY}?format=csv&order=asc&fields={field}")).await;
        let whole = text(&service, &format!("{HISTORY}?format=csv&order=asc")).await;
        let place = whole.lines().next().unwrap().split(',').position(|name| name == field).unwrap();
        let column: String =
            whole.lines().map(|line| line.split(',').nth(place).unwrap().to_owned() + "\r\n").collect();
        assert_eq!(csv, column);
    }
    for query in ["fields=voltage", "fields=", "fields=timestamp,", "fields=batteryvoltage"] {
        for path in [HISTORY, "/api/v1/measurements"] {
            let (status, detail) = service.problem(&format!("{path}?{query}")).await;
            assert!(status == StatusCode::BAD_REQUEST, "{query}: {detail}");
            assert!(detail.starts_with("the parameter fields is invalid: \""), "{detail}");
            assert!(detail.contains("; expected one of nodeId, timestamp, timeSource"), "{detail}");
            assert!(detail.ends_with("longitude, status"), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_spreadsheet_has_its_separator_and_its_decimal_mark() {
    let mut whole = sample_measurement("Nord \"alt\", 1", MIDNIGHT);
    whole.battery_temperature = Some(-3.25);
    whole.firmware_version = Some("a,b".into());
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, vec![whole]).await;
    let service = serving(repository).await;
    let of = async |query: &str| {
        let fields = "fields=nodeId,batteryTemperature,openMPPTFirmwareVersion,batteryVoltage,isPowerSaveMode";
        text(&service, &format!("/api/v1/measurements?format=csv&{fields}&{query}")).await
    };
    let header = "nodeId;batteryTemperature;openMPPTFirmwareVersion;batteryVoltage;isPowerSaveMode\r\n";
    let line = "\"Nord \"\"alt\"\", 1\";-3,25;a,b;12,8;0\r\n";
    assert_eq!(of("separator=;&decimal=,").await, format!("{header}{line}"));
    assert_eq!(of("separator=%3B&decimal=%2C").await, of("separator=;&decimal=,").await);
    assert_eq!(of("separator=;").await, of("separator=;&decimal=.").await);
    assert!(of("separator=;").await.contains(";-3.25;a,b;"));
    assert!(of("").await.ends_with("\"Nord \"\"alt\"\", 1\",-3.25,\"a,b\",12.8,0\r\n"));
    assert!(of("separator=tab&decimal=,").await.ends_with("\"Nord \"\"alt\"\", 1\"\t-3,25\ta,b\t12,8\t0\r\n"));
    for (query, wanted) in [
        ("format=csv&decimal=,", "choose ; as separator"),
        ("format=csv&separator=,&decimal=,", "choose ; as separator"),
        ("format=csv&separator=x", "expected one of ,, ;, tab"),
        ("separator=;", "add format=csv"),
        ("format=ndjson&decimal=.", "add format=csv"),
    ] {
        let (status, detail) = service.problem(&format!("/api/v1/measurements?{query}")).await;
        assert!(status == StatusCode::BAD_REQUEST && detail.contains(wanted), "{query}: {detail}");
    }
}
