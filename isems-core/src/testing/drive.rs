//! Runs a transport until a test has seen enough.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time;

use crate::{Backoff, Collector, RedbRepository, Repository, Transport, TransportStatus};

/// The time within which the condition must hold, generous for machines under load.
const DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The state of a driven transport, while running or at its end.
pub struct Driven {
    /// The repository into which it stores.
    pub repository: Arc<dyn Repository>,
    /// The status of the transport. A stored measurement is counted shortly after it can be read.
    pub status: TransportStatus,
}

/// Runs a transport in a [`Collector`] with an in-memory repository until a condition holds, then drops it. A failed
/// transport is called again after milliseconds.
///
/// ```
/// # use isems_core::{BoxError, Inbox, Payload, Transport, async_trait};
/// # struct MyTransport;
/// # #[async_trait]
/// # impl Transport for MyTransport {
/// #     fn name(&self) -> &str { "mine" }
/// #     async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
/// #         inbox.deliver(Payload::csvlog(isems_core::testing::SAMPLE_LINE_19.as_bytes(), "a constant")).await?;
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use isems_core::testing::drive;
/// let driven = drive(MyTransport, async |driven| driven.status.stored == 1).await;
/// assert_eq!(driven.repository.nodes().await.unwrap().len(), 1);
/// # }
/// ```
///
/// # Panics
/// If the condition does not hold within 30 seconds, or still does not hold when the transport has ended. The message
/// shows the transport's status.
pub async fn drive(transport: impl Transport + 'static, until: impl AsyncFn(&Driven) -> bool) -> Driven {
    let repository = RedbRepository::in_memory().unwrap_or_else(|error| panic!("{error}"));
    drive_into(Arc::new(repository), transport, until).await
}

/// [`drive`]s a transport with a given repository.
///
/// # Panics
/// Like [`drive`].
pub async fn drive_into(
    repository: Arc<dyn Repository>,
    transport: impl Transport + 'static,
    until: impl AsyncFn(&Driven) -> bool,
) -> Driven {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(100));
    let collector = Collector::new(repository.clone())
        .backoff(backoff)
        .transport(transport)
        .unwrap_or_else(|error| panic!("{error}"));
    let monitor = collector.monitor();
    let driven = || Driven { repository: repository.clone(), status: monitor.transports().swap_remove(0) };
    let holds = async {
        while !until(&driven()).await {
            time::sleep(POLL_INTERVAL).await;
        }
    };
    let mut held = false;
    collector.run(async { held = time::timeout(DEADLINE, holds).await.is_ok() }).await;
    let driven = driven();
    assert!(
        held || until(&driven).await,
        "the condition does not hold within {} s, or not when the transport has ended: {:#?}",
        DEADLINE.as_secs(),
        driven.status
    );
    driven
}

impl fmt::Debug for Driven {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Driven").field("status", &self.status).finish_non_exhaustive()
    }
}
