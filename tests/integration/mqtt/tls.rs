//! Encrypted connections.

use std::{path::Path, sync::Arc};

use isems_core::RedbRepository;
use isems_transport_mqtt::MqttConfig;
use rumqttc::tokio_rustls::TlsAcceptor;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{
    Running,
    certificates::Certificates,
    line,
    peer::{Broker, Peer},
    seconds,
};

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificates.server.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("key and certificate fit");
    TlsAcceptor::from(Arc::new(config))
}

/// A configuration that trusts an authority.
fn config(broker: &Broker, folder: &Path, authority: &str) -> MqttConfig {
    let file = folder.join("ca.pem");
    std::fs::write(&file, authority).expect("it can be written");
    MqttConfig {
        broker: format!("mqtts://{}", broker.address()).parse().expect("a broker"),
        ca_file: Some(file),
        ..MqttConfig::default()
    }
}

#[tokio::test]
async fn a_broker_whose_authority_is_trusted_is_subscribed_to() {
    let (broker, folder, certificates) =
        (Broker::start().await, tempfile::tempdir().expect("a folder"), Certificates::new());
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository.clone(), config(&broker, folder.path(), &certificates.authority));
    let stream = acceptor(&certificates).accept(broker.accept_tcp().await).await.expect("a handshake");
    let mut peer = Peer::greet(stream).await;
    peer.let_in().await;
    running.until_up().await;
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
    peer.expect_ack(1).await;
    assert_eq!(seconds(&*repository, "Hut").await, [0]);
}

#[tokio::test]
async fn a_broker_whose_authority_is_not_trusted_is_refused() {
    let (broker, folder) = (Broker::start().await, tempfile::tempdir().expect("a folder"));
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository, config(&broker, folder.path(), &Certificates::new().authority));
    let handshake = acceptor(&Certificates::new()).accept(broker.accept_tcp().await).await;
    assert!(handshake.is_err());
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.contains("set ca_file"), "{message}");
}

#[tokio::test]
async fn a_broker_without_tls_is_called_so() {
    let (broker, folder) = (Broker::start().await, tempfile::tempdir().expect("a folder"));
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository, config(&broker, folder.path(), &Certificates::new().authority));
    let mut stream = broker.accept_tcp().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it is sent");
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.contains("does not speak TLS"), "{message}");
}
