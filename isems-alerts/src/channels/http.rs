//! HTTP requests to the servers behind channels.

use std::{path::Path, time::Duration};

use isems_core::{BoxError, chain};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    Client, IntoUrl, Method, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};
use tokio::time;

use crate::NotifyError;

const USER_AGENT: &str = concat!("isems/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for the explanation that comes with a refusal.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum length of the explanation that is shown, in characters.
const EXPLANATION_CHARS: usize = 200;

/// A client for one server.
#[derive(Debug)]
pub(super) struct HttpClient {
    http: Client,
    /// The host, as it is shown.
    host: String,
    /// Texts that a server might repeat, and that are not shown.
    secrets: Vec<String>,
}

impl HttpClient {
    /// Creates a client that trusts the authorities in a PEM file, or else those of the system.
    pub(super) fn new(ca_file: Option<&Path>, host: String, secrets: Vec<String>) -> Result<Self, BoxError> {
        let http = Client::builder()
            .tls_backend_preconfigured(isems_tls::client_config(ca_file, None)?)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            // Another host must not learn the secrets, and a request that is redirected may lose its body.
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()?;
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Ok(Self { http, host, secrets })
    }

    /// Begins a request.
    pub(super) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request, and returns what the server answered.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<String, NotifyError> {
        let answer = request.send().await.map_err(|error| NotifyError::new(self.explain(error)))?;
        let (host, status) = (&self.host, answer.status());
        if status.is_success() {
            return Ok(format!("{host} answered {status}"));
        }
        let retry_after = retry_after(answer.headers());
        let mut problem = format!("{host} answered {status}: {}", advice(status));
        if let Ok(Some(words)) = time::timeout(EXPLANATION_TIMEOUT, first_line(answer)).await {
            problem = format!("{problem} (it says: {})", self.without_secrets(&words));
        }
        Err(NotifyError { problem, retry_after })
    }

    /// Explains why there is no answer.
    fn explain(&self, error: reqwest::Error) -> String {
        let (host, error) = (&self.host, error.without_url());
        if let Some(problem) = isems_tls::certificate_problem(&error) {
            return format!("the certificate of {host} {problem}");
        }
        let problem = if error.is_connect() { "cannot be reached" } else { "does not answer" };
        format!("{host} {problem}: {}", self.without_secrets(&chain(&error)))
    }

    fn without_secrets(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// Returns what to do about a refusal.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "check user, password or token",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => "check the address",
        StatusCode::PAYLOAD_TOO_LARGE => "the message is too large for it",
        StatusCode::TOO_MANY_REQUESTS => "it wants fewer messages",
        _ if status.is_redirection() => "it is somewhere else now, which is not followed: correct the address",
        _ if status.is_server_error() => "it has a problem of its own",
        _ => "it does not accept the message",
    }
}

/// Returns the pause that a server asks for: a number of seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.duration_since(Timestamp::now()).try_into().unwrap_or_default())
}

/// Returns the beginning of the first line of an answer, if it contains any text.
async fn first_line(mut answer: Response) -> Option<String> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 4 * EXPLANATION_CHARS {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(EXPLANATION_CHARS).collect())
}
