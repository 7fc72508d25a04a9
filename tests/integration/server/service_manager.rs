//! The signs of life that the service manager gets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use isems_core::{
    Batch, Collector, RedbRepository, Repository, RepositoryError, Stored, async_trait,
    testing::{FailingRepository, HookedRepository, StoreHook},
};
use isems_insight::WatchedCollector;
use isems_server::service_manager::{Notice, ServiceManager};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time,
};

use super::in_time;

const WATCHDOG: Duration = Duration::from_millis(60);

/// A server without a transport that gives signs of life.
struct Living {
    signs: watch::Receiver<u32>,
    notices: Arc<Mutex<Vec<String>>>,
    stop: Arc<Notify>,
    task: JoinHandle<()>,
    _collector: WatchedCollector,
}

impl Living {
    fn start(repository: Arc<dyn Repository>) -> Self {
        let collector = WatchedCollector::new(Collector::new(repository));
        let watcher = collector.watcher();
        let (sender, signs) = watch::channel(0);
        let notices = Arc::new(Mutex::new(Vec::new()));
        let told = notices.clone();
        let manager = ServiceManager::new(Some(WATCHDOG), move |notice| {
            if notice == Notice::Alive {
                sender.send_modify(|signs| *signs += 1);
            }
            told.lock().unwrap().push(format!("{notice:?}"));
        });
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let task = tokio::spawn(async move { manager.run(&watcher, stopped.notified()).await });
        Self { signs, notices, stop, task, _collector: collector }
    }

    /// Waits for some more signs of life.
    async fn live(&mut self, more: u32) {
        let before = *self.signs.borrow();
        in_time(self.signs.wait_for(|signs| *signs >= before + more)).await.unwrap();
    }

    async fn stop(self) -> Vec<String> {
        self.stop.notify_one();
        in_time(self.task).await.unwrap();
        self.notices.lock().unwrap().clone()
    }
}

/// Answers probes until it is told to stall, and again when that is over.
struct Stalling {
    is_stalled: watch::Receiver<bool>,
    waiting: watch::Sender<bool>,
}

#[async_trait]
impl StoreHook for Stalling {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        repository.store(batch).await
    }

    async fn probe(&self, repository: &dyn Repository) -> Result<(), RepositoryError> {
        if *self.is_stalled.borrow() {
            self.waiting.send_replace(true);
            self.is_stalled.clone().wait_for(|is_stalled| !is_stalled).await.unwrap();
        }
        repository.probe().await
    }
}

#[tokio::test]
async fn signs_of_life_end_while_the_database_does_not_answer() {
    let (stall, is_stalled) = watch::channel(false);
    let (waiting, mut is_waiting) = watch::channel(false);
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let hooked = HookedRepository::over(repository, Stalling { is_stalled, waiting });
    let mut living = Living::start(Arc::new(hooked));
    living.live(3).await;
    stall.send_replace(true);
    in_time(is_waiting.wait_for(|is_waiting| *is_waiting)).await.unwrap();
    let before = *living.signs.borrow();
    time::sleep(5 * WATCHDOG).await;
    assert_eq!(*living.signs.borrow(), before);
    stall.send_replace(false);
    living.live(3).await;
    let notices = living.stop().await;
    assert_eq!(notices.first().unwrap(), "Ready");
    assert_eq!(notices.last().unwrap(), "Stopping");
}

#[tokio::test]
async fn a_disk_that_fails_is_no_reason_for_a_restart() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let mut living = Living::start(Arc::new(FailingRepository::new(repository, u32::MAX)));
    living.live(3).await;
    living.stop().await;
}
