//! The only way into the repository: decoding, storing, accounting.

use std::{collections::BTreeMap, fmt, mem, sync::Arc, time::Instant};

use serde::Serialize;

use crate::{
    Batch, ClockState, Decoded, DroppedCounts, DroppedValue, Expectation, Field, InvalidField, LateRejects, Limits,
    Measurement, NodeId, Outcome, Payload, Reject, RejectCounts, RejectReason, RejectedLine, Repository,
    RepositoryError, Stored, TimeSource, TransportStatus,
    account::Account,
    clock::Clock,
    dating::Dating,
    decode::decode_by,
    delivery::{self, Delivery, Origin},
    journal::{self, Journal},
    limits::{Limiter, Reservation},
    observers::Observers,
};

/// Accepts what a transport has received. Everything that is stored passes through an inbox and is counted there:
/// stored + duplicates + rejected = received. Values dropped from stored lines are counted separately.
#[derive(Clone)]
pub struct Inbox {
    transport: Arc<str>,
    repository: Arc<dyn Repository>,
    account: Account,
    clock: Clock,
    dating: Dating,
    limiter: Arc<Limiter>,
    observers: Observers,
    journal: Arc<Journal>,
}

/// The result of a delivery, returned once everything in it is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The number of lines (or objects) that arrived, without blank lines.
    pub received: u64,
    /// The number of new measurements among them.
    pub stored: u64,
    /// The number of measurements that were already stored with the same values.
    pub duplicates: u64,
    /// The number of rejected lines, by reason.
    pub rejected: RejectCounts,
    /// The first [`Self::REJECTS_TOLD`] of the rejected lines, in order.
    pub rejects: Vec<RejectedLine>,
    /// The number of values dropped from new lines, by field and reason.
    pub dropped: DroppedCounts,
    /// The first [`Self::REJECTS_TOLD`] of the dropped values, in line order.
    pub dropped_values: Vec<DroppedValue>,
    /// The number of bytes at the end that belong to an unfinished line. They are not counted; fetch them again.
    pub incomplete_bytes: usize,
}

impl Receipt {
    /// The number of rejected lines, and of dropped values, that a receipt lists individually.
    pub const REJECTS_TOLD: usize = 100;

    /// The number of lines that were refused for now because of the [limits](Limits). They are accepted when the source
    /// offers them again later, so a transport whose source keeps them should not treat them as read.
    pub fn refused_for_now(&self) -> u64 {
        self.rejected.of(RejectReason::RateLimited) + self.rejected.of(RejectReason::TooManyNodes)
    }

    /// Counts rejected lines, and lists the first ones.
    fn reject(&mut self, lines: &[RejectedLine]) {
        for line in lines {
            self.rejected.add(line.reason, 1);
        }
        self.rejects.extend(lines.iter().take(Self::REJECTS_TOLD).cloned());
        self.rejects.sort_by_key(|reject| reject.line);
        self.rejects.truncate(Self::REJECTS_TOLD);
    }

    /// Counts dropped values, and lists the first ones.
    fn drop_values(&mut self, values: Vec<(NodeId, DroppedValue)>) {
        self.dropped = values.iter().map(|(_, value)| (value.field, value.reason)).collect();
        self.dropped_values = values.into_iter().map(|(_, value)| value).take(Self::REJECTS_TOLD).collect();
    }
}

/// The known facts about a delivery that is about to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The number of bytes at the end that belong to an unfinished line.
    pub incomplete_bytes: usize,
    /// The number of lines that are refused for now, see [`Receipt::refused_for_now`].
    pub refused_for_now: u64,
}

/// Returns nothing to remember.
fn nothing(_: &Pending) -> Option<(String, Vec<u8>)> {
    None
}

impl Inbox {
    /// The number of rejects per node and reason (and field, for dropped values) that the reject log keeps in an hour.
    /// The others are only counted, so that a source that sends nothing but nonsense does not push everything else out.
    /// For all nodes together, 2,000 are kept.
    pub const REJECTS_LOGGED: usize = journal::KEPT_OF_ONE as usize;

    /// Makes an inbox for a transport of this name, with the default limits. A [`Collector`](crate::Collector) makes
    /// one for each of its transports; make one yourself to deliver without a collector.
    pub fn new(transport: &str, repository: Arc<dyn Repository>) -> Self {
        let transport: Arc<str> = transport.into();
        Self {
            account: Account::new(&transport),
            journal: Arc::new(Journal::new(transport.clone())),
            transport,
            repository,
            clock: Clock::default(),
            dating: Dating::default(),
            limiter: Arc::new(Limiter::new(Limits::default())),
            observers: Observers::default(),
        }
    }

    /// Sets limits other than the defaults.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limiter = Arc::new(Limiter::new(limits));
        self
    }

    /// Shares the knowledge about the clock with other inboxes.
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Shares with other inboxes the seconds given to readings without a time.
    pub(crate) fn dating(mut self, dating: Dating) -> Self {
        self.dating = dating;
        self
    }

    /// Passes new measurements to observers.
    pub(crate) fn observers(mut self, observers: Observers) -> Self {
        self.observers = observers;
        self
    }

    /// Decodes and stores a payload, and returns when everything is on disk.
    ///
    /// Bad lines are not an error: they are counted in the receipt, and the last [`Self::REJECTS_LOGGED`] of each
    /// reason are kept in the reject log. So are values that cannot be used, whose lines are stored without them, and
    /// lines beyond the [limits](Limits), see [`Receipt::refused_for_now`]. An error means that nothing of the payload
    /// is known to be stored; deliver it again later.
    pub async fn deliver(&self, payload: Payload<'_>) -> Result<Receipt, RepositoryError> {
        self.deliver_and_remember(payload, nothing).await
    }

    /// Does the same as [`deliver`](Self::deliver), and [remembers](Self::remember) a key and a value in the same
    /// transaction, so that the position up to which a log was read is on disk if and only if the lines before it are.
    /// `remember` is called once, before anything is stored, and not at all if the delivery fails before that.
    pub async fn deliver_and_remember(
        &self,
        payload: Payload<'_>,
        remember: impl FnOnce(&Pending) -> Option<(String, Vec<u8>)> + Send,
    ) -> Result<Receipt, RepositoryError> {
        let started = Instant::now();
        let clock = self.clock.observe(payload.received_at, &*self.repository).await?;
        let mut decoded = decode_by(&payload, clock);
        self.date(&payload, &mut decoded).await?;
        let Decoded { measurements, lines, rejects, dropped, incomplete_bytes, .. } = decoded;
        let origin = self.origin(payload.source, payload.node, payload.received_at);
        let delivery = Delivery { origin, measurements, lines, rejects, dropped, incomplete_bytes, started };
        self.store(delivery, remember).await
    }

    /// Gives each reading without a time a second of its own.
    async fn date(&self, payload: &Payload<'_>, decoded: &mut Decoded) -> Result<(), RepositoryError> {
        if decoded.undated.is_empty() {
            return Ok(());
        }
        let mut readings: BTreeMap<NodeId, Vec<(u32, &mut Measurement)>> = BTreeMap::new();
        for (line, measurement) in decoded.lines.iter().zip(&mut decoded.measurements) {
            if decoded.undated.binary_search(line).is_ok() {
                readings.entry(measurement.node_id.clone()).or_default().push((*line, measurement));
            }
        }
        let mut too_late = Vec::new();
        for readings in readings.into_values() {
            let (lines, mut readings): (Vec<u32>, Vec<&mut Measurement>) = readings.into_iter().unzip();
            let count = self.dating.date(payload.bytes, payload.received_at, &mut readings, &*self.repository).await?;
            too_late.extend_from_slice(&lines[count..]);
        }
        too_late.sort_unstable();
        decoded.reject_lines(&too_late, RejectReason::ClockAhead);
        Ok(())
    }

    /// Stores measurements that the transport decoded itself; their position, counted from 1, serves as the line
    /// number. Measurements with a time that cannot be stored, or that is more than ten minutes after their arrival,
    /// are rejected. Other values that are not [valid](Measurement::validate) are dropped.
    pub async fn deliver_measurements(
        &self,
        source: &str,
        mut measurements: Vec<Measurement>,
    ) -> Result<Receipt, RepositoryError> {
        let started = Instant::now();
        let (mut lines, mut rejects, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        let mut line = 0;
        let Some(received_at) = measurements.iter().map(|measurement| measurement.received_at).max() else {
            return Ok(Receipt::default());
        };
        let clock = self.clock.observe(received_at, &*self.repository).await?;
        measurements.retain_mut(|measurement| {
            line += 1;
            let Err(InvalidField { reason, field }) =
                judge(measurement, clock).and_then(|()| measurement.validate_time())
            else {
                measurement.drop_invalid_values(line, &mut dropped);
                lines.push(line);
                return true;
            };
            let text = Reject::text_of(measurement.to_string().as_bytes());
            rejects.push(RejectedLine { reason, field: Some(field), line, text });
            false
        });
        let origin = self.origin(source, None, received_at);
        let delivery = Delivery { origin, measurements, lines, rejects, dropped, incomplete_bytes: 0, started };
        self.store(delivery, nothing).await
    }

    /// Rejects a whole payload unread: it is counted, and kept in the reject log, as one line.
    pub async fn reject(&self, payload: &Payload<'_>, reason: RejectReason) -> Result<Receipt, RepositoryError> {
        let Payload { source, received_at, ref node, bytes, .. } = *payload;
        let delivery = Delivery {
            origin: self.origin(source, node.clone(), received_at),
            measurements: Vec::new(),
            lines: Vec::new(),
            rejects: vec![RejectedLine { reason, field: None, line: 1, text: Reject::text_of(bytes) }],
            dropped: Vec::new(),
            incomplete_bytes: 0,
            started: Instant::now(),
        };
        self.store(delivery, nothing).await
    }

    /// Keeps a value for the transport across restarts, such as the position up to which a log was read.
    pub async fn remember(&self, key: &str, value: Vec<u8>) -> Result<(), RepositoryError> {
        let metadata = vec![(self.metadata_key(key), value)];
        self.repository.store(Batch { metadata, ..Batch::default() }).await.map(drop)
    }

    /// Returns the value that the transport last [remembered](Self::remember) under a key.
    pub async fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.repository.metadata(&self.metadata_key(key)).await
    }

    /// Reports that a source of the transport (a node, a broker) answers. Logged if that is news.
    pub fn source_up(&self, source: &str) {
        self.account.set_source(source, None);
    }

    /// Reports that a source of the transport does not answer, while the transport continues. Logged if that is news.
    pub fn source_down(&self, source: &str, error: &dyn fmt::Display) {
        self.account.set_source(source, Some(error));
    }

    /// Expects a source to deliver something now and then while it is up; call [`heard`](Self::heard) when it does. If
    /// nothing comes for a long time, the source's status has a note.
    pub fn expect(&self, source: &str, expectation: Expectation) {
        self.account.expect(source, expectation);
    }

    /// Reports that something has come from a source.
    pub fn heard(&self, source: &str) {
        self.account.hear(source);
    }

    /// Logs once if nothing has come for a long time from a source that is expected to deliver something, and returns
    /// when to check again, or `None` if nothing is expected of it.
    pub fn look_for_silence(&self, source: &str) -> Option<tokio::time::Instant> {
        self.account.look_at(source)
    }

    /// Returns the status of the transport.
    pub fn status(&self) -> TransportStatus {
        self.account.snapshot()
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    fn origin(&self, source: &str, node: Option<NodeId>, received_at: i64) -> Arc<Origin> {
        let (transport, journal) = (self.transport.clone(), self.journal.clone());
        Arc::new(Origin { transport, source: source.into(), node, received_at, journal })
    }

    /// Stores a delivery, with everything that belongs to it, in one transaction.
    async fn store(
        &self,
        mut delivery: Delivery,
        remember: impl FnOnce(&Pending) -> Option<(String, Vec<u8>)> + Send,
    ) -> Result<Receipt, RepositoryError> {
        let by_node = delivery.measurements.iter().filter(|measurement| measurement.time_source == TimeSource::Node);
        if let Some(newest) = by_node.map(|measurement| measurement.timestamp).max() {
            self.clock.hear(delivery.origin.received_at, newest);
        }
        let mut receipt = Receipt { incomplete_bytes: delivery.incomplete_bytes, ..Receipt::default() };
        receipt.received = (delivery.measurements.len() + delivery.rejects.len()) as u64;
        let taken = self.admit(&mut delivery).await?;
        let Delivery { origin, measurements, lines, rejects, dropped, started, .. } = delivery;
        receipt.reject(&rejects);
        let pending =
            Pending { incomplete_bytes: receipt.incomplete_bytes, refused_for_now: receipt.refused_for_now() };
        let remembered = remember(&pending).map(|(key, value)| (self.metadata_key(&key), value));
        let mut room = origin.note(rejects.iter().map(delivery::cause_of_line));
        let rejects = origin.lines(rejects, &mut room);
        let late_rejects = {
            let room = origin.room(&dropped);
            let (origin, lines, dropped) = (origin.clone(), lines.clone(), dropped.clone());
            LateRejects::new(move |measurements, stored| {
                let mut room = room.clone();
                let mut late = origin.lines(delivery::conflicts(measurements, &lines, stored), &mut room);
                late.extend(origin.values(delivery::new_values(&dropped, measurements, &lines, stored), &mut room));
                late
            })
        };
        let batch = Batch {
            measurements: measurements.clone(),
            rejects,
            late_rejects: Some(late_rejects),
            metadata: remembered.into_iter().collect(),
        };
        if !batch.is_empty() {
            let stored = self.repository.store(batch).await?;
            taken.spend(stored.stored());
            receipt.stored = stored.stored();
            receipt.duplicates = stored.duplicates();
            let conflicts = delivery::conflicts(&measurements, &lines, &stored);
            let values = delivery::new_values(&dropped, &measurements, &lines, &stored);
            let late = conflicts.iter().map(delivery::cause_of_line);
            origin.note(late.chain(values.iter().map(|(_, value)| delivery::cause_of_value(value))));
            receipt.reject(&conflicts);
            receipt.drop_values(values);
            self.tell_observers(measurements, &stored);
        }
        self.account.add(&receipt, started.elapsed());
        Ok(receipt)
    }

    fn tell_observers(&self, mut measurements: Vec<Measurement>, stored: &Stored) {
        if self.observers.are_there() {
            let mut outcomes = stored.outcomes.iter();
            measurements.retain(|_| outcomes.next() == Some(&Outcome::Stored));
            self.observers.tell(&measurements);
        }
    }

    /// Moves measurements beyond the limits to the rejects.
    async fn admit(&self, delivery: &mut Delivery) -> Result<Reservation<'_>, RepositoryError> {
        let mut lines = BTreeMap::new();
        for measurement in &delivery.measurements {
            match lines.get_mut(&measurement.node_id) {
                Some(lines) => *lines += 1,
                None => drop(lines.insert(measurement.node_id.clone(), 1)),
            }
        }
        let mut taken = Reservation { limiter: &self.limiter, lines: Vec::new() };
        let mut verdicts = BTreeMap::new();
        let mut new_nodes = 0;
        for (node, lines) in lines {
            let is_new = !self.limiter.holds(&node) && self.repository.node(&node).await?.is_none();
            if is_new && !self.has_room_for_node(new_nodes).await? {
                verdicts.insert(node, RejectReason::TooManyNodes);
            } else if self.limiter.take_lines(&node, lines, is_new) {
                new_nodes += usize::from(is_new);
                taken.lines.push((node, lines));
            } else {
                verdicts.insert(node, RejectReason::RateLimited);
            }
        }
        if !verdicts.is_empty() {
            let lines = mem::take(&mut delivery.measurements).into_iter().zip(mem::take(&mut delivery.lines));
            for (measurement, line) in lines {
                if let Some(reason) = verdicts.get(&measurement.node_id) {
                    delivery.rejects.push(delivery::refused(&measurement, line, *reason));
                } else {
                    delivery.measurements.push(measurement);
                    delivery.lines.push(line);
                }
            }
            delivery.rejects.sort_by_key(|reject| reject.line);
        }
        Ok(taken)
    }

    /// Returns whether a new node can be accepted in addition to others that are about to be stored.
    async fn has_room_for_node(&self, others: usize) -> Result<bool, RepositoryError> {
        if !self.limiter.take_new_node() {
            return Ok(false);
        }
        let Some(most) = self.limiter.nodes() else { return Ok(true) };
        Ok(self.repository.node_count().await? + (others as u64) < most as u64)
    }

    fn metadata_key(&self, key: &str) -> String {
        format!("transport/{}/{key}", self.transport)
    }
}

/// Checks the time of a measurement against its arrival, if the clock that showed the arrival can be right.
fn judge(measurement: &Measurement, clock: ClockState) -> Result<(), InvalidField> {
    let latest = measurement.received_at.saturating_add(Measurement::CLOCK_AHEAD_SECONDS);
    let reason = match clock {
        ClockState::Plausible if measurement.timestamp > latest => RejectReason::ClockAhead,
        ClockState::Unset if measurement.time_source == TimeSource::Arrival => RejectReason::ClockUnset,
        _ => return Ok(()),
    };
    Err(InvalidField { reason, field: Field::Timestamp })
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").field("transport", &self.transport).finish_non_exhaustive()
    }
}
