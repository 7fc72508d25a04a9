//! `isems-server alerts`: shows what people are told, tries the channels, and mutes.

use std::io::{self, Write};

use isems_alerts::{Mute, store, try_channels};
use isems_core::{BoxError, Repository, printable, unix_now};

use super::{
    arguments::{AlertsAction, AlertsArguments, MuteArguments},
    database::Database,
    table::Table,
};
use crate::{
    api::{AlertsReport, MuteSchema, Trials, UtcTime},
    settings::Settings,
};

impl AlertsArguments {
    /// Does what is asked, and returns whether all channels answered if that was tried.
    pub(super) async fn run(&self, database: &Database, output: &mut dyn Write) -> Result<bool, BoxError> {
        match &self.action {
            AlertsAction::List { json } => {
                let report = database.alerts().await?;
                if *json {
                    serde_json::to_writer_pretty(&mut *output, &report).map_err(io::Error::from)?;
                    writeln!(output)?;
                } else {
                    report.write(output)?;
                }
            }
            AlertsAction::Test => {
                let trials = database.test_alerts().await?;
                trials.write(output)?;
                return Ok(trials.channels.iter().all(|trial| trial.delivered));
            }
            AlertsAction::Mute(MuteArguments { node, finding, time, reason }) => {
                let mute = Mute::new(node, finding.clone(), time, reason.clone(), unix_now())?;
                let mute = database.mute(mute, time).await?;
                let finding = mute.finding.as_ref().map_or_else(String::new, |finding| format!(" ({finding})"));
                let (id, node, until) = (mute.id, &mute.node, mute.until.text());
                writeln!(output, "Muted {node}{finding} until {until}; `isems-server alerts unmute {id}` ends it.")?;
            }
            AlertsAction::Unmute { id } => {
                let mute = database.unmute(*id).await?;
                writeln!(output, "Ended the mute of {}.", mute.node)?;
            }
        }
        Ok(true)
    }
}

impl AlertsReport {
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        for channel in &self.channels {
            match (&channel.pending, &channel.problem) {
                (Some(title), Some(problem)) => {
                    writeln!(output, "channel {}: cannot deliver {title:?}: {problem}", channel.channel)?;
                }
                (Some(title), None) => writeln!(output, "channel {}: delivering {title:?}", channel.channel)?,
                _ => writeln!(output, "channel {}: nothing is waiting", channel.channel)?,
            }
        }
        self.write_problems(output)?;
        for MuteSchema { id, node, finding, until, reason, .. } in &self.mutes {
            let finding = finding.as_ref().map_or_else(String::new, |finding| format!(" ({finding})"));
            let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            writeln!(output, "mute {id}: {node}{finding} until {}{}", until.text(), printable(&reason))?;
        }
        for message in &self.messages {
            let outcome = if message.delivered { "delivered" } else { "GIVEN UP" };
            writeln!(output, "\n{} {} {outcome}: {}", message.at.text(), message.channel, printable(&message.title))?;
            for line in message.text.lines() {
                writeln!(output, "    {}", printable(line))?;
            }
            if !message.delivered {
                writeln!(output, "    ({})", printable(&message.answer))?;
            }
        }
        Ok(())
    }

    fn write_problems(&self, output: &mut dyn Write) -> io::Result<()> {
        if self.problems.is_empty() {
            return writeln!(output, "There are no problems.");
        }
        let mut table = Table::new(["node", "problem", "severity", "since", "told"].map(Into::into));
        for problem in &self.problems {
            let told = match (problem.muted, problem.told.is_empty()) {
                (true, _) => "muted".into(),
                (false, true) => "not yet".into(),
                (false, false) => problem.told.join(", "),
            };
            table.push([
                printable(problem.node_id.as_deref().unwrap_or("(the collector)")).into_owned(),
                problem.code.clone(),
                problem.severity.0.name().into(),
                UtcTime::text(problem.since),
                told,
            ]);
        }
        table.write(output)
    }
}

impl Trials {
    /// Writes the outcome of each trial.
    pub(super) fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        for trial in &self.channels {
            let outcome = if trial.delivered { "delivered" } else { "FAILED" };
            writeln!(output, "{}: {outcome}: {}", trial.channel, printable(&trial.answer))?;
        }
        Ok(())
    }
}

/// Tries the channels of the settings, if no server is running that has its own.
pub(super) async fn test(settings: &Settings, output: &mut dyn Write) -> Result<bool, BoxError> {
    let channels = settings.alerts.open()?;
    if channels.is_empty() {
        return Err("no channel is configured; set ISEMS_NOTIFY, for example to ntfys://ntfy.sh/TOPIC".into());
    }
    let policy = settings.alerts.policy(settings.server.public_url.as_deref());
    let trials = try_channels(&channels, &policy, unix_now()).await;
    let trials = Trials { channels: trials.into_iter().map(Into::into).collect() };
    trials.write(output)?;
    Ok(trials.channels.iter().all(|trial| trial.delivered))
}

/// Mutes in a file that no server has open.
pub(super) async fn mute(repository: &dyn Repository, mute: Mute) -> Result<Mute, BoxError> {
    let mut ledger = store::load(repository).await?;
    let mute = ledger.mute(mute).clone();
    store::save_all(repository, &mut ledger).await?;
    Ok(mute)
}

/// Ends a mute in a file that no server has open.
pub(super) async fn unmute(repository: &dyn Repository, id: u64) -> Result<Option<Mute>, BoxError> {
    let mut ledger = store::load(repository).await?;
    let mute = ledger.unmute(id);
    store::save_all(repository, &mut ledger).await?;
    Ok(mute)
}
