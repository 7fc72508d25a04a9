//! The bridge as the program's settings make it.

use crate::{mqtt::peer::Broker, programs::Server};
use tokio::io::AsyncReadExt;

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_connection_is_told() {
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("mqtt://isems:hunter2@{}#name=roof&client_id=me", broker.address());
    let mut server = Server::start(folder.path(), &[("ISEMS_HOMEASSISTANT", &address)]);
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect.client_id, "me");
    assert_eq!(peer.connect.login.as_ref().map(|login| &*login.password), Some("hunter2"));
    let ready = server.until("/readyz", |ready| ready["homeAssistant"]["up"] == false).await;
    assert_eq!(ready["homeAssistant"]["name"], format!("mqtt://{}", broker.address()));
    peer.let_in().await;
    server.until("/readyz", |ready| ready["homeAssistant"]["up"] == true).await;
    drop(peer);
    let ready = server.until("/readyz", |ready| ready["homeAssistant"]["error"].is_string()).await;
    assert_eq!(ready["ready"], true, "the collector does not depend on it");
    let mut metrics = String::new();
    let mut answer = server.api().ask("/metrics").await.expect("a connection");
    answer.read_to_string(&mut metrics).await.expect("an answer");
    assert!(metrics.contains("isems_homeassistant_up "), "{metrics}");
    assert!(!format!("{ready}{metrics}{}", server.log()).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_there_is_nothing_to_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(folder.path(), &[]);
    let ready = server.until("/readyz", |ready| ready["ready"] == true).await;
    assert!(ready["homeAssistant"].is_null(), "{ready}");
    let mut metrics = String::new();
    let mut answer = server.api().ask("/metrics").await.expect("a connection");
    answer.read_to_string(&mut metrics).await.expect("an answer");
    assert!(!metrics.contains("homeassistant"), "{metrics}");
}
