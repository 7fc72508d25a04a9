//! `isems-server doctor`: looks for what keeps the server from working, and says what to do.
//!
//! It changes nothing: nodes are polled into memory, brokers are listened to in a session of its own, and no message is
//! sent to people.

mod clock;
mod file;
mod service;
mod sources;
mod verdict;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use isems_core::BoxError;

use self::verdict::{Report, Verdict};
use crate::settings::{Chosen, Settings};

/// The arguments of doctor.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at settings, database, rights, disk, clock, nodes, brokers, the address of the server and
who can reach it. Changes nothing, sends nothing to people, and works while the server is
running, too. Exits with 1 if there is a problem; a warning is none.")]
pub struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A set-up to look at.
#[derive(Debug)]
pub struct Doctor<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Those of them that somebody chose.
    pub chosen: &'a Chosen,
    /// The file with settings, if there is one.
    pub file: Option<PathBuf>,
}

impl Doctor<'_> {
    /// Looks at everything, writes what it found, and returns whether there is no problem.
    pub async fn run(&self, arguments: &DoctorArguments, output: &mut dyn Write) -> Result<bool, BoxError> {
        let mut report = Report::default();
        self.settings(&mut report);
        let is_served = file::look(self.settings.database_path(), &mut report).await;
        let nodes = sources::nodes(&self.settings.http, &mut report).await;
        sources::brokers(&self.settings.brokers, &mut report).await;
        self.anything_to_collect(&mut report);
        clock::look(&nodes, &mut report);
        service::look(&self.settings.server, &self.settings.access, is_served, &mut report).await;
        self.alerts(&mut report);
        if arguments.json {
            serde_json::to_writer_pretty(&mut *output, &report).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            report.write(output)?;
        }
        Ok(!report.has(Verdict::Problem))
    }

    fn settings(&self, report: &mut Report) {
        let count = self.chosen.count();
        let from = self.file.as_ref().map_or_else(String::new, |file| format!(", with the file {}", file.display()));
        report.ok("settings", format!("{count} settings differ from the defaults{from}; all are valid"));
        if let Some(path) = &self.file {
            file::look_at_rights("settings", path, report);
        }
    }

    fn anything_to_collect(&self, report: &mut Report) {
        let Settings { http, brokers, access, .. } = self.settings;
        if http.targets.is_empty() && brokers.is_empty() && !access.may_push() {
            report.problem(
                "sources",
                "there is nothing to collect from".into(),
                "set ISEMS_ROUTER_IPS (nodes to poll), MQTT_SERVER (a broker) or ISEMS_PUSH_TOKENS (nodes that push)",
            );
        }
    }

    fn alerts(&self, report: &mut Report) {
        let channels = &self.settings.alerts.channels;
        if channels.is_empty() {
            report.ok("alerts", "nobody is told anything; ISEMS_NOTIFY changes that".into());
        } else {
            let text = format!("{} channels; `isems-server alerts test` sends a message through each", channels.len());
            report.ok("alerts", text);
        }
    }
}
