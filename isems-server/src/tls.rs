//! HTTPS: the server's certificate, and how it follows changes of its files.

use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{sync::Notify, task, time};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

/// A certificate with its private key, from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    current: Arc<Current>,
    read: Contents,
    wanted: Arc<Notify>,
}

#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The contents of the files, which are never displayed.
#[derive(PartialEq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate currently presented to clients.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.resolve_now())
    }
}

impl Current {
    fn resolve_now(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Certificate {
    /// Reads the files: the certificate with its chain, and the private key.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let files = Files { certificate: certificate.into(), key: key.into() };
        let read = files.read()?;
        let current = Arc::new(Current(RwLock::new(Arc::new(files.certified_key(&read)?))));
        Ok(Self { files, current, read, wanted: Arc::default() })
    }

    /// Returns what has the files looked at without waiting for the next time.
    pub fn wanted(&self) -> Arc<Notify> {
        self.wanted.clone()
    }

    /// Returns an acceptor for TLS 1.2 and 1.3 with HTTP/1.1 inside.
    pub fn acceptor(&self) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Returns the reason why the certificate will not be valid after a time, as a text that continues a sentence about
    /// it.
    pub fn problem_in(&self, time: Duration) -> Option<String> {
        let certificates = self.current.resolve_now();
        let now = UnixTime::now().as_secs() + time.as_secs();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now));
        isems_tls::validity_problem(certificates.cert.first()?, at)
    }

    /// Checks the files periodically, and presents a new certificate from then on. Unusable files are logged once, and
    /// the last good certificate stays.
    pub async fn follow(mut self, interval: Duration) -> Infallible {
        let mut unreadable = false;
        loop {
            tokio::select! {
                () = time::sleep(interval) => {}
                () = self.wanted.notified() => {}
            }
            let files = self.files.clone();
            let read = task::spawn_blocking(move || files.read()).await;
            match read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
                Ok(contents) => {
                    unreadable = false;
                    if contents != self.read {
                        self.renew(&contents);
                        self.read = contents;
                    }
                }
                Err(error) if !unreadable => {
                    unreadable = true;
                    error!(error = &error as &dyn std::error::Error, "the old TLS certificate stays in use");
                }
                Err(_) => {}
            }
        }
    }

    fn renew(&self, contents: &Contents) {
        match self.files.certified_key(contents) {
            Ok(key) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                info!(path = %self.files.certificate.display(), "a new TLS certificate is in use");
            }
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "the old TLS certificate stays in use");
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<Contents, CertificateError> {
        let read = |path: &Path| fs::read(path).map_err(|source| CertificateError::Read { path: path.into(), source });
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    fn certified_key(&self, contents: &Contents) -> Result<CertifiedKey, CertificateError> {
        // The parser's own errors quote the file, which may be a key.
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|certificates: &Vec<_>| !certificates.is_empty())
            .ok_or_else(|| CertificateError::NoCertificate { path: self.certificate.clone() })?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| CertificateError::NoKey { path: self.key.clone() })?;
        CertifiedKey::from_der(certificates, key, &ring::default_provider()).map_err(|source| {
            CertificateError::Unusable { certificate: self.certificate.clone(), key: self.key.clone(), source }
        })
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// The reason why certificate and key cannot be used. It names the files, but shows nothing of their contents.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in PEM form in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in the file.
    #[error("there is no private key in PEM form in {}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The two do not match, or are of an unknown kind.
    #[error("the certificate in {} cannot be used with the key in {}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
}
