//! The database's file: that it can be used, who can read it, and whether there is room for more.

use std::path::Path;

use hyper::Method;
use isems_core::{BoxError, OpenError, RedbRepository, Repository, chain};

use super::verdict::Report;
use crate::{
    api, disk,
    maintenance::{Client, Size},
};

/// Less room than this on the disk is a warning, bytes.
const LITTLE_ROOM: u64 = 500_000_000;

/// Less room than this is a problem, bytes: the server stops storing soon.
const NO_ROOM: u64 = 20_000_000;

/// Looks at the database, and returns whether a server has it open.
pub(super) async fn look(path: &Path, report: &mut Report) -> bool {
    let is_served = match state(path).await {
        Ok(State::Missing) => {
            is_writable(path, report);
            false
        }
        Ok(State::Closed { nodes }) => {
            report.ok("database", format!("{} has {nodes} nodes; no server has it open", path.display()));
            is_writable(path, report);
            false
        }
        Ok(State::Served { nodes, measurements }) => {
            let path = path.display();
            report.ok("database", format!("{path}: {nodes} nodes, {measurements} measurements; a server has it open"));
            true
        }
        Err(error) => {
            let advice = "if it is damaged, `isems-server check` tells what can be saved; if it belongs to another user, \
                          run this as that user or as root";
            report.problem("database", format!("{} cannot be used: {}", path.display(), chain(&*error)), advice);
            false
        }
    };
    look_at_rights("database", path, report);
    look_for_room(path, report);
    is_served
}

enum State {
    Missing,
    Closed { nodes: u64 },
    Served { nodes: usize, measurements: u64 },
}

async fn state(path: &Path) -> Result<State, BoxError> {
    if !path.try_exists()? {
        return Ok(State::Missing);
    }
    match RedbRepository::open(path) {
        Ok(repository) => Ok(State::Closed { nodes: repository.node_count().await? }),
        Err(OpenError::Locked { path }) => {
            let Some(server) = Client::find(&path).await? else { return Err(OpenError::Locked { path }.into()) };
            let statistics: api::Statistics = server.ask(Method::GET, "/api/v1/statistics").await?.json().await?;
            Ok(State::Served { nodes: statistics.nodes.len(), measurements: statistics.total.measurements })
        }
        Err(error) => Err(error.into()),
    }
}

/// Looks whether files can be made beside the database, as its first opening and its compaction do.
fn is_writable(path: &Path, report: &mut Report) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) if path.exists() => {}
        Ok(_) => report.ok("database", format!("{} will be made at the first start", path.display())),
        Err(error) => {
            let text = format!("{} is in a folder that cannot be written to: {error}", path.display());
            let advice = "choose another place with DATABASE_URL, or run this as the user of the server";
            report.problem("database", text, advice);
        }
    }
}

/// Warns if others on this machine can read a file, or if it belongs to somebody else.
#[cfg(unix)]
pub(super) fn look_at_rights(about: &'static str, path: &Path, report: &mut Report) {
    use std::os::unix::fs::MetadataExt;

    let Ok(metadata) = path.metadata() else { return };
    let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
    let path = path.display();
    if mode & 0o002 != 0 {
        let text = format!("everybody on this machine can change {path} (its mode is {mode:03o})");
        report.problem(about, text, format!("chmod o-rwx {path}"));
    } else if mode & 0o004 != 0 {
        let text = format!("everybody on this machine can read {path} (its mode is {mode:03o})");
        report.warning(about, text, format!("chmod o-rwx {path}, unless that is intended"));
    }
    let user = rustix::process::geteuid();
    if about == "database" && !user.is_root() && owner != user.as_raw() {
        let text = format!("{path} belongs to user {owner}, and this is user {}", user.as_raw());
        report.warning(about, text, "run the server and its commands as the same user");
    }
}

#[cfg(not(unix))]
pub(super) fn look_at_rights(_: &'static str, _: &Path, _: &mut Report) {}

fn look_for_room(path: &Path, report: &mut Report) {
    let Some(free) = disk::free_at(path) else { return };
    let text = format!("{} are free for {}", Size(free), path.display());
    let advice = "make room, or limit what is kept with ISEMS_RETENTION; `isems-server compact` shrinks the file";
    if free < NO_ROOM {
        report.problem("disk", text, advice);
    } else if free < LITTLE_ROOM {
        report.warning("disk", text, advice);
    } else {
        report.ok("disk", text);
    }
}
