//! The arguments of the commands.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Subcommand};
use isems_core::{Field, NodeId, RejectQuery, RejectReason};

use crate::{
    csv::{Decimal, Dialect, Separator},
    settings::{
        InvalidSetting,
        values::{field, reject_reason},
    },
    stream::TextFormat,
    time::{EVER, Moment, time_zone},
};

/// The commands that maintain a database.
#[derive(Debug, Subcommand)]
pub enum Maintenance {
    /// Write measurements as CSV, JSON lines or csvlog
    Export(ExportArguments),
    /// Show how many measurements each node has, and the space they take
    Stats(StatsArguments),
    /// Show which nodes need attention, why, and what comes next
    Insight(InsightArguments),
    /// Show how accurate the forecasts of past nights were
    Backtest(BacktestArguments),
    /// List rejected lines and dropped values, newest first, with reasons
    Rejects(RejectsArguments),
    /// Read the whole database and report damage; exits with 1 if there is any
    Check,
    /// Write a consistent copy of the database to a new file
    Backup(BackupArguments),
    /// Shrink the database file as far as possible; stop the server first
    #[command(after_help = "\
Seals all past weeks into compressed blocks first. It is safe to interrupt.")]
    Compact,
    /// Delete the measurements of a node
    Delete(DeleteArguments),
    /// Show what people are told, try it, and mute nodes
    Alerts(AlertsArguments),
}

/// The arguments of export.
#[derive(Debug, Args)]
#[command(after_help = "\
csv     RFC 4180: a header and one line per measurement. Text that begins with = + - @ or ' is
        prefixed with ', so that no spreadsheet takes it for a formula; remove one leading '
        when you read it back.
ndjson  one JSON object per line, with the same names.
csvlog  the format in which nodes log. It has no receivedAt and no timeSource.

Measurements are sorted by node, then by time. Works while the server is running, too.")]
pub struct ExportArguments {
    /// Nodes to export [default: all]
    #[arg(value_name = "NODE")]
    pub nodes: Vec<NodeId>,

    /// The time range.
    #[command(flatten)]
    pub range: RangeArguments,

    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: TextFormat,

    /// Fields to write, in this order; not for csvlog [default: all]
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', value_parser = field(), hide_possible_values = true)]
    pub fields: Vec<Field>,

    /// Field separator of CSV [default: ,]
    #[arg(long, value_name = "CHARACTER")]
    pub separator: Option<Separator>,

    /// Decimal mark of CSV; a comma requires another separator [default: .]
    #[arg(long, value_name = "CHARACTER")]
    pub decimal: Option<Decimal>,

    /// Output file, which appears once it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl ExportArguments {
    /// Returns the fields, without repetitions.
    pub(super) fn fields(&self) -> Result<Vec<Field>, InvalidSetting> {
        if self.format == TextFormat::Csvlog && !self.fields.is_empty() {
            return Err(InvalidSetting("a csvlog line always has all fields; omit --fields".into()));
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in &self.fields {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        Ok(if fields.is_empty() { Field::ALL.into() } else { fields })
    }

    /// Returns the dialect of CSV.
    pub(super) fn dialect(&self) -> Result<Dialect, InvalidSetting> {
        if self.format != TextFormat::Csv && (self.separator.is_some() || self.decimal.is_some()) {
            return Err(InvalidSetting("--separator and --decimal are for CSV only; add --format csv".into()));
        }
        Dialect::new(self.separator, self.decimal).map_err(|error| InvalidSetting(error.into()))
    }
}

/// A range of measured times.
#[derive(Debug, Args)]
pub struct RangeArguments {
    /// Start of the range: 2026-05-01T12:00:00Z, 2026-05-01 12:00, 2026-05-01 (midnight), Unix seconds, now, or -24h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<Moment>,

    /// End of the range (exclusive), in the same forms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<Moment>,

    /// Time zone for times and days without an offset, and for output, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone_name)]
    pub time_zone: String,
}

fn zone_name(name: &str) -> Result<String, String> {
    time_zone(name).map(|_| name.into())
}

impl RangeArguments {
    /// Returns the range of measured times in Unix seconds, unbounded where an end is missing.
    pub fn seconds(&self) -> Result<Range<i64>, InvalidSetting> {
        let zone = time_zone(&self.time_zone).map_err(InvalidSetting)?;
        let second = |moment: Option<&Moment>| moment.map(|moment| moment.second(&zone)).transpose();
        let from = second(self.from.as_ref()).map_err(InvalidSetting)?.unwrap_or(EVER.start);
        let to = second(self.to.as_ref()).map_err(InvalidSetting)?.unwrap_or(EVER.end);
        if from >= to {
            return Err(InvalidSetting("--from must be earlier than --to".into()));
        }
        Ok(from..to)
    }
}

/// The arguments of stats.
#[derive(Debug, Args)]
#[command(after_help = "\
Recent measurements are not yet sealed into compressed blocks, which happens three days after
the end of their week.")]
pub struct StatsArguments {
    /// Also show the space that each column of the sealed blocks takes
    #[arg(long)]
    pub columns: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The arguments of insight.
#[derive(Debug, Args)]
#[command(after_help = "\
The node that most needs attention comes first. `lasts` is how long the load can run without sun.
With --at, only measurements made before that time are used, so forecasts can be checked
afterwards. Works while the server is running, too.")]
pub struct InsightArguments {
    /// Nodes to show [default: all]
    #[arg(value_name = "NODE")]
    pub nodes: Vec<NodeId>,

    /// Time of the assessment: 2026-05-01T12:00:00Z, 2026-05-01 12:00, Unix seconds, or -24h [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<Moment>,

    /// Print the JSON of /api/v1/insight
    #[arg(long)]
    pub json: bool,
}

/// The arguments of backtest.
#[derive(Debug, Args)]
#[command(after_help = "\
Every night of every node is forecast at noon and three hours after sunset, only from earlier
measurements, and compared with the gaps that begin near the cut-off voltage. `seen` is the number
of nights in which the load went off, `said` those for which that was forecast, `right` both.
Without --from and --to, it covers the last 60 days. It needs a file that no server has open, such
as a backup.")]
pub struct BacktestArguments {
    /// The time range.
    #[command(flatten)]
    pub range: RangeArguments,
}

/// The arguments of backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Works while the server is running, too. The copy is verified by reading it back. A copy of a
damaged database contains everything that can still be read; damaged and lost parts are reported,
and the exit code is 1.")]
pub struct BackupArguments {
    /// File to create; it must not exist
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

/// The arguments of delete.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --from and --to, the node is deleted with all its measurements. The freed space is reused;
`isems-server compact` returns it to the disk.")]
pub struct DeleteArguments {
    /// Node
    #[arg(value_name = "NODE")]
    pub node: NodeId,

    /// The time range.
    #[command(flatten)]
    pub range: RangeArguments,

    /// Delete without asking
    #[arg(long)]
    pub yes: bool,
}

/// The arguments of alerts.
#[derive(Debug, Args)]
pub struct AlertsArguments {
    /// The action.
    #[command(subcommand)]
    pub action: AlertsAction,
}

/// An action on alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsAction {
    /// List channels, problems, mutes and messages
    List {
        /// Print the JSON of /api/v1/alerts
        #[arg(long)]
        json: bool,
    },
    /// Send a test message through every channel; exits with 1 if one of them failed
    Test,
    /// Tell nobody of a node, or of a finding about it, for a time
    Mute(MuteArguments),
    /// End a mute
    Unmute {
        /// Number of the mute; `list` shows it
        #[arg(value_name = "NUMBER")]
        id: u64,
    },
}

/// The arguments of muting.
#[derive(Debug, Args)]
#[command(after_help = "\
Whatever still lasts when the time is over is told then. Works while the server is running, too.")]
pub struct MuteArguments {
    /// Node, with * for any characters and ? for one; * alone mutes the collector's own troubles, too
    #[arg(value_name = "NODE")]
    pub node: String,

    /// Finding, with * and ?, such as silent or battery* [default: all]
    #[arg(long, value_name = "CODE")]
    pub finding: Option<String>,

    /// Time: 90m, 12h, 7d or 2w
    #[arg(long = "for", value_name = "TIME")]
    pub time: String,

    /// Reason, for others who wonder
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The arguments of rejects.
#[derive(Debug, Args)]
pub struct RejectsArguments {
    /// Only rejects of this node
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,

    /// Only rejects from this transport, such as http, mqtt or push
    #[arg(long, value_name = "NAME")]
    pub transport: Option<String>,

    /// Only rejects with this reason
    #[arg(long, value_name = "REASON", value_parser = reject_reason())]
    pub reason: Option<RejectReason>,

    /// Maximum number of rejects
    #[arg(long, value_name = "COUNT", default_value = "100")]
    pub limit: usize,

    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

impl RejectsArguments {
    /// Returns the query.
    pub fn query(&self) -> RejectQuery {
        RejectQuery {
            node: self.node.clone(),
            transport: self.transport.clone(),
            reason: self.reason,
            ..RejectQuery::newest(self.limit)
        }
    }
}
