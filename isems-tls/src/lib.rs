//! TLS for clients: the certificate authorities they trust, and the certificate they present.
//!
//! Polling, subscribing and error reporting all establish trust in the same way: by the authorities that the system
//! trusts, or by those in a PEM file. The cryptography is ring's, which needs nothing installed.
//!
//! ```
//! let config = isems_tls::client_config(None, None)?;
//! # Ok::<(), isems_tls::TlsError>(())
//! ```

mod certificate;
mod system;

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

pub use crate::certificate::{certificate_problem, validity_problem};
use crate::system::SystemVerifier;

/// PEM files with a certificate, followed by any intermediate certificates, and its private key.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The certificates.
    pub certificate_file: &'a Path,
    /// The private key, without a passphrase.
    pub key_file: &'a Path,
}

/// Makes the configuration of a client that trusts the authorities in a PEM file, or else those of the system, and
/// presents its certificate, if it has one, to servers that ask for it.
///
/// The files are read immediately. The system's certificates are read when the first server is verified, so a client
/// that never uses TLS never needs them.
pub fn client_config(ca_file: Option<&Path>, identity: Option<Identity<'_>>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Rustls)?;
    let builder = match ca_file {
        Some(path) => builder.with_root_certificates(roots_of(path)?),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(SystemVerifier::new(provider))),
    };
    let Some(Identity { certificate_file, key_file }) = identity else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(certificates_of("certificate_file", certificate_file)?, key_of(key_file)?)
        .map_err(|error| unusable("certificate_file", certificate_file)(error.into()))
}

fn roots_of(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of("ca_file", path)? {
        roots.add(certificate).map_err(|error| unusable("ca_file", path)(error.into()))?;
    }
    Ok(roots)
}

/// Reads the certificates of a file, which must contain at least one.
fn certificates_of(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| unusable(name, path)(error.into()))?;
    if certificates.is_empty() {
        return Err(unusable(name, path)("it contains no certificate in PEM form".into()));
    }
    Ok(certificates)
}

fn key_of(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        let source = match error {
            pem::Error::NoItemsFound => "it contains no private key in PEM form, or one with a passphrase".into(),
            other => other.into(),
        };
        unusable("key_file", path)(source)
    })
}

/// Makes the error for a file that cannot be used.
fn unusable(name: &'static str, path: &Path) -> impl FnOnce(Box<dyn Error + Send + Sync>) -> TlsError {
    move |source| TlsError::File { name, path: path.into(), source }
}

/// An error in setting up TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file with certificates or a key cannot be used.
    #[error("cannot use {name} {path:?}: {source}")]
    File {
        /// The name of the setting: `ca_file`, `certificate_file` or `key_file`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// rustls finds no protocol version for its cryptography, which does not happen in practice.
    #[error("cannot set up TLS")]
    Rustls(#[source] rustls::Error),
}
