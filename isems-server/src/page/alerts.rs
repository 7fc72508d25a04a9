//! The page about alerts.

use isems_alerts::{Alerts, Code, Mute, Subject, Trial, title_of};
use isems_core::unix_now;
use isems_dashboard::{AlertChannel, AlertMessage, AlertMute, AlertProblem, AlertTrial, AlertsPage};
use poem::{FromRequest, Request, Response, Result, http::StatusCode, web::Form};
use serde::Deserialize;

use super::{Pages, answer, origin, parameters, sign_in::see_other, viewer};
use crate::api::{Access, Refusal};

/// The number of messages that are shown.
const MESSAGES: usize = 50;

/// The form that mutes.
#[derive(Debug, Deserialize)]
struct MuteForm {
    node: String,
    finding: Option<String>,
    #[serde(rename = "for")]
    time: String,
    reason: Option<String>,
}

/// The mute that a form ends.
#[derive(Debug, Deserialize)]
struct UnmuteForm {
    id: u64,
}

impl Pages {
    /// Answers with the page about alerts.
    pub(super) fn alerts(&self, request: &Request) -> Response {
        self.alerts_after(request, None)
    }

    /// Answers with the page about alerts, after a trial.
    fn alerts_after(&self, request: &Request, trials: Option<Vec<Trial>>) -> Response {
        let now = unix_now();
        let viewer = viewer::of(request, &self.time_zone, now);
        let node = parameters(request).into_iter().find(|(name, _)| name == "node").map(|(_, node)| node);
        let trials: Option<Vec<AlertTrial>> = trials.map(|trials| trials.into_iter().map(trial).collect());
        let mut page = AlertsPage {
            viewer: &viewer,
            channels: &[],
            problems: &[],
            mutes: &[],
            messages: &[],
            trials: trials.as_deref(),
            node: node.as_deref().unwrap_or_default(),
        };
        let Some(alerts) = &self.alerts else { return answer::page(request, page.page()) };
        let names: Vec<&str> = alerts.channels().iter().map(|channel| channel.name.as_str()).collect();
        let state = alerts.state();
        let channels: Vec<AlertChannel> = names
            .iter()
            .map(|name| {
                let letter = state.letters.iter().find(|letter| letter.channel == *name);
                AlertChannel {
                    name: (*name).to_owned(),
                    pending: letter.map(|letter| letter.message.title.clone()),
                    problem: letter.and_then(|letter| letter.problem.clone()),
                }
            })
            .collect();
        let problems: Vec<AlertProblem> = state
            .open
            .iter()
            .map(|episode| AlertProblem {
                node: episode.problem.subject.node().cloned(),
                title: title_of(episode.problem.code, viewer.language),
                severity: episode.problem.severity,
                since: episode.problem.since,
                told: names.iter().filter(|name| episode.is_told(name)).map(|name| (*name).to_owned()).collect(),
                is_muted: is_muted(&state.mutes, &episode.problem.subject, episode.problem.code, now),
            })
            .collect();
        let mutes: Vec<AlertMute> = state
            .mutes
            .iter()
            .map(|Mute { id, node, finding, until, reason, .. }| AlertMute {
                id: *id,
                node: node.clone(),
                finding: finding.clone(),
                until: *until,
                reason: reason.clone(),
            })
            .collect();
        let messages: Vec<AlertMessage> = state
            .history
            .into_iter()
            .rev()
            .take(MESSAGES)
            .map(|past| AlertMessage {
                channel: past.channel,
                at: past.at,
                title: past.title,
                text: past.text,
                problem: past.answer.err(),
            })
            .collect();
        page = AlertsPage { channels: &channels, problems: &problems, mutes: &mutes, messages: &messages, ..page };
        answer::page(request, page.page())
    }

    /// Sends a message through every channel, and shows what each of them answered.
    pub(super) async fn test_alerts(&self, request: &Request) -> Result<Response> {
        let trials = self.changed_alerts(request)?.test().await;
        Ok(self.alerts_after(request, Some(trials)))
    }

    /// Mutes, and leads back.
    pub(super) async fn mute(&self, request: Request) -> Result<Response> {
        let (request, mut body) = request.split();
        let alerts = self.changed_alerts(&request)?;
        let Form(MuteForm { node, finding, time, reason }) = Form::from_request(&request, &mut body).await?;
        let mute = Mute::new(&node, finding, &time, reason, unix_now());
        let mute = mute.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        alerts.mute(mute).await.map_err(Refusal::from)?;
        Ok(see_other(&request, "/alerts"))
    }

    /// Ends a mute, and leads back. One that has ended already is no error.
    pub(super) async fn unmute(&self, request: Request) -> Result<Response> {
        let (request, mut body) = request.split();
        let alerts = self.changed_alerts(&request)?;
        let Form(UnmuteForm { id }) = Form::from_request(&request, &mut body).await?;
        alerts.unmute(id).await.map_err(Refusal::from)?;
        Ok(see_other(&request, "/alerts"))
    }

    /// Returns the alerts for a request that may change them.
    fn changed_alerts(&self, request: &Request) -> Result<&Alerts> {
        origin::check(request)?;
        Access::of(request).authorize(request)?;
        let no_channel = || Refusal::new(StatusCode::CONFLICT, "no channel is configured; set ISEMS_NOTIFY");
        Ok(self.alerts.as_ref().ok_or_else(no_channel)?)
    }
}

fn is_muted(mutes: &[Mute], subject: &Subject, code: Code, now: i64) -> bool {
    mutes.iter().any(|mute| mute.covers(subject, code, now))
}

fn trial(Trial { channel, answer }: Trial) -> AlertTrial {
    let is_delivered = answer.is_ok();
    AlertTrial { channel, is_delivered, answer: answer.unwrap_or_else(|problem| problem) }
}
