//! Certificates made for a test.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority, and the certificates that it signed for a server at 127.0.0.1 and for a client. All are in PEM form.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) server: String,
    pub(crate) key: String,
    pub(crate) client: String,
    pub(crate) client_key: String,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        Self::with_server(|_| {})
    }

    /// Makes the usual certificates, except for a change to the server's.
    pub(crate) fn with_server(change: impl Fn(&mut CertificateParams)) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        // Its name differs from that of the certificates, or they would look self-signed.
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("a certificate");
        let signed = |name: &str, change: &dyn Fn(&mut CertificateParams)| {
            let key = KeyPair::generate().expect("a key");
            let mut certificate = CertificateParams::new([name.to_owned()]).expect("a name");
            change(&mut certificate);
            let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let (server, key) = signed("127.0.0.1", &change);
        let (client, client_key) = signed("collector", &|_| {});
        Self { authority: authority.pem(), server, key, client, client_key }
    }
}
