//! The feed from the files' readers: it groups measurements by week, and passes them on in batches.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isems_core::{
    ClockState, DroppedValue, Measurement, NodeId, Reject, RejectKind, RejectReason, RejectedLine, unix_now,
};
use tokio::sync::mpsc::Sender;

use super::{
    TRANSPORT,
    packed::{Packed, SourceLine},
    pending::PendingWeeks,
    progress::Progress,
    report::Report,
};

/// The approximate number of measurements stored in one transaction. Including the overhead of storing, they take 60
/// MB.
const MEASUREMENTS_A_BATCH: usize = 80_000;

/// The maximum number of rejects per file kept in the reject log; the others are only counted.
pub(super) const REJECTS_LOGGED: usize = 1_000;

/// The number of rejects from finished files that wait for a batch.
const REJECTS_A_BATCH: usize = 5 * REJECTS_LOGGED;

/// The number of measurements between two checks for complete weeks.
const MEASUREMENTS_A_LOOK: usize = 10_000;

/// A part of an import that is stored at once.
#[derive(Debug, Default)]
pub(super) struct ImportBatch {
    pub(super) weeks: Vec<Packed>,
    pub(super) rejects: Vec<Reject>,
}

/// The way from the readers of files to the repository.
pub(super) struct Feed {
    batches: Sender<ImportBatch>,
    report: Arc<Mutex<Report>>,
    pub(super) progress: Progress,
    now: i64,
    pending: PendingWeeks,
    unlooked: usize,
    batch: ImportBatch,
    measurements: usize,
    file: u32,
    source: String,
    /// The newest rejects of the file.
    rejects: VecDeque<Reject>,
    /// Set once the file contains something that is a measurement, or nearly.
    is_recognized: bool,
    has_rejects: bool,
}

impl Feed {
    pub(super) fn new(batches: Sender<ImportBatch>, report: Arc<Mutex<Report>>, progress: Progress) -> Self {
        Self {
            batches,
            report,
            progress,
            now: unix_now(),
            pending: PendingWeeks::default(),
            unlooked: 0,
            batch: ImportBatch::default(),
            measurements: 0,
            file: 0,
            source: String::new(),
            rejects: VecDeque::new(),
            is_recognized: false,
            has_rejects: false,
        }
    }

    /// The time at which the import of the file began, Unix seconds, UTC. No measurement in it can be much later.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Returns whether that time can be right.
    pub(super) fn clock(&self) -> ClockState {
        if self.now < ClockState::UNSET_BEFORE { ClockState::Unset } else { ClockState::Plausible }
    }

    /// Returns whether the receiver is gone, so that reading on is pointless.
    pub(super) fn is_over(&self) -> bool {
        self.batches.is_closed()
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, file: u32, source: &str) {
        self.now = unix_now();
        self.file = file;
        source.clone_into(&mut self.source);
        (self.is_recognized, self.has_rejects) = (false, false);
    }

    /// Returns whether nothing in the file is a measurement although it is not empty. Its lines are then not worth
    /// keeping.
    pub(super) fn is_wrong_file(&mut self) -> bool {
        let is_wrong = self.has_rejects && !self.is_recognized;
        if is_wrong {
            self.rejects.clear();
        }
        is_wrong
    }

    /// Ends a file.
    pub(super) fn end(&mut self) {
        self.batch.rejects.extend(self.rejects.drain(..));
        if self.batch.rejects.len() >= REJECTS_A_BATCH {
            self.send();
        }
    }

    /// Adds a measurement from a line of the file, and the values dropped from it.
    pub(super) fn decoded(
        &mut self,
        line: u32,
        measurement: Measurement,
        dropped: impl IntoIterator<Item = DroppedValue>,
    ) {
        for value in dropped {
            self.drop_value(&measurement.node_id, value);
        }
        self.measurement(line, measurement);
    }

    /// Adds a valid measurement from a line of the file.
    pub(super) fn measurement(&mut self, line: u32, measurement: Measurement) {
        self.is_recognized = true;
        self.pending.push(measurement, SourceLine { file: self.file, line });
        self.unlooked += 1;
        if self.unlooked >= MEASUREMENTS_A_LOOK {
            self.unlooked = 0;
            let mut complete = Vec::new();
            self.pending.take_complete(&mut complete);
            self.deliver(complete);
        }
    }

    /// Adds a bad line of the file. The node is the one that it names, if that can be told.
    pub(super) fn reject(&mut self, line: RejectedLine, node: Option<String>) {
        self.has_rejects = true;
        // These reasons show that the line has the right format and all of its fields.
        self.is_recognized |= matches!(
            line.reason,
            RejectReason::Placeholder
                | RejectReason::TimestampInvalid
                | RejectReason::ClockUnset
                | RejectReason::ClockAhead
        );
        self.report().reject(line.reason, &self.source, line.line, &line.text);
        self.log(Reject {
            kind: RejectKind::Line,
            received_at: self.now,
            transport: TRANSPORT.into(),
            source: self.source.clone(),
            node,
            reason: line.reason,
            field: line.field.map(|field| field.name().into()),
            line: line.line,
            text: line.text,
        });
    }

    /// Adds an unusable value from a line of the file, which is stored without it.
    pub(super) fn drop_value(&mut self, node: &NodeId, value: DroppedValue) {
        let DroppedValue { reason, field, line, text } = value;
        self.report().drop_value(field, reason, &self.source, line, &text);
        self.log(Reject {
            kind: RejectKind::Value,
            received_at: self.now,
            transport: TRANSPORT.into(),
            source: self.source.clone(),
            node: Some(node.to_string()),
            reason,
            field: Some(field.name().into()),
            line,
            text,
        });
    }

    fn log(&mut self, reject: Reject) {
        if self.rejects.len() >= REJECTS_LOGGED {
            self.rejects.pop_front();
        }
        self.rejects.push_back(reject);
    }

    /// Counts times for which the wall clock does not tell whether they were before or after the change to winter time.
    pub(super) fn ambiguous_times(&mut self, count: u64) {
        self.report().ambiguous_times += count;
    }

    /// Passes on everything that is left.
    pub(super) fn finish(mut self) {
        let mut rest = Vec::new();
        self.pending.take_all(&mut rest);
        self.deliver(rest);
        self.send();
    }

    fn deliver(&mut self, weeks: Vec<Packed>) {
        for week in weeks {
            self.measurements += week.measurements();
            self.batch.weeks.push(week);
            if self.measurements >= MEASUREMENTS_A_BATCH {
                self.send();
            }
        }
    }

    fn send(&mut self) {
        self.measurements = 0;
        let batch = std::mem::take(&mut self.batch);
        if !(batch.weeks.is_empty() && batch.rejects.is_empty()) {
            // An error means that the receiver is gone, as `is_over` reports.
            let _ = self.batches.blocking_send(batch);
        }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A measurement that is not stored because its node and second already have other values.
pub(super) fn conflict(measurement: &Measurement, source: &str, line: u32) -> Reject {
    Reject {
        kind: RejectKind::Line,
        received_at: unix_now(),
        transport: TRANSPORT.into(),
        source: source.into(),
        node: Some(measurement.node_id.to_string()),
        reason: RejectReason::Conflict,
        field: None,
        line,
        text: Reject::text_of(measurement.to_string().as_bytes()),
    }
}
