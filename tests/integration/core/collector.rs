//! The collector: running, supervising, stopping.

use std::{
    future::{self, Future},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use isems_core::{
    Backoff, BoxError, Collector, Inbox, InvalidTransportName, Monitor, Payload, RedbRepository, RejectReason,
    Repository, RepositoryError, Totals, Transport, TransportState, TransportStatus, async_trait,
    testing::{FailingRepository, SAMPLE_LINE_19, drive, drive_into},
};
use tokio::{sync::oneshot, time};

use super::line_with;

/// A transport that runs the given function, which gets the number of earlier runs.
struct Acting<F> {
    name: &'static str,
    runs: usize,
    act: F,
}

fn acting<F, R>(name: &'static str, act: F) -> Acting<F>
where
    F: FnMut(usize, Inbox) -> R + Send + 'static,
    R: Future<Output = Result<(), BoxError>> + Send,
{
    Acting { name, runs: 0, act }
}

#[async_trait]
impl<F, R> Transport for Acting<F>
where
    F: FnMut(usize, Inbox) -> R + Send,
    R: Future<Output = Result<(), BoxError>> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        self.runs += 1;
        (self.act)(self.runs - 1, inbox.clone()).await
    }
}

fn repository() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory suffices"))
}

fn quick() -> Backoff {
    Backoff::new(Duration::from_millis(1), Duration::from_millis(5))
}

async fn deliver(inbox: &Inbox, text: &str) -> Result<(), BoxError> {
    inbox.deliver(Payload::csvlog(text.as_bytes(), "a test")).await?;
    Ok(())
}

fn statuses(monitor: &Monitor) -> Vec<(String, TransportState)> {
    monitor.transports().into_iter().map(|status| (status.name, status.state)).collect()
}

/// Waits until a monitor shows something.
async fn wait_until(monitor: &Monitor, condition: impl Fn(&[TransportStatus]) -> bool) {
    let holds = async {
        while !condition(&monitor.transports()) {
            time::sleep(Duration::from_millis(2)).await;
        }
    };
    time::timeout(Duration::from_secs(30), holds)
        .await
        .unwrap_or_else(|_| panic!("the condition does not hold: {:#?}", monitor.transports()));
}

#[tokio::test]
async fn ok_ends() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = runs.clone();
    let transport = acting("one", move |_, inbox| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { deliver(&inbox, SAMPLE_LINE_19).await }
    });
    let collector = Collector::new(repository()).transport(transport).unwrap();
    let monitor = collector.monitor();
    assert_eq!(statuses(&monitor), [("one".into(), TransportState::Starting)]);
    collector.run(future::pending()).await;
    assert_eq!(statuses(&monitor), [("one".into(), TransportState::Ended)]);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(monitor.transports()[0].last_error, None);
}

#[tokio::test]
async fn a_monitor_knows_transports_that_are_added_later() {
    let lines = |line: &'static str| move |_, inbox: Inbox| async move { deliver(&inbox, line).await };
    let collector = Collector::new(repository());
    let (monitor, mut wanted) = (collector.monitor(), Vec::new());
    assert!(monitor.transports().is_empty() && monitor.totals() == Totals::default());
    let collector = collector.transport(acting("good", lines(SAMPLE_LINE_19))).unwrap();
    wanted.push(("good".into(), TransportState::Starting));
    assert_eq!(statuses(&monitor), wanted);
    let collector = collector.transport(acting("bad", lines("nonsense\nmore of it"))).unwrap();
    wanted.push(("bad".into(), TransportState::Starting));
    assert_eq!(statuses(&monitor), wanted);
    collector.run(future::pending()).await;
    let totals = monitor.totals();
    assert_eq!((totals.received, totals.stored, totals.duplicates), (3, 1, 0));
    assert_eq!(totals.rejected.of(RejectReason::FieldCount), 2);
}

#[tokio::test]
async fn two_transports_with_one_name_are_refused_and_so_is_a_name_that_is_none() {
    let idle = |name| acting(name, |_, _| async { Ok(()) });
    let collector = || Collector::new(repository()).transport(idle("mqtt")).unwrap();
    let error = collector().transport(idle("mqtt")).unwrap_err();
    assert_eq!(error, InvalidTransportName::Taken { name: "mqtt".into() });
    assert_eq!(error.to_string(), "two transports are named \"mqtt\"; rename one of them");
    let long = "m".repeat(65).leak();
    for (name, problem) in [
        ("", "it is empty"),
        (long, "longer than 64 bytes"),
        ("two words", "white space"),
        ("bell\u{7}", "control characters"),
        ("mqtt/2", "contains `/`"),
        ("Uplink", "upper-case"),
    ] {
        let error = collector().transport(idle(name)).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains(&format!("{name:?}")), "{error}");
    }
    for name in ["mqtt-2", "k\u{fc}che", "a.b_c"] {
        collector().transport(idle(name)).unwrap();
    }
}

#[tokio::test]
async fn a_collector_without_transports_ends() {
    Collector::new(repository()).run(future::pending()).await;
}

#[tokio::test]
async fn err_is_called_again() {
    let transport = acting("stubborn", |run, inbox| async move {
        if run < 3 {
            return Err(format!("failure {run}").into());
        }
        deliver(&inbox, SAMPLE_LINE_19).await
    });
    let driven = drive(transport, async |driven| driven.status.state == TransportState::Ended).await;
    assert_eq!(driven.status.stored, 1);
    assert_eq!(driven.status.last_error.expect("it failed").message, "failure 2");
}

#[tokio::test]
async fn an_error_is_told_with_its_causes() {
    let transport = acting("unlucky", |_, inbox| async move { deliver(&inbox, SAMPLE_LINE_19).await });
    let failing = Arc::new(FailingRepository::new(repository(), 1));
    let driven = drive_into(failing, transport, async |driven| driven.status.stored == 1).await;
    let error = driven.status.last_error.expect("it failed").message;
    assert_eq!(error, "cannot write the database: a failure for the test");
}

#[tokio::test]
async fn a_panic_harms_no_other_and_is_called_again() {
    let clumsy = acting("clumsy", |run, inbox| async move {
        assert!(run > 1, "stumbled in run {run}");
        deliver(&inbox, &line_with(1, "Clumsy")).await?;
        future::pending().await
    });
    let early = acting("early", |run, _| {
        assert!(run > 0, "before the first await");
        async { Ok(()) }
    });
    let calm = acting("calm", |_, inbox| async move {
        deliver(&inbox, &line_with(1, "Calm")).await?;
        future::pending().await
    });
    let repository = repository();
    let collector = Collector::new(repository.clone())
        .backoff(quick())
        .transport(clumsy)
        .unwrap()
        .transport(early)
        .unwrap()
        .transport(calm)
        .unwrap();
    let monitor = collector.monitor();
    let done =
        wait_until(&monitor, |all| all[0].stored == 1 && all[1].state == TransportState::Ended && all[2].stored == 1);
    collector.run(done).await;
    let statuses = monitor.transports();
    assert_eq!(statuses[0].last_error.as_ref().expect("it panicked").message, "panicked: stumbled in run 1");
    assert_eq!(statuses[1].last_error.as_ref().expect("it panicked").message, "panicked: before the first await");
    assert_eq!(statuses[2].last_error, None);
    assert_eq!(repository.nodes().await.expect("it can be read").len(), 2);
}

/// Reports that it is dropped.
struct Guard(Option<oneshot::Sender<()>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

#[tokio::test]
async fn stopping_drops_what_runs() {
    let (sender, mut dropped) = oneshot::channel();
    let mut sender = Some(sender);
    let running = acting("running", move |_, inbox| {
        let guard = Guard(sender.take());
        async move {
            let _guard = guard;
            deliver(&inbox, SAMPLE_LINE_19).await?;
            future::pending().await
        }
    });
    let collector = Collector::new(repository()).transport(running).unwrap();
    let monitor = collector.monitor();
    collector.run(wait_until(&monitor, |all| all[0].stored == 1)).await;
    assert_eq!(dropped.try_recv(), Ok(()), "the future is gone when the collector has returned");
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_back_off() {
    let failing = acting("failing", |_, _| async { Err("no luck".into()) });
    let backoff = Backoff::new(Duration::from_hours(1), Duration::from_hours(1));
    let collector = Collector::new(repository()).backoff(backoff).transport(failing).unwrap();
    let monitor = collector.monitor();
    collector.run(wait_until(&monitor, |all| all[0].state == TransportState::Waiting)).await;
}

#[tokio::test]
async fn a_collector_that_is_dropped_stops_its_transports() {
    let (sender, dropped) = oneshot::channel();
    let mut sender = Some(sender);
    let running = acting("running", move |_, _| {
        let guard = Guard(sender.take());
        async move {
            let _guard = guard;
            future::pending().await
        }
    });
    let collector = Collector::new(repository()).transport(running).unwrap();
    let monitor = collector.monitor();
    tokio::select! {
        () = collector.run(future::pending()) => panic!("it runs for ever"),
        () = wait_until(&monitor, |all| all[0].state == TransportState::Running) => {}
    }
    time::timeout(Duration::from_secs(30), dropped).await.expect("it is dropped").expect("the guard tells so");
}

#[tokio::test]
async fn each_transport_has_its_own_counters() {
    let good = acting("good", |_, inbox| async move {
        deliver(&inbox, &format!("{}\n{}\n", line_with(1, "Hut"), line_with(1, "Hut"))).await?;
        inbox.source_up("hut");
        Ok(())
    });
    let bad = acting("bad", |_, inbox| async move {
        deliver(&inbox, "rubbish\n").await?;
        inbox.source_down("barn", &"unreachable");
        inbox.source_up("shed");
        Ok(())
    });
    let collector = Collector::new(repository()).transport(good).unwrap().transport(Box::new(bad)).unwrap();
    let monitor = collector.monitor();
    collector.run(future::pending()).await;
    let [good, bad] = &*monitor.transports() else { panic!("there are two transports") };
    assert_eq!((good.received, good.stored, good.duplicates, good.rejected.total()), (2, 1, 1, 0));
    assert_eq!((bad.received, bad.stored, bad.duplicates, bad.rejected.total()), (1, 0, 0, 1));
    assert_eq!(bad.rejected.of(RejectReason::FieldCount), 1);
    let up = |status: &TransportStatus| status.sources.iter().map(|(name, s)| (name.clone(), s.up)).collect::<Vec<_>>();
    assert_eq!(up(good), [("hut".into(), true)]);
    assert_eq!(up(bad), [("barn".into(), false), ("shed".into(), true)]);
    assert_eq!(bad.state, TransportState::Ended);
}

/// Returns the delays between the runs of a transport, on a clock that stands still while work is done.
async fn waits(runs: usize, act: impl Fn(usize, Inbox) -> future::Ready<bool> + Send + Sync + 'static) -> Vec<f64> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let act = Arc::new(act);
    let log = times.clone();
    let transport = acting("failing", move |run, inbox| {
        let (log, act) = (log.clone(), act.clone());
        async move {
            let started = time::Instant::now();
            if act(run, inbox.clone()).await {
                deliver(&inbox, SAMPLE_LINE_19).await?;
            }
            log.lock().expect("no test panics with it").push((started, time::Instant::now()));
            if run < runs { Err("failed".into()) } else { Ok(()) }
        }
    });
    Collector::new(repository()).transport(transport).unwrap().run(future::pending()).await;
    let times = times.lock().expect("no test panics with it");
    times.windows(2).map(|pair| (pair[1].0 - pair[0].1).as_secs_f64()).collect()
}

/// Returns whether each delay is as expected, give or take a quarter.
#[track_caller]
fn assert_waits(waits: &[f64], expected: &[f64]) {
    assert_eq!(waits.len(), expected.len());
    for (wait, expected) in waits.iter().zip(expected) {
        // The clock has milliseconds.
        assert!((wait - expected).abs() <= expected / 4.0 + 0.002, "{waits:?} are not {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_a_minute() {
    let waits = waits(10, |_, _| future::ready(false)).await;
    assert_waits(&waits, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]);
}

#[tokio::test(start_paused = true)]
async fn waits_start_over_after_a_delivery() {
    let waits = waits(9, |run, _| future::ready(run == 4 || run == 5)).await;
    assert_waits(&waits, &[1.0, 2.0, 4.0, 8.0, 1.0, 1.0, 2.0, 4.0, 8.0]);
}

#[tokio::test(start_paused = true)]
async fn waits_start_over_after_a_long_run() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let log = starts.clone();
    let transport = acting("quiet", move |run, _| {
        log.lock().expect("no test panics with it").push(time::Instant::now());
        async move {
            if run == 3 {
                time::sleep(Duration::from_hours(1)).await;
            }
            if run < 5 { Err("failed".into()) } else { Ok(()) }
        }
    });
    Collector::new(repository()).transport(transport).unwrap().run(future::pending()).await;
    let starts = starts.lock().expect("no test panics with it");
    let waits: Vec<_> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    assert_waits(&[&waits[..3], &[waits[3] - 3600.0, waits[4]]].concat(), &[1.0, 2.0, 4.0, 1.0, 2.0]);
}

#[test]
fn a_back_off_varies_by_a_quarter() {
    let mut backoff = Backoff::new(Duration::from_secs(100), Duration::from_secs(1000));
    for expected in [100.0, 200.0, 400.0, 800.0, 1000.0, 1000.0] {
        let wait = backoff.next_wait().as_secs_f64();
        assert!((expected * 0.75..=expected * 1.25).contains(&wait), "{wait} instead of {expected}");
    }
    let first: Vec<_> = (0..20)
        .map(|_| {
            backoff.reset();
            backoff.next_wait()
        })
        .collect();
    assert!(first.iter().any(|wait| *wait != first[0]), "many that failed together do not all come back together");
    for _ in 0..100 {
        assert!(backoff.next_wait() <= Duration::from_secs(1250));
    }
}

#[tokio::test]
#[should_panic(expected = "the condition does not hold")]
async fn driving_a_transport_that_ends_too_early_fails() {
    drive(acting("brief", |_, _| async { Ok(()) }), async |driven| driven.status.stored == 1).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "nothing comes")]
async fn driving_a_transport_that_never_gets_there_fails_with_its_status() {
    let silent = acting("silent", |_, inbox| async move {
        inbox.source_down("hut", &"nothing comes");
        future::pending().await
    });
    drive(silent, async |driven| driven.status.stored == 1).await;
}

#[tokio::test]
async fn a_repository_error_reaches_the_transport() {
    let transport = acting("checking", |run, inbox| async move {
        let result = inbox.deliver(Payload::csvlog(SAMPLE_LINE_19.as_bytes(), "a test")).await;
        assert_eq!(matches!(result, Err(RepositoryError::Unavailable { .. })), run < 2);
        result.map(drop).map_err(Into::into)
    });
    let failing = Arc::new(FailingRepository::new(repository(), 2));
    let driven = drive_into(failing, transport, async |driven| driven.status.state == TransportState::Ended).await;
    assert_eq!(driven.status.received, 1, "only what is stored is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_are_told_what_is_new_when_it_is_durable() {
    let repository = repository();
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = told.clone();
    let source = acting("source", |_, inbox| async move {
        let lines = format!("{}\nrubbish\n{SAMPLE_LINE_19}\n", line_with(1, "Hut"));
        deliver(&inbox, &lines).await?;
        deliver(&inbox, &lines).await?;
        deliver(&inbox, &format!("{}\n{}\n{lines}", line_with(9, "3"), line_with(1, "Barn"))).await
    });
    // Also what was added before is observed.
    let collector = Collector::new(repository.clone()).transport(source).unwrap();
    let collector = collector.observe(move |new| observer.lock().expect("it is sound").push(new.to_vec()));
    collector.run(future::pending()).await;
    let told = std::mem::take(&mut *told.lock().expect("it is sound"));
    let names: Vec<Vec<&str>> =
        told.iter().map(|new| new.iter().map(|measurement| measurement.node_id.as_str()).collect()).collect();
    assert_eq!(names, [vec!["Hut", "Elektra-Dach"], vec!["Barn"]]);
    assert_eq!(repository.nodes().await.expect("it can be read").len(), 3);
}

#[tokio::test]
async fn every_observer_is_told_what_is_stored_beside_a_conflict() {
    let repository = repository();
    let lines = format!("{SAMPLE_LINE_19}\n{}\n", line_with(9, "3"));
    let source = acting("source", move |_, inbox| {
        let lines = lines.clone();
        async move { deliver(&inbox, &lines).await }
    });
    let told = Arc::new(AtomicUsize::new(0));
    let observer = || {
        let (repository, told) = (repository.clone(), told.clone());
        move |new: &[_]| {
            let stored = repository.nodes().now_or_never().expect("they are in memory");
            assert_eq!(stored.expect("they can be read").len(), 1, "it is stored before it is told");
            told.fetch_add(new.len(), Ordering::SeqCst);
        }
    };
    let collector =
        Collector::new(repository.clone()).observe(observer()).transport(source).unwrap().observe(observer());
    let monitor = collector.monitor();
    collector.run(future::pending()).await;
    assert_eq!(statuses(&monitor), [("source".into(), TransportState::Ended)]);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}
