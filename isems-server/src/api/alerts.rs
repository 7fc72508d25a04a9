//! Alerts: what people are told, and what they wish not to be told.

use isems_alerts::{Alerts, AlertsState, Episode, Mute, PastMessage, Trial};
use isems_core::unix_now;
use isems_insight::FindingSeverity;
use poem::{Request, http::StatusCode};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::{Deserialize, Serialize};

use super::{
    Tag,
    access::Authorized,
    named::Named,
    problem::{FAILED, FORBIDDEN, INVALID, OfReading, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// The approximate size of a message in JSON.
const MESSAGE_BYTES: usize = 600;

/// Everything that people were told, are being told, and wish not to be told.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct AlertsReport {
    /// The channels; empty if none is configured.
    pub(crate) channels: Vec<ChannelState>,
    /// The problems that are not over, in the order in which they began, told or not.
    pub(crate) problems: Vec<AlertProblem>,
    /// The mutes that have not ended.
    pub(crate) mutes: Vec<MuteSchema>,
    /// The messages that were delivered or given up, newest first, 200 at most.
    pub(crate) messages: Vec<AlertMessage>,
}

/// The state of a channel.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct ChannelState {
    /// The name.
    pub(crate) channel: String,
    /// The title of the message that is on its way; null if none is.
    #[oai(nullable)]
    pub(crate) pending: Option<String>,
    /// The time at which that message was written; null if none is on its way.
    #[oai(nullable)]
    pub(crate) pending_since: Option<UtcTime>,
    /// The number of attempts to deliver it that failed.
    pub(crate) attempts: u32,
    /// The problem of the last attempt; null if there is none.
    #[oai(nullable)]
    pub(crate) problem: Option<String>,
}

/// A problem that people are told of once it has lasted for a while.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct AlertProblem {
    /// The node; null if it is a trouble of the collector.
    #[oai(nullable)]
    pub(crate) node_id: Option<String>,
    /// The code of the finding, or of the collector's trouble.
    pub(crate) code: String,
    /// The severity.
    pub(crate) severity: Named<FindingSeverity>,
    /// Since when it has been so.
    pub(crate) since: UtcTime,
    /// The channels that were told.
    pub(crate) told: Vec<String>,
    /// Set if a mute covers it.
    pub(crate) muted: bool,
}

/// A mute: nobody is told of a node, or of a finding about it, for a time.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Mute", rename_all = "camelCase", example)]
pub(crate) struct MuteSchema {
    /// The number by which it can be ended.
    pub(crate) id: u64,
    /// The node, with `*` for any characters and `?` for one. `*` alone covers the collector's own troubles, too.
    pub(crate) node: String,
    /// The code of the finding, with `*` and `?`; null if all are muted.
    #[oai(nullable)]
    pub(crate) finding: Option<String>,
    /// The time at which it began.
    pub(crate) since: UtcTime,
    /// The time at which it ends.
    pub(crate) until: UtcTime,
    /// The reason that somebody gave; null if nobody did.
    #[oai(nullable)]
    pub(crate) reason: Option<String>,
}

/// A message that was delivered or given up.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct AlertMessage {
    /// The channel.
    pub(crate) channel: String,
    /// The id, which is also the idempotency key.
    pub(crate) id: String,
    /// The time at which it was written.
    pub(crate) at: UtcTime,
    /// The time at which it was delivered or given up.
    pub(crate) done_at: UtcTime,
    /// Set if it was delivered.
    pub(crate) delivered: bool,
    /// The answer of the other side, or the problem why it did not arrive.
    pub(crate) answer: String,
    /// The whole in a few words.
    pub(crate) title: String,
    /// The text.
    pub(crate) text: String,
}

/// The outcome of a trial.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct Trials {
    /// The channels, in the order of the settings.
    pub(crate) channels: Vec<TrialSchema>,
}

/// The outcome of a trial of a channel.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename = "Trial")]
pub(crate) struct TrialSchema {
    /// The channel.
    pub(crate) channel: String,
    /// Set if the message was delivered.
    pub(crate) delivered: bool,
    /// The answer of the other side, or the problem.
    pub(crate) answer: String,
}

impl AlertsReport {
    /// Describes the state of alerts, with the names of the channels.
    pub(crate) fn new(channels: &[String], state: AlertsState) -> Self {
        let AlertsState { open, mutes, letters, history } = state;
        let now = unix_now();
        let channel = |name: &String| {
            let letter = letters.iter().find(|letter| letter.channel == *name);
            ChannelState {
                channel: name.clone(),
                pending: letter.map(|letter| letter.message.title.clone()),
                pending_since: letter.map(|letter| UtcTime(letter.message.at)),
                attempts: letter.map_or(0, |letter| letter.attempts),
                problem: letter.and_then(|letter| letter.problem.clone()),
            }
        };
        let problem = |episode: Episode| AlertProblem {
            node_id: episode.problem.subject.node().map(|node| node.as_str().to_owned()),
            code: episode.problem.code.name().into(),
            severity: Named(episode.problem.severity),
            since: UtcTime(episode.problem.since),
            told: channels.iter().filter(|channel| episode.is_told(channel)).cloned().collect(),
            muted: mutes.iter().any(|mute| mute.covers(&episode.problem.subject, episode.problem.code, now)),
        };
        Self {
            channels: channels.iter().map(channel).collect(),
            problems: open.into_iter().map(problem).collect(),
            messages: history.into_iter().rev().map(Into::into).collect(),
            mutes: mutes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Mute> for MuteSchema {
    fn from(Mute { id, node, finding, since, until, reason }: Mute) -> Self {
        Self { id, node, finding, since: UtcTime(since), until: UtcTime(until), reason }
    }
}

impl From<PastMessage> for AlertMessage {
    fn from(message: PastMessage) -> Self {
        let PastMessage { channel, id, kind: _, at, done_at, title, text, answer } = message;
        let (delivered, answer) = match answer {
            Ok(answer) => (true, answer),
            Err(problem) => (false, problem),
        };
        Self { channel, id, at: UtcTime(at), done_at: UtcTime(done_at), delivered, answer, title, text }
    }
}

impl From<Trial> for TrialSchema {
    fn from(Trial { channel, answer }: Trial) -> Self {
        let delivered = answer.is_ok();
        Self { channel, delivered, answer: answer.unwrap_or_else(|problem| problem) }
    }
}

impl Example for AlertsReport {
    fn example() -> Self {
        let title = "Hafen: silent".to_owned();
        Self {
            channels: vec![ChannelState {
                channel: "ntfy-ntfy.sh".into(),
                pending: None,
                pending_since: None,
                attempts: 0,
                problem: None,
            }],
            problems: vec![AlertProblem {
                node_id: Some("Hafen".into()),
                code: "silent".into(),
                severity: Named(FindingSeverity::Urgent),
                since: UtcTime(1_530_364_575),
                told: vec!["ntfy-ntfy.sh".into()],
                muted: false,
            }],
            mutes: vec![MuteSchema::example()],
            messages: vec![AlertMessage {
                channel: "ntfy-ntfy.sh".into(),
                id: "5f1d7a84c0ff-16".into(),
                at: UtcTime(1_530_375_375),
                done_at: UtcTime(1_530_375_376),
                delivered: true,
                answer: "200 OK".into(),
                text: "Hafen silent since 13:16, cause unknown. Look at the cause, and go there if it is not expected back \
                       soon."
                    .into(),
                title,
            }],
        }
    }
}

impl Example for MuteSchema {
    fn example() -> Self {
        Self {
            id: 3,
            node: "Rathaus*".into(),
            finding: None,
            since: UtcTime(1_530_364_575),
            until: UtcTime(1_530_969_375),
            reason: Some("new battery on Saturday".into()),
        }
    }
}

impl Example for Trials {
    fn example() -> Self {
        Self {
            channels: vec![TrialSchema { channel: "ntfy-ntfy.sh".into(), delivered: true, answer: "200 OK".into() }],
        }
    }
}

/// The answer with everything.
#[derive(ApiResponse)]
enum AlertsResponse {
    /// Everything about alerts.
    #[oai(status = 200)]
    Found(Rendered<AlertsReport>),
}

/// The answer of a trial.
#[derive(ApiResponse)]
enum TrialsResponse {
    /// Every channel was tried. Those that failed are part of the result.
    #[oai(status = 200)]
    Done(Rendered<Trials>),
}

/// The answer with a mute.
#[derive(ApiResponse)]
enum MuteResponse {
    /// The mute.
    #[oai(status = 200)]
    Done(Rendered<MuteSchema>),
}

/// The problems of operations on alerts.
enum OfAlerts {}

const NO_CHANNEL: (u16, &str) = (409, "No channel is configured.");

impl Problems for OfAlerts {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, NO_CHANNEL, FAILED];
}

/// The problems of ending a mute.
enum OfUnmuting {}

impl Problems for OfUnmuting {
    const STATUSES: &'static [(u16, &'static str)] =
        &[INVALID, UNAUTHORIZED, FORBIDDEN, (404, "There is no such mute."), NO_CHANNEL, FAILED];
}

/// The operations on alerts.
pub(crate) struct AlertsApi {
    pub(crate) alerts: Option<Alerts>,
}

#[OpenApi(tag = "Tag::Alerts")]
impl AlertsApi {
    /// Get what people are told
    ///
    /// The channels, the problems that are not over, the mutes, and the messages of late. Without a channel all of them
    /// are empty.
    #[oai(path = "/api/v1/alerts", method = "get", operation_id = "alerts")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn alerts(&self, request: &Request) -> Result<AlertsResponse, Refused<OfReading>> {
        query::only(request, &[])?;
        let report = report(self.alerts.as_ref());
        let capacity = 256 + (report.messages.len() + report.problems.len()) * MESSAGE_BYTES;
        Ok(AlertsResponse::Found(Rendered::new(&report, capacity)))
    }

    /// Send a test message
    ///
    /// Sends one through every channel, and says what each of them answered. Requires a token.
    #[oai(path = "/api/v1/alerts/test", method = "post", operation_id = "testAlerts")]
    async fn test(&self, _authorized: Authorized, request: &Request) -> Result<TrialsResponse, Refused<OfAlerts>> {
        query::only(request, &[])?;
        let trials = self.configured()?.test().await;
        let trials = Trials { channels: trials.into_iter().map(Into::into).collect() };
        Ok(TrialsResponse::Done(Rendered::new(&trials, 256)))
    }

    /// Mute a node
    ///
    /// Nobody is told of a node, or of a finding about it, for a time. Whatever still lasts then is told then. Requires
    /// a token.
    #[oai(path = "/api/v1/alerts/mutes", method = "post", operation_id = "mute")]
    async fn mute(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, with `*` for any characters and `?` for one.
        #[oai(example = "query::example_node")]
        Query(node): Query<String>,
        /// The code of the finding, with `*` and `?`. All by default.
        Query(finding): Query<Option<String>>,
        /// For how long: `90m`, `12h`, `7d` or `2w`.
        #[oai(name = "for", example = "example_time")]
        Query(time): Query<String>,
        /// The reason, for others who wonder.
        Query(reason): Query<Option<String>>,
    ) -> Result<MuteResponse, Refused<OfAlerts>> {
        query::only(request, &["node", "finding", "for", "reason"])?;
        let alerts = self.configured()?;
        let mute =
            Mute::new(&node, finding, &time, reason, unix_now()).map_err(|error| query::invalid(error.to_string()))?;
        let mute = MuteSchema::from(alerts.mute(mute).await?);
        Ok(MuteResponse::Done(Rendered::new(&mute, 256)))
    }

    /// End a mute
    ///
    /// Whatever still lasts is told soon. Requires a token.
    #[oai(path = "/api/v1/alerts/mutes/:id", method = "delete", operation_id = "unmute")]
    async fn unmute(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The mute's number.
        #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        Path(id): Path<u64>,
    ) -> Result<MuteResponse, Refused<OfUnmuting>> {
        query::only(request, &[])?;
        let mute = self.configured()?.unmute(id).await?;
        let mute = mute.ok_or_else(|| {
            let detail = format!("there is no mute {id}; /api/v1/alerts lists the existing ones");
            Refusal::new(StatusCode::NOT_FOUND, detail)
        })?;
        Ok(MuteResponse::Done(Rendered::new(&MuteSchema::from(mute), 256)))
    }
}

impl AlertsApi {
    fn configured(&self) -> Result<&Alerts, Refusal> {
        let no_channel = || Refusal::new(StatusCode::CONFLICT, "no channel is configured; set ISEMS_NOTIFY");
        self.alerts.as_ref().ok_or_else(no_channel)
    }
}

/// Returns everything about alerts. Without a channel it is empty.
pub(crate) fn report(alerts: Option<&Alerts>) -> AlertsReport {
    match alerts {
        Some(alerts) => {
            let channels: Vec<String> = alerts.channels().iter().map(|channel| channel.name.clone()).collect();
            AlertsReport::new(&channels, alerts.state())
        }
        None => AlertsReport { channels: Vec::new(), problems: Vec::new(), mutes: Vec::new(), messages: Vec::new() },
    }
}

fn example_time() -> String {
    "7d".into()
}
