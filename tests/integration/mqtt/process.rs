//! The server as a process, with a broker that does what the test says.

use std::fs;

use isems_core::RedbRepository;
use rumqttc::Login;
use tokio::io::AsyncReadExt;

use super::{line, peer::Broker, seconds};
use crate::programs::Server;

const TOPIC: &str = "/isems/Hut/csvlog";

/// The content of the file while the process is frozen is what a kill at that moment would leave behind.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_in_the_file_at_that_moment() {
    const MESSAGES: u16 = 20;
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = broker.address().to_string();
    // Delayed commits give an early acknowledgement time to show.
    let settings = [("MQTT_SERVER", &*address), ("ISEMS_COMMIT_INTERVAL", "1s")];
    let server = Server::start(folder.path(), &settings);
    let mut peer = broker.accept_session().await;
    for round in 0..3 {
        let first = i64::from(round * MESSAGES);
        for id in 1..=MESSAGES {
            peer.publish(id, TOPIC, line("Hut", first + i64::from(id))).await;
        }
        peer.expect_ack(1).await;
        let copy = folder.path().join(format!("copy-{round}.redb"));
        server.frozen(|| fs::copy(folder.path().join("isems.redb"), &copy).expect("it can be copied"));
        let stored = seconds(&RedbRepository::open(&copy).expect("it opens"), "Hut").await;
        assert!(stored.starts_with(&(1..=first + 1).collect::<Vec<_>>()), "round {round}: {stored:?}");
        for id in 2..=MESSAGES {
            peer.expect_ack(id).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_is_told_of() {
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = broker.address().to_string();
    let mut server = Server::start(folder.path(), &[("MQTT_SERVER", &address)]);
    let mut peer = broker.accept_session().await;
    let status = server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;
    assert_eq!((status["state"].as_str(), status["lastError"].is_null()), (Some("running"), true));
    peer.publish(1, TOPIC, line("Hut", 0)).await;
    peer.expect_ack(1).await;
    drop(peer);
    for _ in 0..2 {
        drop(broker.accept_tcp().await);
    }
    let status = server.until_transport("mqtt", |status| status["state"] == "waiting").await;
    let source = &status["sources"][0];
    assert_eq!((source["up"].as_bool(), source["name"].as_str()), (Some(false), Some(&*format!("mqtt://{address}"))));
    assert!(source["error"].as_str().is_some_and(|error| error.contains("closed the connection")), "{source}");
    assert!(status["lastError"]["message"].as_str().is_some_and(|message| message.contains(&address)), "{status}");
    let mut metrics = String::new();
    let mut answer = server.api().ask("/metrics").await.expect("a connection");
    answer.read_to_string(&mut metrics).await.expect("an answer");
    for metric in
        [r#"isems_transport_running{transport="mqtt"} 0"#, r#"isems_transport_sources{transport="mqtt",up="false"} 1"#]
    {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }
    let mut peer = broker.accept_session().await;
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;
    peer.publish(1, TOPIC, line("Hut", 1)).await;
    peer.expect_ack(1).await;
    let status = server.until_transport("mqtt", |status| status["stored"] == 2).await;
    assert_eq!(status["state"], "running");
    let log = server.log();
    for (text, count) in
        [("source is up transport", 1), ("source is down", 1), ("source is up again", 1), ("failed", 0)]
    {
        assert_eq!(log.matches(text).count(), count, "{text}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_brokers_are_followed_each_with_its_own_account() {
    let (home, away) = (Broker::start().await, Broker::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let brokers = format!(
        "mqtt://one:hunter1@{},mqtt://two:hunter2@{}#name=uplink&client_id=roof&topics=mesh/+/csvlog",
        home.address(),
        away.address()
    );
    let mut server = Server::start(folder.path(), &[("MQTT_SERVER", &brokers)]);
    let mut home_peer = home.accept().await;
    let mut away_peer = away.accept().await;
    let login = |user: &str, password: &str| Some(Login { username: user.into(), password: password.into() });
    assert_eq!(home_peer.connect.login, login("one", "hunter1"));
    assert_eq!(away_peer.connect.login, login("two", "hunter2"));
    assert_eq!(away_peer.connect.client_id, "roof");
    assert!(home_peer.connect.client_id.starts_with("isems-"));
    home_peer.let_in().await;
    let subscribed = away_peer.let_in().await;
    assert_eq!(subscribed.filters.iter().map(|filter| &*filter.path).collect::<Vec<_>>(), ["mesh/+/csvlog"]);
    home_peer.publish(1, TOPIC, line("Hut", 0)).await;
    away_peer.publish(1, "mesh/Barn/csvlog", line("Barn", 0) + "\n" + &line("Barn", 1)).await;
    home_peer.expect_ack(1).await;
    away_peer.expect_ack(1).await;
    let home_status = server.until_transport("mqtt", |status| status["stored"] == 1).await;
    let away_status = server.until_transport("uplink", |status| status["stored"] == 2).await;
    assert_eq!(home_status["sources"][0]["name"], format!("mqtt://{}", home.address()));
    drop(away_peer);
    drop(away);
    server.until_transport("uplink", |status| status["sources"][0]["up"] == false).await;
    let home_status = server.until_transport("mqtt", |_| true).await;
    assert_eq!(home_status["sources"][0]["up"], true, "one broker does not concern the other");
    assert!(!format!("{home_status}{away_status}{}", server.log()).contains("hunter"));
}

/// Readers do not wait for writers.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_measurements_are_told_while_a_commit_is_held_back() {
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = broker.address().to_string();
    let settings = [("MQTT_SERVER", &*address), ("ISEMS_MQTT_CLIENT_ID", "collector"), ("ISEMS_COMMIT_INTERVAL", "1m")];
    let mut server = Server::start(folder.path(), &settings);
    let mut peer = broker.accept_session().await;
    for id in 1..=20 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    server.until("/measurements/latest?all=true", |latest| latest["measurements"].is_array()).await;
    peer.expect_silence().await;
}
