//! The transport with a real Mosquitto. These tests need the packages mosquitto and mosquitto-clients.

mod kill;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use isems_core::{RedbRepository, Repository, TransportStatus};
use isems_transport_mqtt::{MqttConfig, Trial, try_broker};
use tokio::time;

use super::{
    Running, certificates::Certificates, eventually, gate::gated, line, lines, overload::until_waiting, seconds,
};
use crate::{
    programs::{Mosquitto, Publisher},
    soak,
};

const TOPIC: &str = "/isems/Hut/csvlog";

impl Mosquitto {
    fn config(&self) -> MqttConfig {
        let broker = format!("mqtt://127.0.0.1:{}", self.port()).parse().expect("a broker");
        MqttConfig { broker, ..MqttConfig::default() }
    }

    /// Publishes at QoS 1, and returns once the broker has accepted everything.
    async fn publish(&self, messages: impl IntoIterator<Item = (String, String)>) {
        let mut publisher = Publisher::connect(self.port());
        for (topic, payload) in messages {
            publisher.publish(&topic, payload).await;
        }
        publisher.finish().await;
    }

    async fn publish_retained(&self, topic: &str, payload: &str) {
        let mut publisher = Publisher::connect(self.port());
        publisher.publish_retained(topic, payload).await;
        publisher.finish().await;
    }
}

fn memory() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory"))
}

fn has_message(status: &TransportStatus, text: &str) -> bool {
    status.last_error.as_ref().is_some_and(|error| error.message.contains(text))
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn messages_of_many_nodes_are_all_stored_once() {
    const NODES: usize = 10;
    const MESSAGES: i64 = 200;
    let broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    let publish_as = |node: String| {
        let messages =
            (0..MESSAGES).map(move |second| (format!("/isems/{node}/csvlog"), lines(&node, second..second + 5)));
        broker.publish(messages)
    };
    join_all((0..NODES).map(|number| publish_as(format!("node-{number}")))).await;
    let received = NODES as u64 * MESSAGES as u64 * 5;
    let status = running.until(|status| status.received >= received).await;
    assert_eq!((status.received, status.rejected.total()), (received, 0));
    for number in 0..NODES {
        let stored = seconds(&*repository, &format!("node-{number}")).await;
        assert_eq!(stored, (0..MESSAGES + 4).collect::<Vec<_>>());
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn objects_are_stored() {
    let broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    let object = r#"{"batteryVoltage":"12.9","status":"100"}"#;
    let topics = ["/isems/Hut/data.json", "isems/testdrive/foobar/Barn/data.json"];
    broker.publish(topics.map(|topic| (topic.into(), object.into()))).await;
    running.until(|status| status.stored == 2).await;
    let nodes = repository.nodes().await.expect("it can be read");
    assert_eq!(nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["Barn", "Hut"]);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn messages_published_while_the_collector_is_away_arrive() {
    let broker = Mosquitto::start("");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("isems.redb");
    let publish = |from: i64| broker.publish((from..from + 100).map(|second| (TOPIC.into(), line("Hut", second))));
    {
        let running = Running::start(Arc::new(RedbRepository::open(&path).expect("it opens")), broker.config());
        running.until_up().await;
        publish(0).await;
        running.until(|status| status.stored == 100).await;
        running.stop().await;
    }
    publish(100).await;
    let repository = Arc::new(RedbRepository::open(&path).expect("it opens"));
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    publish(200).await;
    running.until(|status| status.stored >= 200).await;
    assert_eq!(seconds(&*repository, "Hut").await, (0..300).collect::<Vec<_>>());
}

/// A persistent session keeps its subscriptions at the broker, even those that are no longer in the settings.
#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn filters_that_left_the_settings_deliver_nothing_any_more() {
    let broker = Mosquitto::start("");
    let repository = memory();
    let config = |topics: &[&str]| MqttConfig {
        topics: topics.iter().map(|topic| (*topic).into()).collect(),
        ..broker.config()
    };
    let publish = |second: i64| {
        let message = |topic: &str, node: &str| (format!("{topic}/{node}/csvlog"), line(node, second));
        broker.publish([message("old", "Hut"), message("new", "Barn")])
    };
    let running = Running::start(repository.clone(), config(&["old/+/csvlog", "new/+/csvlog"]));
    running.until_up().await;
    publish(0).await;
    running.until(|status| status.stored == 2).await;
    running.stop().await;

    let running = Running::start(repository.clone(), config(&["new/+/csvlog"]));
    running.until_up().await;
    // The broker may take a moment to unsubscribe. From then on, only the new topic arrives.
    let next = AtomicI64::new(1);
    let only_new_arrives = || async {
        let second = next.fetch_add(1, Ordering::Relaxed);
        publish(second).await;
        let new_arrived = || async { seconds(&*repository, "Barn").await.contains(&second).then_some(()) };
        eventually(new_arrived, || "the new topic does not arrive").await;
        (!seconds(&*repository, "Hut").await.contains(&second)).then_some(())
    };
    eventually(only_new_arrives, || "the old topic still arrives").await;
    assert!(only_new_arrives().await.is_some());
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_that_was_stopped_is_found_again() {
    let mut broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    broker.publish([(TOPIC.into(), line("Hut", 0))]).await;
    running.until(|status| status.stored == 1).await;
    broker.stop();
    running.until(|status| has_message(status, "connection refused")).await;
    broker.start_again();
    // The broker has kept the subscriptions, so this arrives whether or not the collector is connected again.
    broker.publish([(TOPIC.into(), line("Hut", 1))]).await;
    running.until(|status| status.stored == 2).await;
    running.until_up().await;
    assert_eq!(seconds(&*repository, "Hut").await, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_fleet_whose_nodes_come_and_go_is_stored_exactly() {
    let outcome = soak::run(Duration::from_secs(20), 200).await;
    println!("{outcome}");
    assert!(outcome.messages > 0 && outcome.requests > 0);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_store_that_stalls_holds_the_broker_up_at_its_window() {
    const WINDOW: usize = 20;
    let broker = Mosquitto::start(&format!("max_inflight_messages {WINDOW}"));
    let repository = gated();
    let gate = &repository.hook;
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    broker.publish((0..500).map(|second| (TOPIC.into(), line("Hut", second)))).await;
    until_waiting(gate, WINDOW).await;
    gate.open();
    running.until(|status| status.stored == 500).await;
    assert_eq!(running.status().received, 500, "nothing came again");
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_that_has_lost_its_sessions_is_subscribed_at_again() {
    let mut broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    for second in 0..3 {
        running.until_up().await;
        broker.publish([(TOPIC.into(), line("Hut", second))]).await;
        running.until(|status| status.stored == second as u64 + 1).await;
        // It does not save its state by itself that soon.
        broker.kill();
        running.until(|status| status.sources.values().all(|source| !source.up)).await;
        broker.start_again();
    }
    assert_eq!(seconds(&*repository, "Hut").await, [0, 1, 2]);
}

/// The broker keeps its sessions, is down most of the time, and is stopped in the middle of deliveries.
#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn what_the_broker_kept_while_it_was_started_again_arrives() {
    let mut broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    for round in 0..5 {
        broker.publish((round * 100..round * 100 + 100).map(|second| (TOPIC.into(), line("Hut", second)))).await;
        broker.stop();
        broker.start_again();
    }
    running.until(|status| status.stored == 500).await;
    assert_eq!(seconds(&*repository, "Hut").await, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_user_with_the_right_password_is_let_in() {
    let mut broker = Mosquitto::start("");
    broker.stop();
    let passwords = broker.folder().join("passwords");
    let made = Command::new(Mosquitto::program("mosquitto_passwd"))
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["collector", "p@ss:w%rd"])
        .status()
        .expect("mosquitto_passwd can be run");
    assert!(made.success());
    broker.write(
        "mosquitto.conf",
        &format!("listener {} 127.0.0.1\nuser root\npassword_file {}\n", broker.port(), passwords.display()),
    );
    broker.start_again();
    let with_login = |login: &str| MqttConfig {
        broker: format!("mqtt://{login}@127.0.0.1:{}", broker.port()).parse().expect("a broker"),
        ..MqttConfig::default()
    };
    let running = Running::start(memory(), with_login("collector:p%40ss%3Aw%25rd"));
    running.until_up().await;
    for login in ["collector:wrong", "nobody:p%40ss%3Aw%25rd"] {
        let running = Running::start(memory(), with_login(login));
        let status = running.until(|status| status.last_error.is_some()).await;
        assert!(has_message(&status, "password"), "{status:?}");
        assert!(!has_message(&status, "wrong"), "{status:?}");
    }
    let running = Running::start(memory(), broker.config());
    running.until(|status| has_message(status, "check user and password")).await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_whose_access_list_delivers_nothing_is_told_of() {
    let mut broker = Mosquitto::start("");
    broker.stop();
    broker.write("acl", "topic write /isems/#\n");
    let acl = broker.folder().join("acl");
    broker.write(
        "mosquitto.conf",
        &format!("listener {} 127.0.0.1\nuser root\nallow_anonymous true\nacl_file {}\n", broker.port(), acl.display()),
    );
    broker.start_again();
    let running = Running::start(memory(), MqttConfig { quiet_after_seconds: 1, ..broker.config() });
    running.until_up().await;
    let note = "nothing received yet: check topic filters and the broker's access list";
    let has_note = |status: &TransportStatus| {
        status.sources.values().any(|source| source.note.as_ref().is_some_and(|text| text.contains(note)))
    };
    let status = running.until(has_note).await;
    assert_eq!((status.received, status.sources.values().all(|source| source.up)), (0, true));
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_can_be_tried_and_keeps_nothing_of_it() {
    let broker = Mosquitto::start("");
    let (config, moment) = (broker.config(), Duration::from_millis(500));
    assert_eq!(try_broker(&config, moment).await, Ok(Trial { heard: None }));
    let running = Running::start(memory(), config.clone());
    running.until_up().await;
    broker.publish_retained(TOPIC, &line("Hut", 0)).await;
    assert_eq!(try_broker(&config, moment).await, Ok(Trial { heard: Some(TOPIC.into()) }));
    let status = running.until(|status| status.received > 0).await;
    assert_eq!((status.received, status.sources.values().all(|source| source.up)), (1, true), "its session goes on");
    let address = format!("mqtt://127.0.0.1:{}", crate::programs::free_port());
    let away = MqttConfig { broker: address.parse().unwrap(), ..config };
    assert_eq!(try_broker(&away, moment).await, Err("connection refused: no broker listens there".into()));
}

/// Starts a broker with TLS and some more lines of configuration. Its folder holds `ca.pem`, `client.pem` and
/// `client.key`, as well as `other-ca.pem`, `other-client.pem` and `other-client.key` of another authority.
fn with_tls(more: &str) -> Mosquitto {
    let mut broker = Mosquitto::start("");
    broker.stop();
    for prefix in ["", "other-"] {
        let certificates = Certificates::new();
        for (name, text) in [
            ("ca.pem", &certificates.authority),
            ("server.pem", &certificates.server),
            ("server.key", &certificates.key),
            ("client.pem", &certificates.client),
            ("client.key", &certificates.client_key),
        ] {
            broker.write(&format!("{prefix}{name}"), text);
        }
    }
    let folder = broker.folder().display();
    let lines = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\nuser root\ncertfile {folder}/server.pem\n\
         keyfile {folder}/server.key\ncafile {folder}/ca.pem\n{more}\n",
        broker.port()
    );
    broker.write("mosquitto.conf", &lines);
    broker.start_again();
    broker
}

impl Mosquitto {
    fn tls_config(&self, authority: &str, client: Option<&str>) -> MqttConfig {
        let file = |name: String| self.folder().join(name);
        MqttConfig {
            broker: format!("mqtts://127.0.0.1:{}", self.port()).parse().expect("a broker"),
            ca_file: Some(file(authority.into())),
            certificate_file: client.map(|client| file(format!("{client}.pem"))),
            key_file: client.map(|client| file(format!("{client}.key"))),
            ..MqttConfig::default()
        }
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_connection_with_tls_works() {
    let broker = with_tls("");
    let running = Running::start(memory(), broker.tls_config("ca.pem", None));
    running.until_up().await;
    let running = Running::start(memory(), broker.tls_config("other-ca.pem", None));
    running.until(|status| has_message(status, "set ca_file")).await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_that_asks_for_a_certificate_is_shown_it() {
    let broker = with_tls("require_certificate true");
    let running = Running::start(memory(), broker.tls_config("ca.pem", Some("client")));
    running.until_up().await;
    let running = Running::start(memory(), broker.tls_config("ca.pem", None));
    running.until(|status| has_message(status, "set certificate_file")).await;
    let running = Running::start(memory(), broker.tls_config("ca.pem", Some("other-client")));
    running.until(|status| has_message(status, "refuses the certificate")).await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_message_of_half_a_megabyte_is_stored() {
    let broker = Mosquitto::start("");
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    running.until_up().await;
    let text = lines("Hut", 0..6000);
    assert!(text.len() > 500_000);
    broker.publish([(TOPIC.into(), text)]).await;
    running.until(|status| status.stored == 6000).await;
    assert_eq!(seconds(&*repository, "Hut").await.len(), 6000);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn retained_messages_arrive_until_they_are_cleared() {
    let broker = Mosquitto::start("");
    broker.publish_retained(TOPIC, &line("Hut", 0)).await;
    let running = Running::start(memory(), broker.config());
    running.until(|status| status.stored == 1).await;
    broker.publish_retained(TOPIC, "").await;
    broker.publish([(TOPIC.into(), line("Hut", 1))]).await;
    let status = running.until(|status| status.stored == 2).await;
    assert_eq!((status.received, status.rejected.total()), (2, 0));

    let running = Running::start(memory(), broker.config());
    running.until_up().await;
    broker.publish([(TOPIC.into(), line("Hut", 2))]).await;
    let status = running.until(|status| status.stored == 1).await;
    assert_eq!(status.received, 1);
}

/// The broker sends its retained messages on every subscription.
#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_retained_line_brings_a_deleted_node_back_until_it_is_cleared() {
    let broker = Mosquitto::start("");
    let repository = memory();
    let hut = "Hut".parse().expect("a node id");
    broker.publish_retained(TOPIC, &line("Hut", 0)).await;
    for retained in [true, true, false] {
        if !retained {
            broker.publish_retained(TOPIC, "").await;
        }
        let running = Running::start(repository.clone(), broker.config());
        running.until_up().await;
        broker.publish([("/isems/Barn/csvlog".into(), line("Barn", 0))]).await;
        running.until(|status| status.received > u64::from(retained)).await;
        assert_eq!(seconds(&*repository, "Hut").await.len(), usize::from(retained));
        running.stop().await;
        repository.delete(&hut, i64::MIN, i64::MAX).await.expect("it can be deleted");
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_that_reads_its_settings_again_stays_connected() {
    let broker = Mosquitto::start("");
    let running = Running::start(memory(), broker.config());
    running.until_up().await;
    for second in 0..3 {
        broker.reload();
        broker.publish([(TOPIC.into(), line("Hut", second))]).await;
        running.until(|status| status.stored == second as u64 + 1).await;
    }
    assert_eq!(running.status().last_error, None);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_message_that_is_too_large_to_be_read_does_not_come_again() {
    let broker = Mosquitto::start("");
    let running = Running::start(memory(), broker.config());
    running.until_up().await;
    let mut publisher = Publisher::connect(broker.port());
    publisher.publish(TOPIC, vec![b'x'; 17 << 20]).await;
    publisher.finish().await;
    running.until(|status| has_message(status, "too large to be read")).await;
    running.until_up().await;
    broker.publish([(TOPIC.into(), line("Hut", 0))]).await;
    running.until(|status| status.stored == 1).await;
    // If the connection were cut again, it would be down by now.
    time::sleep(Duration::from_millis(500)).await;
    assert!(running.status().sources.values().all(|source| source.up));
}
