//! Alerts of the server as its user starts it.

use std::process::{Command, Output};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::channels::recorder::{Recorder, Request};
use crate::{
    programs::{Server, free_port},
    server::client,
};

const TOKEN: &str = "0123456789abcdef";

/// A server that subscribes to a broker that is not there, and tells a recorder so.
struct Lonely {
    folder: tempfile::TempDir,
    server: Server,
    recorder: Recorder,
    http: Client,
}

impl Lonely {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
        let server = start(folder.path(), &recorder);
        let http = client();
        Self { folder, server, recorder, http }
    }

    async fn send(&self, method: Method, path: &str, form: &str) -> Response {
        let request = self.http.request(method, format!("http://{}{path}", self.server.api().0)).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        request.send().await.expect("an answer")
    }

    /// Waits for the message of the broker.
    async fn until_told(&mut self) -> Request {
        let request = self.recorder.request().await;
        assert_eq!(request.json()["title"], "Collector (mqtt): nothing can be reached", "{}", request.body);
        request
    }

    /// Runs a command on the server's database.
    async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-under-test"));
        command.current_dir(self.folder.path()).env_clear().args(arguments);
        // The recorder goes on meanwhile.
        spawn_blocking(move || command.output()).await.expect("it does not panic").expect("it can be run")
    }
}

fn start(folder: &std::path::Path, recorder: &Recorder) -> Server {
    let broker = format!("mqtt://127.0.0.1:{}", free_port());
    let notify = format!("webhook+http://{}/hook#name=phone", recorder.address);
    let tokens = format!("admin:{TOKEN}");
    let settings = [
        ("MQTT_SERVER", &*broker),
        ("ISEMS_NOTIFY", &notify),
        ("ISEMS_ALERT_HOLD", "1s"),
        ("ISEMS_API_TOKENS", &tokens),
        ("ISEMS_PUBLIC_URL", "https://mesh.example/"),
    ];
    Server::start(folder, &settings)
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_once_even_after_a_restart() {
    let mut lonely = Lonely::start().await;
    let request = lonely.until_told().await;
    let message = request.json();
    assert_eq!(request.header("idempotency-key"), message["id"]);
    assert_eq!(message["link"], "https://mesh.example");
    let report = lonely.server.until("/api/v1/alerts", |report| report["messages"][0]["delivered"] == true).await;
    assert_eq!(report["problems"][0]["code"], "sourcesAway", "{report}");
    assert_eq!(report["problems"][0]["told"][0], "phone", "{report}");
    assert_eq!(report["channels"][0]["pending"], Value::Null, "{report}");

    let Lonely { folder, server, mut recorder, .. } = lonely;
    server.kill();
    let mut server = start(folder.path(), &recorder);
    let delivered = |report: &Value| report["messages"][0]["delivered"] == true;
    let report = server.until("/api/v1/alerts", delivered).await;
    assert_eq!(report["messages"].as_array().map(Vec::len), Some(1), "{report}");
    let trial = client().post(format!("http://{}/api/v1/alerts/test", server.api().0));
    let trial = json(trial.bearer_auth(TOKEN).send().await.unwrap()).await;
    assert_eq!(trial["channels"][0]["delivered"], true, "{trial}");
    let mut next = recorder.request().await.json();
    if next["id"] == message["id"] {
        // It was killed before it could store that the message had been delivered.
        next = recorder.request().await.json();
    }
    assert_eq!(next["kind"], "test", "the next message is the trial");
}

#[tokio::test]
async fn operators_mute_and_try_by_api_command_and_page() {
    let mut lonely = Lonely::start().await;
    lonely.until_told().await;
    let by_api = lonely.send(Method::POST, "/api/v1/alerts/mutes?node=Hafen*&for=7d&reason=new%20battery", "").await;
    assert_eq!(by_api.status(), StatusCode::OK);
    let mute = json(by_api).await;
    assert_eq!((&mute["id"], &mute["node"]), (&1.into(), &"Hafen*".into()));
    let output = lonely.command(&["alerts", "mute", "Rathaus", "--finding", "silent", "--for", "12h"]).await;
    assert!(output.status.success() && text(&output).contains("alerts unmute 2"), "{}", text(&output));
    let page = lonely.send(Method::POST, "/alerts/mute", "node=Turm&finding=&for=2h&reason=").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.headers()["location"], "/alerts");
    let page = lonely.send(Method::GET, "/alerts", "").await.text().await.unwrap();
    for shown in ["Hafen*", "new battery", "Rathaus", "Turm", "nothing can be reached", "phone"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(lonely.send(Method::DELETE, "/api/v1/alerts/mutes/1", "").await.status(), StatusCode::OK);
    assert_eq!(lonely.send(Method::DELETE, "/api/v1/alerts/mutes/1", "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(lonely.send(Method::POST, "/alerts/unmute", "id=2").await.status(), StatusCode::SEE_OTHER);
    let output = lonely.command(&["alerts", "list"]).await;
    let listed = text(&output);
    assert!(listed.contains("sourcesAway") && listed.contains("mute 3: Turm"), "{listed}");
    assert!(!listed.contains("Hafen") && !listed.contains("Rathaus"), "{listed}");
    let output = lonely.command(&["alerts", "test"]).await;
    assert_eq!(text(&output), format!("phone: delivered: {} answered 200 OK\n", lonely.recorder.address));
    assert_eq!(lonely.recorder.request().await.json()["kind"], "test");
    let page = lonely.send(Method::POST, "/alerts/test", "").await.text().await.unwrap();
    assert!(page.contains(&format!("delivered ({} answered 200 OK)", lonely.recorder.address)), "{page}");

    for (path, wanted) in [("node=&for=7d", "node"), ("node=Hafen&for=soon", "soon"), ("node=a&for=1d&finding=x", "x")]
    {
        let refused = lonely.send(Method::POST, &format!("/api/v1/alerts/mutes?{path}"), "").await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path}");
        let problem = json(refused).await;
        assert!(problem["detail"].as_str().unwrap().contains(wanted), "{problem}");
    }
    let stranger = lonely.http.post(format!("http://{}/alerts/test", lonely.server.api().0)).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_channel_there_are_no_alerts_and_the_page_says_how_to_begin() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let tokens = format!("admin:{TOKEN}");
    let mut server = Server::start(folder.path(), &[("ISEMS_API_TOKENS", &tokens)]);
    let report = server.until("/api/v1/alerts", |_| true).await;
    assert_eq!(report["channels"], Value::Array(Vec::new()));
    let address = server.api().0;
    let page = client().get(format!("http://{address}/alerts")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("ISEMS_NOTIFY=ntfys://"), "{page}");
    let refused = client().post(format!("http://{address}/api/v1/alerts/test")).bearer_auth(TOKEN);
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::CONFLICT);
}
