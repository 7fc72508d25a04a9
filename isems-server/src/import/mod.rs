//! `isems-server import`: imports logs, the output of `export` and the HTTP service, and the database of the Python
//! collector straight into sealed blocks.
//!
//! One thread reads and decodes (`input`, `lines`, `json`, `sqlite` with `autumn`) and fills a `feed`, in which
//! measurements wait, `packed`, until their weeks are complete (`pending`). Complete weeks are passed to the repository
//! in batches.

mod autumn;
mod feed;
mod input;
mod json;
mod lines;
mod looks;
mod packed;
mod pending;
mod progress;
mod report;
mod scratch;
mod sqlite;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use isems_core::{
    Batch, BoxError, Measurement, NodeId, OpenError, RedbOptions, RedbRepository, Reject, RejectReason, Repository,
    RepositoryError,
};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::timeout,
};
use tracing::{debug, error, info};

use self::{
    feed::{Feed, ImportBatch, REJECTS_LOGGED},
    input::Input,
    packed::Packed,
    progress::Progress,
    report::Report,
    scratch::Scratch,
};

/// The transport named in the rejects of an import.
const TRANSPORT: &str = "import";

/// The time that an interrupted import waits for the file being read.
const GRACE: Duration = Duration::from_secs(2);

/// The arguments of import.
#[derive(Debug, Args)]
#[command(after_help = "\
A file is a csvlog, an export of this program or its HTTP service (CSV with any separator, JSON
lines or pages of JSON), or the SQLite database of the Python collector; text may be compressed
with gzip. The format is detected. - is standard input, so that

    isems-server export --format ndjson | isems-server import - --database-url other.redb

copies one database to another. Folders are searched recursively for *.log, *.csv, *.ndjson,
*.json and *csvlog*, also with .gz, and *.sqlite; files that you name are always read. No file
is modified.

Measurements that are already stored count as duplicates, so you can repeat an import, or resume
one that was interrupted.")]
pub struct ImportArguments {
    /// Logs, exports, folders of such files, the database of the Python collector, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Imports every file into the database at a path, and writes a report. Returns whether all of them could be read
/// before `stop` was ready.
pub async fn import(
    arguments: &ImportArguments,
    database: &Path,
    mut output: impl Write,
    stop: impl Future<Output = ()>,
) -> Result<bool, BoxError> {
    let start = Instant::now();
    let mut report = Report::default();
    let mut inputs = Vec::new();
    for path in &arguments.files {
        match input::find(path) {
            Ok(found) => inputs.extend(found),
            Err(error) => {
                error!(path = %path.display(), %error, "cannot read");
                report.fail(path, error.to_string());
            }
        }
    }
    let report = Arc::new(Mutex::new(report));
    let result = if inputs.is_empty() { Ok(()) } else { run(database, inputs, &report, stop).await };
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.took = start.elapsed();
    if result.is_ok() || report.stored + report.duplicates > 0 {
        write!(output, "{report}")?;
        output.flush()?;
    }
    result.map(|()| report.failed.is_empty() && !report.is_interrupted)
}

async fn run(
    path: &Path,
    inputs: Vec<Input>,
    report: &Arc<Mutex<Report>>,
    stop: impl Future<Output = ()>,
) -> Result<(), BoxError> {
    let repository = RedbOptions::default().open(path).map_err(|error| match error {
        OpenError::Locked { .. } => BoxError::from(format!(
            "cannot import into {}: another process, probably a server, has it open; stop it, import, and start it \
             again afterwards",
            path.display()
        )),
        error => error.into(),
    })?;
    let sources = inputs.iter().map(|input| input.path.display().to_string()).collect();
    let bytes = inputs.iter().map(|input| input.bytes).sum();
    info!(files = inputs.len(), bytes, database = %path.display(), "importing");
    let scratch = Arc::new(Scratch::beside(path));
    let progress = Progress::new(bytes);
    let (sender, receiver) = channel(1);
    let feed = Feed::new(sender, report.clone(), progress.clone());
    let (room, told) = (scratch.clone(), report.clone());
    // This is not one of the runtime's threads, which are waited for at the end, because reading can hang.
    let reader = thread::Builder::new().name("isems-import".into()).spawn(move || read(&inputs, &room, feed, &told))?;
    let mut store = Store { repository, sources, conflicts_logged: BTreeMap::new(), report: report.clone(), progress };
    let stored = store.run(receiver, stop).await;
    let has_ended = async {
        while !reader.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let ended = timeout(GRACE, has_ended).await;
    store.progress.end();
    scratch.remove();
    stored?;
    if ended.is_ok() && reader.join().is_err() {
        return Err("reading the files failed; what was stored so far stays".into());
    }
    Ok(())
}

/// Reads every file, until all are read or the receiver is gone.
fn read(inputs: &[Input], scratch: &Scratch, mut feed: Feed, report: &Mutex<Report>) {
    for (number, input) in (0..).zip(inputs) {
        feed.begin(number, &input.path.display().to_string());
        let result = input.read(scratch, &mut feed);
        feed.end();
        if feed.is_over() {
            return;
        }
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => report.files_read += 1,
            Err(error) => {
                feed.progress.aside(|| error!(path = %input.path.display(), %error, "cannot read to its end"));
                report.fail(&input.path, error.to_string());
            }
        }
    }
    feed.finish();
}

/// The receiving end of the batches.
struct Store {
    repository: RedbRepository,
    /// The name of each file, by number.
    sources: Vec<String>,
    /// The number of conflicts of each file in the reject log.
    conflicts_logged: BTreeMap<u32, usize>,
    report: Arc<Mutex<Report>>,
    progress: Progress,
}

impl Store {
    /// Stores batches until all have arrived or `stop` is ready. A batch under way is finished.
    async fn run(
        &mut self,
        mut batches: Receiver<ImportBatch>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), RepositoryError> {
        let mut stop = pin!(stop);
        let mut last_logged = Instant::now();
        loop {
            let delivery = tokio::select! {
                biased;
                () = &mut stop => {
                    self.report.lock().unwrap_or_else(PoisonError::into_inner).is_interrupted = true;
                    return Ok(());
                }
                delivery = batches.recv() => delivery,
            };
            let Some(delivery) = delivery else { return Ok(()) };
            self.store(delivery).await?;
            let measurements = {
                let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
                report.stored + report.duplicates
            };
            debug!(measurements, "a batch is stored");
            self.progress.show(measurements, &mut last_logged);
        }
    }

    async fn store(&mut self, ImportBatch { weeks, rejects }: ImportBatch) -> Result<(), RepositoryError> {
        let mut measurements = Vec::with_capacity(weeks.iter().map(Packed::measurements).sum());
        for week in &weeks {
            measurements.extend(week.unpack().map(|(measurement, _)| measurement));
        }
        let outcome = self.repository.import(Batch { measurements, rejects, ..Batch::default() }).await?;
        {
            let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
            report.stored += outcome.stored;
            report.duplicates += outcome.duplicates;
        }
        if !outcome.conflicts.is_empty() {
            let rejects = self.conflicts(&weeks, &outcome.conflicts);
            self.repository.store(Batch { rejects, ..Batch::default() }).await?;
        }
        Ok(())
    }

    /// Makes the rejects of conflicts, at most as many per file as of other bad lines.
    fn conflicts(&mut self, weeks: &[Packed], conflicts: &[Measurement]) -> Vec<Reject> {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_key: BTreeMap<(NodeId, i64), Vec<&Measurement>> = BTreeMap::new();
        for conflict in conflicts {
            by_key.entry((conflict.node_id.clone(), conflict.timestamp)).or_default().push(conflict);
        }
        let mut rejects = Vec::new();
        for (measurement, origin) in weeks.iter().flat_map(Packed::unpack) {
            let Some(conflicts) = by_key.get_mut(&(measurement.node_id.clone(), measurement.timestamp)) else {
                continue;
            };
            let Some(place) = conflicts.iter().position(|conflict| conflict.same_values(&measurement)) else {
                continue;
            };
            conflicts.swap_remove(place);
            let source = &self.sources[origin.file as usize];
            let reject = feed::conflict(&measurement, source, origin.line);
            report.reject(RejectReason::Conflict, source, origin.line, &reject.text);
            let logged = self.conflicts_logged.entry(origin.file).or_default();
            if *logged < REJECTS_LOGGED {
                *logged += 1;
                rejects.push(reject);
            }
        }
        rejects
    }
}
