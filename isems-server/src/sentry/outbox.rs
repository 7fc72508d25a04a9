//! The queue of reports waiting to be sent.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use isems_core::BoxError;
use sentry_core::{Envelope, Transport, types::Dsn};
use tokio::{runtime, sync::mpsc};

use super::courier::Courier;

/// The maximum number of waiting reports. Further ones are dropped.
const CAPACITY: usize = 32;

/// Accepts reports without blocking, from any thread, and has its own thread send them, which works even while the
/// program's runtime is busy or gone.
pub(super) struct Outbox {
    /// `None` once it is closed.
    queue: Mutex<Option<mpsc::Sender<Envelope>>>,
    /// Disconnected once the thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Outbox {
    pub(super) fn open(dsn: &Dsn) -> Result<Self, BoxError> {
        let mut courier = Courier::new(dsn)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (queue, mut envelopes) = mpsc::channel(CAPACITY);
        let (running, ended) = channel();
        let send_all = move || {
            runtime.block_on(async {
                while let Some(envelope) = envelopes.recv().await {
                    courier.deliver(&envelope).await;
                }
            });
            drop(running);
        };
        let spawned: io::Result<_> = thread::Builder::new().name("isems-sentry".into()).spawn(send_all);
        spawned?;
        Ok(Self { queue: Mutex::new(Some(queue)), ended: Mutex::new(ended) })
    }
}

impl Transport for Outbox {
    fn send_envelope(&self, envelope: Envelope) {
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            // A full queue drops the report: nothing waits for a slow server.
            let _ = queue.try_send(envelope);
        }
    }

    fn shutdown(&self, timeout: Duration) -> bool {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(timeout) == Err(RecvTimeoutError::Disconnected)
    }
}
