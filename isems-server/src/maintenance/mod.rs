//! The commands that look after a database: export, stats, rejects, check, backup, compact and delete.
//!
//! `arguments` is what the command line says. It becomes a `Command`, which runs on an open database and writes text. Where
//! another process has the database open, `control` sends the command there, and the same code runs in the server.

mod arguments;
mod backup;
mod check;
mod compact;
#[cfg(unix)]
mod control;
#[cfg(not(unix))]
#[path = "no_control.rs"]
mod control;
mod damage;
mod delete;
mod export;
mod file;
mod rejects;
mod size;
mod statistics;
mod table;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use isems_core::{BoxError, NodeId, OpenError, RedbRepository, RepositoryError, chain};
use serde::{Deserialize, Serialize};

pub use self::arguments::Maintenance;
pub(crate) use self::control::Control;
use self::{
    arguments::{DeleteArguments, ExportArguments},
    delete::Selection,
    export::Export,
    file::OutputFile,
    rejects::Rejects,
    size::Size,
    statistics::Stats,
};

/// What is to be done with a database that is open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Command {
    Export(Export),
    Stats(Stats),
    Rejects(Rejects),
    Check,
    Backup(PathBuf),
    Count(Selection),
    Delete(Selection),
}

impl Command {
    /// Does it, and writes what there is to say. Whether all is well.
    async fn run(&self, repository: &RedbRepository, output: &mut dyn Write) -> Result<bool, BoxError> {
        match self {
            Self::Export(export) => export.run(repository, output).await?,
            Self::Stats(stats) => stats.run(repository, output).await?,
            Self::Rejects(rejects) => rejects.run(repository, output).await?,
            Self::Check => return check::check(repository, output).await,
            Self::Backup(path) => return backup::backup(repository, path, output).await,
            Self::Count(selection) => selection.count(repository, output).await?,
            Self::Delete(selection) => selection.delete(repository, output).await?,
        }
        Ok(true)
    }

    /// Does it here, or in the server that has the database open.
    async fn run_anywhere(&self, database: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
        match open(database)? {
            Some(repository) => self.run(&repository, output).await,
            None => {
                control::ask(database, self, output)?.ok_or_else(|| OpenError::Locked { path: database.into() }.into())
            }
        }
    }
}

/// Does what the command line asks for. Whether all is well.
pub async fn run(action: &Maintenance, output: &mut dyn Write) -> Result<bool, BoxError> {
    let database = action.database().path();
    let result = match action {
        Maintenance::Export(arguments) => export(arguments, database, output).await,
        Maintenance::Stats(arguments) => {
            let stats = Stats { columns: arguments.columns, json: arguments.json };
            Command::Stats(stats).run_anywhere(database, output).await
        }
        Maintenance::Rejects(arguments) => {
            let rejects = Rejects { query: arguments.query(), json: arguments.json };
            Command::Rejects(rejects).run_anywhere(database, output).await
        }
        Maintenance::Check(_) => Command::Check.run_anywhere(database, output).await,
        Maintenance::Backup(arguments) => {
            // The server has another working directory.
            let path = env::current_dir()?.join(&arguments.path);
            Command::Backup(path).run_anywhere(database, output).await
        }
        Maintenance::Compact(_) => compact::compact(database, output).await,
        Maintenance::Delete(arguments) => delete(arguments, database, output).await,
    };
    let result = result.and_then(|is_well| {
        output.flush()?;
        Ok(is_well)
    });
    match result {
        // Who reads the output has seen enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => Ok(true),
        Err(error) if matches!(error.downcast_ref(), Some(RepositoryError::Damaged { .. })) => Err(format!(
            "{}; `isems-server check` tells what can still be read, `isems-server backup` saves that to a new file; or put \
             a backup in its place",
            chain(&*error)
        )
        .into()),
        result => result,
    }
}

fn is_broken_pipe(error: &BoxError) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn export(arguments: &ExportArguments, database: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    let ExportArguments { nodes, range, format, output: path, .. } = arguments;
    let export = Export {
        nodes: nodes.clone(),
        seconds: range.seconds()?,
        format: *format,
        time_zone: range.time_zone.clone(),
        fields: arguments.fields()?,
        dialect: arguments.dialect()?,
    };
    let command = Command::Export(export);
    let Some(path) = path else { return command.run_anywhere(database, output).await };
    let mut file = OutputFile::create(path, database)?;
    command.run_anywhere(database, &mut file).await?;
    let size = file.finish()?;
    writeln!(output, "Wrote {} to {}.", Size(size), path.display())?;
    Ok(true)
}

async fn delete(arguments: &DeleteArguments, database: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    let DeleteArguments { node, range, yes, .. } = arguments;
    let selection = Selection { node: node.clone(), seconds: range.seconds()? };
    if !yes {
        let mut count = Vec::new();
        Command::Count(selection.clone()).run_anywhere(database, &mut count).await?;
        let zone = crate::time::time_zone(&range.time_zone)?;
        if !selection.confirm(String::from_utf8_lossy(&count).trim(), &zone)? {
            writeln!(output, "Nothing was deleted.")?;
            return Ok(false);
        }
    }
    Command::Delete(selection).run_anywhere(database, output).await
}

/// Opens a database that exists. `None`: another process has it open.
fn open(path: &Path) -> Result<Option<RedbRepository>, BoxError> {
    if !path.try_exists()? {
        let path = path.display();
        return Err(format!("there is no database at {path}; name it with --database-url or DATABASE_URL").into());
    }
    match RedbRepository::open(path) {
        Ok(repository) => Ok(Some(repository)),
        Err(OpenError::Locked { .. }) => Ok(None),
        Err(OpenError::Damaged { path, source }) => Err(format!(
            "database {} is damaged so badly that nothing of it can be read ({}); put a backup in its place, or move it \
             away: then a new one is made, and polled nodes send what their logs still have",
            path.display(),
            chain(&*source)
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

fn unknown_node(id: &NodeId) -> BoxError {
    format!("there is no node {id}; `isems-server stats` lists those that there are").into()
}
