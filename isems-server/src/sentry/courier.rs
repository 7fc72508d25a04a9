//! Sending reports over HTTP.

use std::time::{Duration, Instant};

use isems_core::{BoxError, chain};
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use sentry_core::{Envelope, types::Dsn};
use tracing::{info, warn};

const USER_AGENT: &str = concat!("isems-server/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for a whole report.
const TIMEOUT: Duration = Duration::from_secs(10);

const HOUR: Duration = Duration::from_hours(1);

/// The maximum number of reports sent per hour. Strangers can cause errors, for example by requests while the disk
/// fails.
const REPORTS_PER_HOUR: u32 = 100;

/// The time for which no reports are sent to a server that says it has too many, but not until when.
const DEFAULT_PAUSE: Duration = Duration::from_mins(1);

/// Sends reports to one server, at a limited rate.
pub(super) struct Courier {
    http: reqwest::Client,
    url: Url,
    /// The start of the current hour.
    hour: Instant,
    sent_in_hour: u32,
    /// The time until which the server wants no reports.
    pause: Option<Instant>,
    /// Set if the last report did not arrive.
    is_failing: bool,
}

impl Courier {
    pub(super) fn new(dsn: &Dsn) -> Result<Self, BoxError> {
        let mut key = HeaderValue::try_from(dsn.to_auth(Some(USER_AGENT)).to_string())?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("x-sentry-auth"), key),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-sentry-envelope")),
        ]);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(isems_tls::client_config(None, None)?)
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()?;
        let url = dsn.envelope_api_url();
        Ok(Self { http, url, hour: Instant::now(), sent_in_hour: 0, pause: None, is_failing: false })
    }

    /// Sends a report, or drops it if it must not be sent or does not arrive. The beginning and end of such a period
    /// are logged.
    pub(super) async fn deliver(&mut self, report: &Envelope) {
        if !self.may_send() {
            return;
        }
        match self.send(report).await {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                info!("errors are reported to Sentry again");
            }
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                warn!(host = self.url.host_str(), error = chain(&*error), "errors cannot be reported to Sentry");
            }
            _ => {}
        }
    }

    fn may_send(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.hour) >= HOUR {
            (self.hour, self.sent_in_hour) = (now, 0);
        }
        let may_send = self.sent_in_hour < REPORTS_PER_HOUR && self.pause.is_none_or(|end| end <= now);
        self.sent_in_hour += u32::from(may_send);
        may_send
    }

    async fn send(&mut self, report: &Envelope) -> Result<(), BoxError> {
        let mut body = Vec::new();
        report.to_writer(&mut body)?;
        let answer = self.http.post(self.url.clone()).body(body).send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.pause = Some(Instant::now() + pause(&answer));
        }
        if status.is_success() { Ok(()) } else { Err(format!("the server answered {status}").into()) }
    }
}

/// Returns the time for which a server wants no more reports, at most an hour.
fn pause(answer: &Response) -> Duration {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(DEFAULT_PAUSE, Duration::from_secs).min(HOUR)
}
