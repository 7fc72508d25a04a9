//! Explanations of why a server's certificate is not accepted.

use std::{error, io};

use rustls::{
    CertificateError, Error,
    pki_types::{CertificateDer, UnixTime},
};
use webpki::{EndEntityCert, KeyUsage};

/// Explains why a server's certificate is not accepted, if that is what an error or one of its causes is about.
///
/// The explanation continues a sentence that begins with "the certificate", and says what to do.
///
/// ```
/// use rustls::{CertificateError, Error};
/// let problem = isems_tls::certificate_problem(&Error::InvalidCertificate(CertificateError::Expired));
/// assert_eq!(problem.unwrap(), "has expired: renew it, or correct this machine's clock");
/// ```
pub fn certificate_problem(error: &(dyn error::Error + 'static)) -> Option<String> {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForNameContext, NotValidYet, NotValidYetContext, Other,
        UnknownIssuer,
    };
    let Error::InvalidCertificate(problem) = rustls_error(error)? else { return None };
    let explanation = match problem {
        UnknownIssuer | BadSignature => "is not signed by a trusted authority: set ca_file to the one that signed it",
        Expired | ExpiredContext { .. } => "has expired: renew it, or correct this machine's clock",
        NotValidYet | NotValidYetContext { .. } => "is not valid yet: correct this machine's clock",
        NotValidForNameContext { expected, presented } => {
            let name = expected.to_str();
            return Some(if presented.is_empty() {
                format!("names no server: issue one with the subjectAltName {name}")
            } else {
                let names = presented.iter().map(|name| bare_name(name)).collect::<Vec<_>>().join(", ");
                format!("is for {names} and not for {name}: use a name that it is for, or issue one for {name}")
            });
        }
        Other(cause) => match cause.0.downcast_ref() {
            Some(webpki::Error::UnsupportedCertVersion) => {
                "is of X.509 version 1, which names no server: issue one of version 3, with the server's name or \
                 address as subjectAltName"
            }
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "is that of an authority: issue one for the server, and let the authority sign it"
            }
            _ => return Some(format!("is not accepted: {}", cause.0)),
        },
        problem => return Some(format!("is not accepted: {problem}")),
    };
    Some(explanation.into())
}

/// Explains why a certificate is not valid at a time, if that is so. Nothing but the time is judged.
///
/// The explanation continues a sentence that begins with "the certificate".
pub fn validity_problem(certificate: &CertificateDer<'_>, at: UnixTime) -> Option<String> {
    let end_entity = match EndEntityCert::try_from(certificate) {
        Ok(end_entity) => end_entity,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    let usage = KeyUsage::server_auth();
    // The time is looked at first. Without an authority to trust, every valid certificate then fails in another way.
    match end_entity.verify_for_usage(&[], &[], &[], at, usage, None, None).err()? {
        webpki::Error::CertExpired { .. } => Some("has expired".into()),
        webpki::Error::CertNotValidYet { .. } => Some("is not valid yet".into()),
        _ => None,
    }
}

/// Returns the name in a text such as `DnsName("mesh.example")` or `IpAddress(10.36.0.1)`.
fn bare_name(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, name)| name.trim_matches(['"', ')']))
}

/// Finds the TLS error among an error and its causes. An I/O error does not count what it wraps among its causes.
fn rustls_error<'a>(error: &'a (dyn error::Error + 'static)) -> Option<&'a Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let cause = match wrapped {
        Some(wrapped) => wrapped as &(dyn error::Error + 'static),
        None => error.source()?,
    };
    rustls_error(cause)
}
