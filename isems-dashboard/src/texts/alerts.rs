//! The texts of the page about alerts.

/// The texts of the page about alerts in one language.
#[derive(Debug)]
pub struct AlertsTexts {
    /// The page.
    pub alerts: &'static str,
    /// Nobody is told anything, and how to change that.
    pub not_configured: &'static str,
    /// The way on, after an example: where the other channels are described.
    pub more_channels: &'static str,
    /// The heading of the problems.
    pub problems: &'static str,
    /// There are no problems.
    pub no_problems: &'static str,
    /// The column of the problem.
    pub problem: &'static str,
    /// The column of the time since when.
    pub since: &'static str,
    /// The column of those who were told.
    pub told: &'static str,
    /// Nobody was told yet.
    pub not_yet: &'static str,
    /// Nobody is told, because somebody wished so.
    pub muted: &'static str,
    /// The collector, in the place of a node.
    pub collector: &'static str,
    /// The heading of the channels.
    pub channels: &'static str,
    /// A channel for which nothing is waiting.
    pub idle: &'static str,
    /// A message that is on its way: its title.
    pub delivering: fn(&str) -> String,
    /// A message that does not arrive: its title.
    pub failing: fn(&str) -> String,
    /// The button that sends a message through every channel.
    pub test: &'static str,
    /// A message that arrived.
    pub delivered: &'static str,
    /// A message that did not arrive, and is not tried any more.
    pub given_up: &'static str,
    /// A trial that failed.
    pub failed: &'static str,
    /// The heading of the mutes.
    pub mutes: &'static str,
    /// There are no mutes.
    pub no_mutes: &'static str,
    /// The explanation of muting.
    pub mute_why: &'static str,
    /// The field for the node.
    pub node: &'static str,
    /// The field for the finding.
    pub finding: &'static str,
    /// Every finding.
    pub all_findings: &'static str,
    /// The field for the time.
    pub time: &'static str,
    /// The times that can be chosen: as the server reads them, and in words.
    pub times: [(&'static str, &'static str); 5],
    /// The field for the reason.
    pub reason: &'static str,
    /// The button that mutes.
    pub mute: &'static str,
    /// The button that ends a mute: its node.
    pub unmute: fn(&str) -> String,
    /// The end of a mute: when.
    pub until: fn(&str) -> String,
    /// Only those who have signed in may change something.
    pub need_token: &'static str,
    /// The heading of the messages.
    pub messages: &'static str,
    /// There are no messages.
    pub no_messages: &'static str,
}
