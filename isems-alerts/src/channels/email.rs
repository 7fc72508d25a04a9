//! E-mail through an SMTP server.

use std::{
    fs,
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use isems_core::{BoxError, chain};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::address::Login;
use crate::{ChannelConfig, Message, Notifier, NotifyError};

/// The time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The ports for messages from programs: with STARTTLS, with TLS from the start, and without TLS.
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;
const SMTP: u16 = 25;

/// The parties of a mail, and the protection of its way.
pub(super) struct Envelope {
    from: Mailbox,
    to: Vec<Mailbox>,
    security: Security,
}

/// The protection of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Tls,
    /// TLS that begins after the greeting. A server that does not offer it gets nothing.
    StartTls,
    /// As [`Security::StartTls`], but not on the way to this machine itself, unless its authority is given.
    StartTlsUnlessLoopback,
    None,
}

impl Envelope {
    pub(super) fn parse(url: &Url) -> Result<Self, &'static str> {
        const MAILBOX: &str = "what it has as from or to is no mail address";
        if !matches!(url.path(), "" | "/") {
            return Err("only ?from= and &to= follow the host of a mail server");
        }
        let is_tls = url.scheme() == "smtps";
        let mut security = if is_tls { Security::Tls } else { Security::StartTlsUnlessLoopback };
        let (mut from, mut to) = (None, Vec::new());
        for parameter in url.query().unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // A plus stays one: it is common in mail addresses.
            let value = percent_decode_str(value).decode_utf8().map_err(|_| MAILBOX)?;
            match (name, &*value) {
                ("from", value) if from.is_none() => from = Some(value.parse().map_err(|_| MAILBOX)?),
                ("to", value) => {
                    for address in value.split(',') {
                        to.push(address.trim().parse().map_err(|_| MAILBOX)?);
                    }
                }
                ("tls", "starttls") if !is_tls => security = Security::StartTls,
                ("tls", "none") if !is_tls => security = Security::None,
                _ => {
                    return Err(
                        "after its ? can be one from=, any number of to=, and for smtp: tls=starttls or tls=none",
                    );
                }
            }
        }
        match from {
            Some(from) if !to.is_empty() => Ok(Self { from, to, security }),
            _ => Err("from= or to= is missing"),
        }
    }

    /// Returns whether nothing is encrypted in any case.
    pub(super) fn is_plain(&self) -> bool {
        self.security == Security::None
    }
}

/// Sends mails, each over a connection of its own.
pub(super) struct Email {
    envelope: Envelope,
    /// The host, as it is shown.
    place: String,
    host: String,
    port: u16,
    login: Option<Login>,
    authorities: Option<Vec<u8>>,
}

impl Email {
    pub(super) fn new(config: &ChannelConfig) -> Result<Self, BoxError> {
        let url = config.to.url();
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut envelope = Envelope::parse(url)?;
        if envelope.security == Security::StartTlsUnlessLoopback {
            let is_plain = config.ca_file.is_none() && is_loopback(&host);
            envelope.security = if is_plain { Security::None } else { Security::StartTls };
        }
        let port = url.port().unwrap_or(match envelope.security {
            Security::Tls => SUBMISSIONS,
            Security::StartTls | Security::StartTlsUnlessLoopback => SUBMISSION,
            Security::None => SMTP,
        });
        // Makes sure that the file can be used.
        isems_tls::client_config(config.ca_file.as_deref(), None)?;
        let authorities = config.ca_file.as_ref().map(fs::read).transpose()?;
        let login = config.to.login()?;
        if login.as_ref().is_some_and(|login| login.password.is_none()) {
            return Err("its user has no password: write smtp://USER:PASSWORD@HOST".into());
        }
        Ok(Self { envelope, place: config.to.place(), host, port, login, authorities })
    }

    /// Makes the transport. The system's authorities are read now, because they may have been renewed.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
        let parameters = || {
            let builder = TlsParameters::builder(self.host.clone());
            match &self.authorities {
                Some(pem) => builder
                    .certificate_store(CertificateStore::None)
                    .add_root_certificate(Certificate::from_pem(pem)?)
                    .build(),
                None => builder.build(),
            }
        };
        let tls = match self.envelope.security {
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::StartTls | Security::StartTlsUnlessLoopback => Tls::Required(parameters()?),
            Security::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host).port(self.port).tls(tls);
        let builder = builder.timeout(Some(CONNECT_TIMEOUT));
        Ok(match &self.login {
            Some(Login { user, password }) => {
                builder.credentials(Credentials::new(user.clone(), password.clone().unwrap_or_default())).build()
            }
            None => builder.build(),
        })
    }

    fn mail(&self, message: &Message) -> Result<Mail, lettre::error::Error> {
        let Envelope { from, to, .. } = &self.envelope;
        let at = UNIX_EPOCH + Duration::from_secs(message.at.try_into().unwrap_or_default());
        let mut mail = Mail::builder()
            .from(from.clone())
            .subject(message.title.clone())
            .date(at)
            .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
            // So that nobody's absence is answered.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
        for mailbox in to {
            mail = mail.to(mailbox.clone());
        }
        let link = message.link.as_ref().map_or_else(String::new, |link| format!("\n\n{link}"));
        mail.singlepart(SinglePart::plain(format!("{}{link}", message.text)))
    }

    fn explain(&self, error: &smtp::Error) -> NotifyError {
        let place = &self.place;
        if let Some(problem) = isems_tls::certificate_problem(error) {
            return NotifyError::new(format!("the certificate of {place} {problem}"));
        }
        let mut problem = format!("{place} takes no mail: {}", chain(error));
        let code = error.status().map(|code| code.to_string());
        if matches!(code.as_deref(), Some("530" | "534" | "535")) {
            problem.push_str("; check user and password");
        }
        if let Some(secret) = self.login.as_ref().and_then(|login| login.password.as_ref()) {
            problem = problem.replace(secret.as_str(), "***");
        }
        NotifyError::new(problem)
    }
}

#[async_trait]
impl Notifier for Email {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let mail = self.mail(message).map_err(|error| NotifyError::new(format!("no mail can be made: {error}")))?;
        let sent = match self.transport() {
            Ok(transport) => transport.send(mail).await,
            Err(error) => Err(error),
        };
        let answer = sent.map_err(|error| self.explain(&error))?;
        Ok(format!("{} answered {} {}", self.place, answer.code(), answer.first_line().unwrap_or_default()))
    }
}

/// Returns whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
