//! The commands that work on a database: export, stats, insight, backtest, rejects, check, backup, compact, delete and
//! alerts.
//!
//! `arguments` declares the command line. Every command works on a `Database`: a file opened here, or the server that
//! has it open. That server's HTTP service listens at the `control` socket beside the file, and `client` talks to it.

mod alerts;
mod arguments;
mod backtest;
mod backup;
mod check;
mod client;
mod compact;
#[cfg(unix)]
mod control;
#[cfg(not(unix))]
#[path = "no_control.rs"]
mod control;
mod damage;
mod database;
mod delete;
mod export;
mod file;
mod insight;
mod rejects;
mod size;
mod statistics;
mod table;

use std::{
    io::{self, Write},
    path::Path,
};

use isems_core::{BoxError, OpenError, RedbRepository, RepositoryError, chain};
use jiff::tz::TimeZone;

pub use self::arguments::Maintenance;
use self::{
    arguments::{AlertsAction, AlertsArguments, DeleteArguments, ExportArguments},
    database::Database,
    delete::Deletion,
    export::Export,
    file::OutputFile,
    insight::ShowInsight,
    rejects::Rejects,
    statistics::Stats,
};
pub(crate) use self::{client::Client, control::Control, size::Size};
use crate::{line::Layout, settings::Settings, time::time_zone};

/// Runs a command on the database of the settings, and returns whether all is well.
pub async fn run(action: &Maintenance, settings: &Settings, output: &mut dyn Write) -> Result<bool, BoxError> {
    let result = act(action, settings, output).await;
    let result = result.and_then(|is_well| {
        output.flush()?;
        Ok(is_well)
    });
    match result {
        // The reader of the output has seen enough, as with `head`.
        Err(error) if is_broken_pipe(&error) => Ok(true),
        Err(error) if matches!(error.downcast_ref(), Some(RepositoryError::Damaged { .. })) => Err(format!(
            "{}; `isems-server check` reports what is damaged, `isems-server backup` saves the rest to a new file; or \
             put a backup in its place",
            chain(&*error)
        )
        .into()),
        result => result,
    }
}

fn is_broken_pipe(error: &BoxError) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn act(action: &Maintenance, settings: &Settings, output: &mut dyn Write) -> Result<bool, BoxError> {
    let path = settings.database_path();
    if let Maintenance::Compact = action {
        return compact::compact(path, output).await;
    }
    if let Maintenance::Export(arguments) = action {
        export(arguments, path, output).await?;
        return Ok(true);
    }
    if let Maintenance::Alerts(AlertsArguments { action: AlertsAction::Test }) = action
        && Client::find(path).await?.is_none()
    {
        return alerts::test(settings, output).await;
    }
    let database = Database::open(path).await?;
    match action {
        Maintenance::Export(_) | Maintenance::Compact => {}
        Maintenance::Stats(arguments) => {
            Stats { columns: arguments.columns, json: arguments.json }.run(&database, output).await?;
        }
        Maintenance::Insight(arguments) => {
            let at = arguments.at.map(|at| at.second(&TimeZone::UTC)).transpose()?;
            let insight = ShowInsight { nodes: arguments.nodes.clone(), at, json: arguments.json };
            insight.run(&database, output).await?;
        }
        Maintenance::Backtest(arguments) => {
            backtest::backtest(arguments.range.seconds()?, &database, output).await?;
        }
        Maintenance::Rejects(arguments) => {
            Rejects { query: arguments.query(), json: arguments.json }.run(&database, output).await?;
        }
        Maintenance::Check => return check::check(&database, output).await,
        Maintenance::Backup(arguments) => return backup::backup(&database, &arguments.path, output).await,
        Maintenance::Alerts(arguments) => return arguments.run(&database, output).await,
        Maintenance::Delete(arguments) => return delete(arguments, &database, output).await,
    }
    Ok(true)
}

async fn export(arguments: &ExportArguments, database: &Path, output: &mut dyn Write) -> Result<(), BoxError> {
    let ExportArguments { nodes, range, format, output: path, .. } = arguments;
    let export = Export {
        nodes: nodes.clone(),
        seconds: range.seconds()?,
        format: *format,
        time_zone: range.time_zone.clone(),
        layout: Layout {
            fields: arguments.fields()?,
            zone: time_zone(&range.time_zone)?,
            dialect: arguments.dialect()?,
        },
    };
    let Some(path) = path else { return Database::open(database).await?.export(&export, output).await };
    let mut file = OutputFile::create(path, database)?;
    Database::open(database).await?.export(&export, &mut file).await?;
    let size = file.finish()?;
    writeln!(output, "Wrote {} to {}.", Size(size), path.display())?;
    Ok(())
}

async fn delete(arguments: &DeleteArguments, database: &Database, output: &mut dyn Write) -> Result<bool, BoxError> {
    let DeleteArguments { node, range, yes, .. } = arguments;
    let selection = Deletion { node: node.clone(), seconds: range.seconds()? };
    if !yes {
        let count = selection.count(database).await?;
        if !selection.confirm(count, &time_zone(&range.time_zone)?)? {
            writeln!(output, "Nothing was deleted.")?;
            return Ok(false);
        }
    }
    selection.delete(database, output).await?;
    Ok(true)
}

/// Opens an existing database, or returns `None` if another process has it open.
fn open(path: &Path) -> Result<Option<RedbRepository>, BoxError> {
    if !path.try_exists()? {
        let path = path.display();
        return Err(format!("there is no database at {path}; set --database-url or DATABASE_URL").into());
    }
    match RedbRepository::open(path) {
        Ok(repository) => Ok(Some(repository)),
        Err(OpenError::Locked { .. }) => Ok(None),
        Err(OpenError::Damaged { path, source }) => Err(format!(
            "database {} is so badly damaged that nothing can be read from it ({}); put a backup in its place, or \
             move it away: then a new one is created, and polled nodes send what their logs still contain",
            path.display(),
            chain(&*source)
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}
