//! A wrong clock of the collector: nothing real is lost for good, and once the clock is right, everything is as before.

use std::sync::Arc;

use isems_core::{
    BoxError, ClockState, Collector, Format, Inbox, Measurement, Payload, RedbRepository, RejectReason, Repository,
    TimeSource, Transport, async_trait,
    testing::{SAMPLE_JSON, sample_measurement},
};

use super::{all_of, node_id};

/// The true time, in 2026.
const NOW: i64 = 1_780_000_000;
const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 86_400;

struct Station {
    inbox: Inbox,
    repository: Arc<RedbRepository>,
}

impl Station {
    fn new() -> Self {
        let repository = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
        Self { inbox: Inbox::new("test", repository.clone()), repository }
    }

    /// Returns the same after a restart of the program.
    fn restarted(self) -> Self {
        Self { inbox: Inbox::new("test", self.repository.clone()), ..self }
    }

    /// Delivers a line, and returns why it is not stored, if it is not.
    async fn line(&self, measured: i64, clock: i64) -> Result<(), RejectReason> {
        let line = sample_measurement("Hut", measured).to_string();
        self.deliver(Format::Csvlog, &line, clock).await
    }

    async fn json(&self, clock: i64) -> Result<(), RejectReason> {
        self.deliver(Format::Json, SAMPLE_JSON, clock).await
    }

    async fn deliver(&self, format: Format, text: &str, clock: i64) -> Result<(), RejectReason> {
        let payload = Payload { format, node: Some(node_id("Hut")), ..Payload::csvlog(text.as_bytes(), "a test") };
        let payload = Payload { received_at: clock, ..payload };
        let receipt = self.inbox.deliver(payload).await.expect("it is stored");
        assert_eq!(receipt.received, receipt.stored + receipt.rejected.total());
        receipt.rejected.iter().next().map_or(Ok(()), |(reason, _)| Err(reason))
    }

    async fn all(&self) -> Vec<(i64, TimeSource, i64)> {
        let all = all_of(&*self.repository, "Hut").await;
        all.iter().map(|one| (one.timestamp, one.time_source, one.received_at)).collect()
    }
}

#[tokio::test]
async fn an_unset_clock_judges_nobody_and_dates_nothing() {
    let station = Station::new();
    assert_eq!(station.line(NOW, 30).await, Ok(()));
    assert_eq!(station.line(0, 45).await, Err(RejectReason::ClockUnset));
    assert_eq!(station.json(45).await, Err(RejectReason::ClockUnset));
    assert_eq!(station.json(ClockState::UNSET_BEFORE - 1).await, Err(RejectReason::ClockUnset));
    assert_eq!(station.line(1 << 32, 45).await, Err(RejectReason::ClockAhead), "no clock shows 2106");
    let station = station.restarted();
    assert_eq!(station.line(NOW + 60, 90).await, Ok(()));

    assert_eq!(station.line(NOW + 120, NOW + 120).await, Ok(()));
    assert_eq!(station.json(NOW + 130).await, Ok(()));
    assert_eq!(station.line(0, NOW + 140).await, Ok(()), "it is dated by its arrival");
    assert_eq!(station.line(NOW + YEAR, NOW + 150).await, Err(RejectReason::ClockAhead));
    let expected = [
        (NOW, TimeSource::Node, 30),
        (NOW + 60, TimeSource::Node, 90),
        (NOW + 120, TimeSource::Node, NOW + 120),
        (NOW + 130, TimeSource::Arrival, NOW + 130),
        (NOW + 140, TimeSource::Arrival, NOW + 140),
    ];
    assert_eq!(station.all().await, expected);
    station.repository.seal(NOW + YEAR).await.expect("it can be sealed");
    assert_eq!(station.all().await, expected, "sealing keeps it");
}

#[tokio::test]
async fn a_clock_that_jumps_back_rejects_no_one() {
    let mut station = Station::new();
    assert_eq!(station.line(NOW, NOW + 5).await, Ok(()));
    for restarts in [false, true] {
        if restarts {
            station = station.restarted();
        }
        for minute in 1..150 {
            let second = 60 * minute + i64::from(restarts);
            assert_eq!(station.line(NOW + second, NOW + second - HOUR).await, Ok(()), "minute {minute}");
        }
        assert_eq!(station.json(NOW - HOUR + i64::from(restarts)).await, Ok(()));
    }
    let later = NOW + 3 * HOUR;
    assert_eq!(station.line(later, later).await, Ok(()));
    assert_eq!(station.line(later + 601, later).await, Err(RejectReason::ClockAhead), "it is as before");
}

#[tokio::test]
async fn a_clock_that_was_ahead_is_believed_again_when_nodes_agree() {
    let mut station = Station::new();
    assert_eq!(station.line(NOW, NOW + YEAR).await, Ok(()));
    assert_eq!(station.json(NOW + YEAR).await, Ok(()));
    for restarts in [false, true] {
        if restarts {
            station = station.restarted();
        }
        let start = NOW + 1000 + HOUR * i64::from(restarts);
        assert_eq!(station.json(start).await, Ok(()));
        assert_eq!(station.line(start + HOUR + 1, start).await, Ok(()), "who is ahead cannot be told yet");
        for minute in 1..20 {
            assert_eq!(station.line(start + 60 * minute, start + 60 * minute + 5).await, Ok(()));
        }
        assert_eq!(station.line(start + 2 * HOUR, start + 1300).await, Err(RejectReason::ClockAhead));
    }
}

#[tokio::test]
async fn nodes_that_contradict_outvote_one_that_agrees() {
    let station = Station::new();
    assert_eq!(station.line(NOW, NOW).await, Ok(()));
    for minute in 1..50 {
        let clock = NOW + 60 * minute - HOUR;
        assert_eq!(station.line(clock - 1, clock).await, Ok(()), "the clock of this one is an hour late, too");
        assert_eq!(station.line(NOW + 60 * minute, clock).await, Ok(()));
        assert_eq!(station.line(NOW + 60 * minute + 1, clock).await, Ok(()));
    }
}

#[tokio::test]
async fn small_steps_of_the_clock_mean_nothing() {
    let station = Station::new();
    assert_eq!(station.line(NOW, NOW).await, Ok(()));
    assert_eq!(station.line(NOW - 1, NOW - 600).await, Ok(()));
    assert_eq!(station.line(NOW + 1, NOW - 600).await, Err(RejectReason::ClockAhead));
}

#[tokio::test]
async fn ready_measurements_are_judged_alike() {
    let station = Station::new();
    let at = |timestamp, received_at| Measurement { received_at, ..sample_measurement("Hut", timestamp) };
    let undated = Measurement { time_source: TimeSource::Arrival, ..at(1_600_000_000, 1_600_000_000) };
    let deliver = async |measurement| {
        let receipt = station.inbox.deliver_measurements("a test", vec![measurement]).await.expect("it is stored");
        receipt.rejected.iter().next().map(|(reason, _)| reason)
    };
    assert_eq!(deliver(at(NOW, 10)).await, None);
    assert_eq!(deliver(undated).await, Some(RejectReason::ClockUnset));
    assert_eq!(deliver(at(NOW + 601, NOW)).await, Some(RejectReason::ClockAhead));
    assert_eq!(deliver(at(NOW + 600, NOW)).await, None);
    assert_eq!(deliver(at(NOW + HOUR, NOW - HOUR)).await, None);
}

struct Once(i64);

#[async_trait]
impl Transport for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let line = sample_measurement("Hut", NOW).to_string();
        inbox.deliver(Payload { received_at: self.0, ..Payload::csvlog(line.as_bytes(), "a test") }).await?;
        Ok(())
    }
}

#[tokio::test]
async fn the_monitor_tells() {
    for (arrival, state) in [(NOW, ClockState::Plausible), (NOW + 50 * YEAR, ClockState::Behind)] {
        let repository = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
        let collector = Collector::new(repository.clone()).transport(Once(arrival)).unwrap();
        let monitor = collector.monitor();
        assert_eq!(monitor.clock(), ClockState::Plausible);
        collector.run(std::future::pending()).await;
        assert_eq!(monitor.clock(), state);
        assert_eq!(repository.nodes().await.expect("it can be read").len(), 1);
    }
}
