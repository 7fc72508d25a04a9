//! The address of the HTTP service: that it can be used, and who can reach what there.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;

use super::verdict::Report;
use crate::{api::Access, settings::ServerSettings, tls::Certificate};

/// A certificate that ends within this time is a warning.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Looks at the address. `is_served` is set if a server runs over the database of these settings.
pub(super) async fn look(server: &ServerSettings, access: &Access, is_served: bool, report: &mut Report) {
    let address = server.listen;
    match TcpListener::bind(address).await {
        Ok(_) => report.ok("address", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_served => {
            report.ok("address", format!("{address} is in use, as a server is running"));
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let text = format!("another program listens on {address}");
            report.problem("address", text, "end it, or choose another address with ISEMS_LISTEN");
        }
        Err(error) => {
            let advice = "choose another address with ISEMS_LISTEN; ports below 1024 need rights of their own";
            report.problem("address", format!("cannot listen on {address}: {error}"), advice);
        }
    }
    let is_encrypted = look_at_certificate(server, report);
    look_at_access(address, access, is_encrypted, report);
}

fn look_at_certificate(server: &ServerSettings, report: &mut Report) -> bool {
    let files = match server.tls_files() {
        Ok(None) => return false,
        Ok(Some(files)) => files,
        Err(error) => {
            report.problem("certificate", error.to_string(), "set both");
            return false;
        }
    };
    let path = files.0.display();
    let certificate = match Certificate::open(files.0, files.1) {
        Ok(certificate) => certificate,
        Err(error) => {
            report.problem("certificate", isems_core::chain(&error), "see ISEMS_TLS_CERTIFICATE and ISEMS_TLS_KEY");
            return false;
        }
    };
    match (certificate.problem_in(Duration::ZERO), certificate.problem_in(SOON)) {
        (Some(problem), _) => {
            report.problem("certificate", format!("the certificate {path} {problem}"), "browsers refuse it; renew it");
        }
        (None, Some(_)) => {
            report.warning("certificate", format!("the certificate {path} ends within 14 days"), "renew it");
        }
        (None, None) => report.ok("certificate", format!("the certificate {path} is valid for more than 14 days")),
    }
    true
}

fn look_at_access(address: SocketAddr, access: &Access, is_encrypted: bool, report: &mut Report) {
    if address.ip().to_canonical().is_loopback() {
        let text = format!("only this machine reaches {address}");
        report.ok("access", text + ", unless a proxy passes requests on");
        return;
    }
    let reading = if access.protect_reading { "only with a token" } else { "by everybody who reaches it" };
    if access.tokens.is_empty() {
        let text = format!("{address} can be read by everybody who reaches it, and administered by nobody");
        report.warning("access", text, "ISEMS_API_TOKENS and ISEMS_PROTECT_READING change that");
    } else if is_encrypted {
        report.ok("access", format!("{address} can be read {reading}, and changed only with a token"));
    } else {
        let text = format!("{address} can be read {reading}; tokens are sent there unencrypted");
        report.warning("access", text, "ISEMS_TLS_CERTIFICATE and ISEMS_TLS_KEY change that");
    }
}
