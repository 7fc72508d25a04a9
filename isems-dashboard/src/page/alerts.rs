//! The page about alerts: who was told what, and who wishes not to be told.

use isems_core::NodeId;
use isems_insight::{FindingCode, FindingSeverity};
use maud::{Markup, html};

use super::{Layout, Section};
use crate::{
    map::{define_marks, mark},
    texts::AlertsTexts,
    viewer::Viewer,
};

/// A channel to people.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChannel {
    /// The name.
    pub name: String,
    /// The title of the message that is on its way.
    pub pending: Option<String>,
    /// The reason why that message does not arrive.
    pub problem: Option<String>,
}

/// A problem that is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertProblem {
    /// The node, or `None` for the collector.
    pub node: Option<NodeId>,
    /// The problem in a few words, in the viewer's language.
    pub title: &'static str,
    /// The severity.
    pub severity: FindingSeverity,
    /// Since when it has been so, Unix seconds, UTC.
    pub since: i64,
    /// The channels that were told.
    pub told: Vec<String>,
    /// Set if a mute covers it.
    pub is_muted: bool,
}

/// A mute.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertMute {
    /// The number by which it can be ended.
    pub id: u64,
    /// The pattern of its nodes.
    pub node: String,
    /// The pattern of its findings; `None` for all.
    pub finding: Option<String>,
    /// The time at which it ends, Unix seconds, UTC.
    pub until: i64,
    /// The reason.
    pub reason: Option<String>,
}

/// A message that was delivered or given up.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertMessage {
    /// The channel.
    pub channel: String,
    /// The time at which it was written, Unix seconds, UTC.
    pub at: i64,
    /// The whole in a few words.
    pub title: String,
    /// The text, in lines.
    pub text: String,
    /// The reason why it was given up; `None` if it was delivered.
    pub problem: Option<String>,
}

/// The outcome of a trial of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertTrial {
    /// The channel.
    pub channel: String,
    /// Set if the message was delivered.
    pub is_delivered: bool,
    /// The answer, or the problem.
    pub answer: String,
}

/// The page about alerts.
#[derive(Debug, Clone, Copy)]
pub struct AlertsPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The channels; empty if none is configured.
    pub channels: &'a [AlertChannel],
    /// The problems that are not over.
    pub problems: &'a [AlertProblem],
    /// The mutes that have not ended.
    pub mutes: &'a [AlertMute],
    /// The messages of late, newest first.
    pub messages: &'a [AlertMessage],
    /// The outcome of the trial that was just made.
    pub trials: Option<&'a [AlertTrial]>,
    /// The node that the form for muting begins with.
    pub node: &'a str,
}

impl AlertsPage<'_> {
    fn texts(&self) -> &'static AlertsTexts {
        self.viewer.texts().alerts
    }

    /// Draws the page.
    pub fn page(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        let main = html! {
            (define_marks())
            h1 { (texts.alerts) }
            @if self.channels.is_empty() {
                p { (texts.not_configured) }
                pre tabindex="0" { code { "ISEMS_NOTIFY=ntfys://ntfy.sh/TOPIC isems-server" } }
                p { (texts.more_channels) }
            } @else {
                (self.problems())
                (self.channels())
                (self.mutes())
                (self.messages())
            }
        };
        Layout { viewer, title: texts.alerts, section: Some(Section::Alerts), scripts: &[], main }.page()
    }

    fn problems(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            section #problems data-live aria-labelledby="problems-heading" {
                h2 #problems-heading { (texts.problems) }
                @if self.problems.is_empty() { p { (texts.no_problems) } } @else {
                    div.wide tabindex="0" role="region" aria-labelledby="problems-heading" {
                        table {
                            thead {
                                tr { th { (viewer.pages().node) } th { (texts.problem) } th { (texts.since) } th { (texts.told) } }
                            }
                            tbody { @for problem in self.problems { (self.problem(problem)) } }
                        }
                    }
                }
            }
        }
    }

    fn problem(&self, problem: &AlertProblem) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        let level = problem.severity.level().name();
        html! {
            tr {
                td {
                    @match &problem.node {
                        Some(node) => a href=(viewer.node(node.as_str())) { (node.as_str()) },
                        None => (texts.collector),
                    }
                }
                td { span class={ "level " (level) } { (mark(level)) (problem.title) } }
                td { (viewer.time(problem.since)) }
                td {
                    @if problem.is_muted { (texts.muted) }
                    @else if problem.told.is_empty() { (texts.not_yet) }
                    @else { (problem.told.join(", ")) }
                }
            }
        }
    }

    fn channels(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            section #channels data-live aria-labelledby="channels-heading" {
                h2 #channels-heading { (texts.channels) }
                ul {
                    @for channel in self.channels {
                        li {
                            (channel.name) ": "
                            @match (&channel.pending, &channel.problem) {
                                (Some(title), Some(problem)) => { ((texts.failing)(title)) span.odd { (problem) } },
                                (Some(title), None) => ((texts.delivering)(title)),
                                _ => (texts.idle),
                            }
                        }
                    }
                }
                @if let Some(trials) = self.trials {
                    ul role="status" {
                        @for trial in trials {
                            li {
                                (trial.channel) ": "
                                @if trial.is_delivered { (texts.delivered) " (" (trial.answer) ")" }
                                @else { (texts.failed) span.odd { (trial.answer) } }
                            }
                        }
                    }
                }
                @if viewer.signed_in.is_some() {
                    form method="post" action=(viewer.href("/alerts/test")) { button { (texts.test) } }
                }
            }
        }
    }

    fn mutes(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            section #mutes aria-labelledby="mutes-heading" {
                h2 #mutes-heading { (texts.mutes) }
                @if self.mutes.is_empty() { p { (texts.no_mutes) } }
                ul {
                    @for mute in self.mutes {
                        li {
                            (mute.node) @if let Some(finding) = &mute.finding { " (" (finding) ")" }
                            " " ((texts.until)(&viewer.when(mute.until)))
                            @if let Some(reason) = &mute.reason { ": " (reason) }
                            @if viewer.signed_in.is_some() {
                                form method="post" action=(viewer.href("/alerts/unmute")) {
                                    button name="id" value=(mute.id) { ((texts.unmute)(&mute.node)) }
                                }
                            }
                        }
                    }
                }
                @if viewer.signed_in.is_some() { (self.mute_form()) } @else {
                    p {
                        (texts.need_token) " "
                        @if viewer.can_sign_in {
                            a href=(viewer.href("/sign-in?back=%2Falerts")) { (viewer.texts().collector.sign_in) }
                        }
                    }
                }
            }
        }
    }

    fn mute_form(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            p { (texts.mute_why) }
            form.filter method="post" action=(viewer.href("/alerts/mute")) {
                label { (texts.node) input name="node" value=(self.node) required; }
                label {
                    (texts.finding)
                    select name="finding" {
                        option value="" { (texts.all_findings) }
                        @for code in FindingCode::ALL { option value=(code.name()) { ((viewer.texts().finding)(code).title) } }
                    }
                }
                label {
                    (texts.time)
                    select name="for" { @for (time, words) in texts.times { option value=(time) { (words) } } }
                }
                label { (texts.reason) input name="reason"; }
                button { (texts.mute) }
            }
        }
    }

    fn messages(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            section #messages data-live aria-labelledby="messages-heading" {
                h2 #messages-heading { (texts.messages) }
                @if self.messages.is_empty() { p { (texts.no_messages) } }
                ul.cards {
                    @for message in self.messages {
                        li.card {
                            h3 { (message.title) }
                            @for line in message.text.lines() { p { (line) } }
                            p {
                                (viewer.time(message.at)) ", " (message.channel) ": "
                                @match &message.problem {
                                    None => (texts.delivered),
                                    Some(problem) => { (texts.given_up) span.odd { (problem) } },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
