//! What the command line says.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Subcommand};
use isems_core::{Field, NodeId, RejectQuery, RejectReason};

use crate::{
    csv::{Decimal, Dialect, Separator},
    settings::{
        DatabaseArguments, InvalidSetting,
        values::{field, reject_reason},
    },
    stream::TextFormat,
    time::{EVER, Moment, time_zone},
};

/// The commands that look after a database.
#[derive(Debug, Subcommand)]
pub enum Maintenance {
    /// Write measurements as CSV, as JSON lines or as csvlog
    Export(ExportArguments),
    /// Show how much is stored of each node, and what it takes
    Stats(StatsArguments),
    /// List what arrived and was not stored, newest first, with the reason
    Rejects(RejectsArguments),
    /// Read everything back and name what is damaged; exit code 1 if anything is
    Check(CheckArguments),
    /// Write a consistent copy of the database to a new file
    Backup(BackupArguments),
    /// Make the file as small as it can be, while no server runs
    Compact(CompactArguments),
    /// Delete the measurements of a node
    Delete(DeleteArguments),
}

impl Maintenance {
    /// What every command says of the database.
    pub fn database(&self) -> &DatabaseArguments {
        match self {
            Self::Export(arguments) => &arguments.database,
            Self::Stats(arguments) => &arguments.database,
            Self::Rejects(arguments) => &arguments.database,
            Self::Check(arguments) => &arguments.database,
            Self::Backup(arguments) => &arguments.database,
            Self::Compact(arguments) => &arguments.database,
            Self::Delete(arguments) => &arguments.database,
        }
    }
}

/// The arguments of export.
#[derive(Debug, Args)]
#[command(after_help = "\
csv     a header and a line a measurement (RFC 4180), values under their names on the wire. A
        text that begins with = + - @ or ' has a ' in front, so that no spreadsheet takes it for
        a formula: whoever reads the text back removes one leading '.
ndjson  a JSON object a line, with the same names.
csvlog  the lines that the nodes write themselves. They have no receivedAt and no timeSource.

Nodes come one after the other, each from old to new. It also works while a server runs.")]
pub struct ExportArguments {
    /// Nodes to write; all if none is named
    #[arg(value_name = "NODE")]
    pub nodes: Vec<NodeId>,

    /// Which measurements.
    #[command(flatten)]
    pub range: RangeArguments,

    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: TextFormat,

    /// Fields to write, in this order; all if none is named. Not with csvlog
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', value_parser = field(), hide_possible_values = true)]
    pub fields: Vec<Field>,

    /// Character between two values of CSV [default: ,]
    #[arg(long, value_name = "CHARACTER")]
    pub separator: Option<Separator>,

    /// Decimal mark of numbers in CSV; a comma needs another separator [default: .]
    #[arg(long, value_name = "CHARACTER")]
    pub decimal: Option<Decimal>,

    /// File to write, which has its name once it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

impl ExportArguments {
    /// The fields, each once.
    pub(super) fn fields(&self) -> Result<Vec<Field>, InvalidSetting> {
        if self.format == TextFormat::Csvlog && !self.fields.is_empty() {
            return Err(InvalidSetting("a csvlog line always has all its fields; leave --fields out".into()));
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in &self.fields {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        Ok(if fields.is_empty() { Field::ALL.into() } else { fields })
    }

    /// The dialect of CSV.
    pub(super) fn dialect(&self) -> Result<Dialect, InvalidSetting> {
        if self.format != TextFormat::Csv && (self.separator.is_some() || self.decimal.is_some()) {
            return Err(InvalidSetting("--separator and --decimal are for CSV only; add --format csv".into()));
        }
        Dialect::new(self.separator, self.decimal).map_err(|error| InvalidSetting(error.into()))
    }
}

/// Which measured times are meant.
#[derive(Debug, Args)]
pub struct RangeArguments {
    /// Not before this time: 2026-05-01T12:00:00Z, 2026-05-01 12:00, 2026-05-01 (midnight), Unix seconds, now, or -24h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<Moment>,

    /// Before this time, in the same forms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<Moment>,

    /// Time zone of days and of times without an offset, and of the times that are written, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone_name)]
    pub time_zone: String,
}

fn zone_name(name: &str) -> Result<String, String> {
    time_zone(name).map(|_| name.into())
}

impl RangeArguments {
    /// The measured times, Unix seconds. Without bounds it is all of them.
    pub fn seconds(&self) -> Result<Range<i64>, InvalidSetting> {
        let zone = time_zone(&self.time_zone).map_err(InvalidSetting)?;
        let second = |moment: Option<&Moment>| moment.map(|moment| moment.second(&zone)).transpose();
        let from = second(self.from.as_ref()).map_err(InvalidSetting)?.unwrap_or(EVER.start);
        let to = second(self.to.as_ref()).map_err(InvalidSetting)?.unwrap_or(EVER.end);
        if from >= to {
            return Err(InvalidSetting("nothing lies between --from and --to: --from must be the earlier time".into()));
        }
        Ok(from..to)
    }
}

/// The arguments of stats.
#[derive(Debug, Args)]
#[command(after_help = "\
recent measurements are not sealed into compressed blocks yet: that happens three days after
their week is over.")]
pub struct StatsArguments {
    /// Show also what each column of the sealed blocks takes
    #[arg(long)]
    pub columns: bool,

    /// Write JSON, for scripts
    #[arg(long)]
    pub json: bool,

    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// The arguments of check.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// The arguments of backup.
#[derive(Debug, Args)]
#[command(after_help = "\
It also works while a server runs. The copy is read back. Of a
damaged database it has what can be read, damaged records as they are; what is damaged or lost
is named, and the exit code is 1.")]
pub struct BackupArguments {
    /// File to make; it must not exist
    #[arg(value_name = "PATH")]
    pub path: PathBuf,

    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// The arguments of compact.
#[derive(Debug, Args)]
#[command(after_help = "\
Every week that is over is sealed into compressed blocks first. It can be interrupted at any time.")]
pub struct CompactArguments {
    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// The arguments of delete.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --from and --to all of the node is deleted, and the node forgotten. Room in the file is
used again; `isems-server compact` gives it back.")]
pub struct DeleteArguments {
    /// The node
    #[arg(value_name = "NODE")]
    pub node: NodeId,

    /// Which measurements.
    #[command(flatten)]
    pub range: RangeArguments,

    /// Delete without asking
    #[arg(long)]
    pub yes: bool,

    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// The arguments of rejects.
#[derive(Debug, Args)]
pub struct RejectsArguments {
    /// Only of this node
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,

    /// Only what this transport brought: http or mqtt
    #[arg(long, value_name = "NAME")]
    pub transport: Option<String>,

    /// Only for this reason
    #[arg(long, value_name = "REASON", value_parser = reject_reason())]
    pub reason: Option<RejectReason>,

    /// At most this many
    #[arg(long, value_name = "COUNT", default_value = "100")]
    pub limit: usize,

    /// A JSON object a line
    #[arg(long)]
    pub json: bool,

    /// What concerns the database.
    #[command(flatten)]
    pub database: DatabaseArguments,
}

impl RejectsArguments {
    /// What is asked for.
    pub fn query(&self) -> RejectQuery {
        RejectQuery {
            node: self.node.clone(),
            transport: self.transport.clone(),
            reason: self.reason,
            ..RejectQuery::newest(self.limit)
        }
    }
}
