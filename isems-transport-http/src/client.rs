//! The HTTP client, shared by all targets.

use std::time::Duration;

use isems_core::unix_now;
use reqwest::{
    RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, HeaderName, LOCATION},
    redirect,
};
use tokio::time::{self, Instant};

use crate::{
    ConfigError, HttpConfig, PollError, Target,
    body::{Body, BodyLimits},
    error::root_cause,
};

const MAX_REDIRECTS: usize = 5;

/// Nodes are polled rarely: a connection is worth keeping for the archive that follows a log, but no longer.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends requests and reads answers, both within limits.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    connect_timeout: Duration,
    limits: BodyLimits,
}

impl Client {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, ConfigError> {
        let tls = isems_tls::client_config(config.ca_file.as_deref(), None)
            .map_err(|error| ConfigError::Client { cause: error.to_string() })?;
        // Nodes' web servers are home-made, so answers that can be understood despite a mistake are accepted.
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("isems/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .redirect(redirect::Policy::custom(follow_within_host))
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .http1_only()
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .build()
            .map_err(|error| ConfigError::Client { cause: root_cause(&error) })?;
        let limits = BodyLimits { time: config.total_timeout, bytes: config.max_body_bytes };
        Ok(Self { http, connect_timeout: config.connect_timeout, limits })
    }

    /// Returns the maximum size of a body.
    pub(crate) fn max_body_bytes(&self) -> usize {
        self.limits.bytes
    }

    /// Makes a request for a file that may come encoded.
    pub(crate) fn get(&self, target: &Target, url: Url, encoding: Encoding) -> RequestBuilder {
        let accepted = match encoding {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
        };
        self.http.get(url).headers(target.headers().clone()).header(ACCEPT_ENCODING, accepted)
    }

    /// Sends a request and waits for the head of the answer, whatever its status.
    pub(crate) async fn send(&self, target: &Target, request: RequestBuilder) -> Result<Answer, PollError> {
        let started = Instant::now();
        let limits = BodyLimits { time: target.timeout().unwrap_or(self.limits.time), ..self.limits };
        let sent = time::timeout(limits.time, request.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.failure(&error)),
            Err(_) => return Err(PollError::AnswerTimeout { limit: limits.time }),
        };
        Ok(Answer { response, started, limits, received_at: unix_now() })
    }

    fn failure(&self, error: &reqwest::Error) -> PollError {
        let certificate =
            isems_tls::certificate_problem(error).map(|problem| format!("the node's certificate {problem}"));
        let cause = certificate.unwrap_or_else(|| root_cause(error));
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => PollError::ConnectTimeout { limit: self.connect_timeout },
            (true, false) => PollError::Connect { cause },
            _ => PollError::NoAnswer { cause },
        }
    }
}

/// Stops at a redirection that must not be followed, so that the answer itself tells where it points.
fn follow_within_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let within_host = attempt.previous().first().is_some_and(|first| first.host() == attempt.url().host());
    if within_host && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// The head of an answer, whose body is still to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response,
    started: Instant,
    limits: BodyLimits,
    /// The time of arrival, Unix seconds.
    pub(crate) received_at: i64,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Returns the error for a status that comes with no log.
    pub(crate) fn refusal(&self) -> PollError {
        let status = self.status();
        let location = self.header(LOCATION).filter(|_| status.is_redirection());
        let location = location.and_then(|location| self.response.url().join(location).ok());
        match location {
            Some(url) if url.host() == self.response.url().host() => {
                PollError::TooManyRedirects { limit: MAX_REDIRECTS }
            }
            Some(url) => PollError::RedirectedElsewhere { host: url.host_str().unwrap_or_default().into() },
            None => PollError::Status { code: status.as_u16(), reason: status.canonical_reason().unwrap_or_default() },
        }
    }

    /// Returns the value of a header if it is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
    }

    pub(crate) fn encoding(&self) -> Result<Encoding, PollError> {
        match self.header(CONTENT_ENCODING).map(str::to_ascii_lowercase).as_deref() {
            None | Some("identity") => Ok(Encoding::Identity),
            Some("gzip" | "x-gzip") => Ok(Encoding::Gzip),
            Some(other) => Err(PollError::Encoding { encoding: other.into() }),
        }
    }

    /// Returns whether the server says that it supports byte ranges.
    pub(crate) fn accepts_ranges(&self) -> bool {
        self.header(ACCEPT_RANGES).is_some_and(|units| units.eq_ignore_ascii_case("bytes"))
    }

    pub(crate) fn range(&self) -> Option<ContentRange> {
        ContentRange::parse(self.header(CONTENT_RANGE)?)
    }

    /// Reads the body as it comes over the wire.
    pub(crate) async fn body(self) -> Body {
        Body::read(self.response, self.started, self.limits).await
    }
}

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

/// The part of a log that a body contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The position of its first byte.
    pub(crate) start: usize,
    /// Set if it contains the last byte of the log, as far as the server tells.
    pub(crate) to_the_end: bool,
}

impl ContentRange {
    /// Parses the value of a header: `bytes FIRST-LAST/LENGTH`, where the length can be `*`.
    fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.split_once(' ')?;
        let (span, length) = range.trim().split_once('/')?;
        let (first, last) = span.split_once('-')?;
        let start = first.parse().ok()?;
        let last: usize = last.parse().ok()?;
        let to_the_end = length.parse().map_or(length == "*", |length: usize| last.checked_add(1) == Some(length));
        unit.eq_ignore_ascii_case("bytes").then_some(Self { start, to_the_end })
    }
}
