//! Encrypted connections.

use std::{path::Path, sync::Arc};

use isems_core::RedbRepository;
use isems_transport_mqtt::MqttConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, SanType, date_time_ymd};
use rumqttc::tokio_rustls::TlsAcceptor;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    Running,
    certificates::Certificates,
    line,
    peer::{Broker, Peer},
    seconds,
};

pub(crate) fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    acceptor_with(certificates, |_| {})
}

/// Accepts connections with a certificate whose bytes are changed.
fn acceptor_with(certificates: &Certificates, change: impl Fn(&mut [u8])) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificates.server.as_bytes()).expect("a certificate");
    let mut certificate = certificate.to_vec();
    change(&mut certificate);
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).expect("a key");
    let key = ring::sign::any_supported_type(&key).expect("a kind of key that is known");
    let certified = CertifiedKey::new(vec![certificate.into()], key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    TlsAcceptor::from(Arc::new(config))
}

/// Returns a configuration that trusts an authority.
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

/// Turns a certificate into one of version 1, as old recipes for openssl produce. This breaks its signature, but the
/// version is checked first.
fn make_version_1(certificate: &mut [u8]) {
    const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
    let start = certificate.windows(VERSION_3.len()).position(|bytes| bytes == VERSION_3).expect("a version");
    certificate[start + 4] = 0;
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_explained() {
    type Params = CertificateParams;
    let untouched: fn(&mut [u8]) = |_| {};
    let usual: fn(&mut Params) = |_| {};
    let mesh: fn(&mut Params) = |it| it.subject_alt_names = vec![SanType::DnsName("mesh.example".try_into().unwrap())];
    let nameless: fn(&mut Params) = |it| it.subject_alt_names.clear();
    let expired: fn(&mut Params) = |it| it.not_after = date_time_ymd(2020, 1, 1);
    let early: fn(&mut Params) = |it| it.not_before = date_time_ymd(3000, 1, 1);
    let authority: fn(&mut Params) = |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (params, bytes, explanation) in [
        (mesh, untouched, "is for mesh.example and not for 127.0.0.1: use a name that it is for"),
        (nameless, untouched, "names no server: issue one with the subjectAltName 127.0.0.1"),
        (usual, make_version_1, "is of X.509 version 1"),
        (expired, untouched, "has expired: renew it"),
        (early, untouched, "is not valid yet: correct this machine's clock"),
        (authority, untouched, "is that of an authority: issue one for the server"),
    ] {
        let (broker, folder) = (Broker::start().await, tempfile::tempdir().expect("a folder"));
        let certificates = Certificates::with_server(params);
        let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
        let running = Running::start(repository, config(&broker, folder.path(), &certificates.authority));
        let handshake = acceptor_with(&certificates, bytes).accept(broker.accept_tcp().await).await;
        assert!(handshake.is_err());
        let status = running.until(|status| status.last_error.is_some()).await;
        let message = status.last_error.expect("there is an error").message;
        assert!(message.contains(&format!(": the broker's certificate {explanation}")), "{message}");
    }
}

#[tokio::test]
async fn a_broker_that_waits_for_tls_is_told_of() {
    // Some answer with a TLS alert, others just close.
    for sends_alert in [true, false] {
        let broker = Broker::start().await;
        let running = Running::start(Arc::new(RedbRepository::in_memory().expect("memory")), broker.config());
        let stream = broker.accept_tcp().await;
        if sends_alert {
            assert!(acceptor(&Certificates::new()).accept(stream).await.is_err());
        } else {
            drop(Peer::greet(stream).await);
        }
        let status = running.until(|status| status.last_error.is_some()).await;
        let message = status.last_error.expect("there is an error").message;
        assert!(message.contains("check the port, and whether TLS is needed (mqtts://)"), "{message}");
    }
}
