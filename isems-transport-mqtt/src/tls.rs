//! TLS: whom to trust, and what to show.

use std::{path::Path, sync::Arc};

use isems_core::BoxError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tracing::debug;

use crate::{InvalidMqttConfig, MqttConfig};

/// A client that trusts the authorities of a PEM file, or else those of the system, and shows the configured certificate, if
/// there is one.
pub(crate) fn client_config(config: &MqttConfig) -> Result<Arc<ClientConfig>, InvalidMqttConfig> {
    let roots = match &config.ca_file {
        Some(path) => roots_of(path)?,
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(InvalidMqttConfig::Tls)?
        .with_root_certificates(roots);
    let client = match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates_of("certificate_file", certificate)?, key_of(key)?)
            .map_err(|error| unusable("certificate_file", certificate)(error.into()))?,
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(client))
}

fn roots_of(path: &Path) -> Result<RootCertStore, InvalidMqttConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of("ca_file", path)? {
        roots.add(certificate).map_err(|error| unusable("ca_file", path)(error.into()))?;
    }
    Ok(roots)
}

/// The certificates of a file, of which there is at least one.
fn certificates_of(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, InvalidMqttConfig> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| unusable(name, path)(error.into()))?;
    if certificates.is_empty() {
        return Err(unusable(name, path)("it has no certificate in PEM form".into()));
    }
    Ok(certificates)
}

fn key_of(path: &Path) -> Result<PrivateKeyDer<'static>, InvalidMqttConfig> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        let source = match error {
            pem::Error::NoItemsFound => "it has no private key in PEM form, or one with a passphrase".into(),
            other => other.into(),
        };
        unusable("key_file", path)(source)
    })
}

/// The error of a file that cannot be used.
fn unusable(name: &'static str, path: &Path) -> impl FnOnce(BoxError) -> InvalidMqttConfig {
    move |source| InvalidMqttConfig::File { name, path: path.into(), source }
}

fn system_roots() -> Result<RootCertStore, InvalidMqttConfig> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        debug!(%error, "some certificates of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(InvalidMqttConfig::NoSystemRoots) } else { Ok(roots) }
}
