//! TLS: whom to trust.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tracing::debug;

use crate::InvalidMqttConfig;

/// A client that trusts the authorities of a PEM file, or else those of the system, and shows no certificate of its own.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, InvalidMqttConfig> {
    let roots = match ca_file {
        Some(path) => roots_of(path)?,
        None => system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(InvalidMqttConfig::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots_of(path: &Path) -> Result<RootCertStore, InvalidMqttConfig> {
    let invalid = |source: isems_core::BoxError| InvalidMqttConfig::CaFile { path: path.into(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| invalid(error.into()))? {
        let certificate = certificate.map_err(|error| invalid(error.into()))?;
        roots.add(certificate).map_err(|error| invalid(error.into()))?;
    }
    if roots.is_empty() { Err(invalid("it has no certificate in PEM form".into())) } else { Ok(roots) }
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
