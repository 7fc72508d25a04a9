//! Measurements sent to the HTTP service: a transport like the others, whose sources are the service's clients.

use futures_util::{StreamExt, stream::FuturesUnordered};
use isems_core::{BoxError, Format, Inbox, NodeId, Payload, Receipt, RepositoryError, Transport, async_trait};
use tokio::sync::{mpsc, oneshot};

/// The number of pushes stored at a time, sharing one write to the disk, and the number that may wait.
const AT_A_TIME: usize = 64;

/// A body sent by a client.
#[derive(Debug)]
struct Pushed {
    node: NodeId,
    format: Format,
    bytes: Vec<u8>,
    source: String,
    reply: oneshot::Sender<Result<Receipt, RepositoryError>>,
}

/// Delivers the bodies passed to a [`Push`].
#[derive(Debug)]
pub struct PushTransport {
    name: String,
    pushed: mpsc::Receiver<Pushed>,
}

/// Passes on what clients send, even after its transport was moved away.
#[derive(Debug, Clone)]
pub struct Push(mpsc::Sender<Pushed>);

/// The reason why a body is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The collector is not running.
    #[error("the collector has stopped")]
    Stopped,
    /// It could not be stored.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl PushTransport {
    /// The default name.
    const NAME: &str = "push";

    /// Creates a transport named `push` and the handle that feeds it. It ends once all clones of the handle are gone.
    pub fn new() -> (Self, Push) {
        Self::named(Self::NAME)
    }

    /// Creates a transport with a [name](Transport::name) and the handle that feeds it.
    pub fn named(name: impl Into<String>) -> (Self, Push) {
        let (sender, pushed) = mpsc::channel(AT_A_TIME);
        (Self { name: name.into(), pushed }, Push(sender))
    }
}

impl Push {
    /// Stores a body sent by a node, or by someone on its behalf, and returns once it is durable. `source` tells people
    /// where it came from.
    pub async fn deliver(
        &self,
        node: NodeId,
        format: Format,
        bytes: Vec<u8>,
        source: String,
    ) -> Result<Receipt, PushError> {
        let (reply, receipt) = oneshot::channel();
        let pushed = Pushed { node, format, bytes, source, reply };
        self.0.send(pushed).await.map_err(|_| PushError::Stopped)?;
        Ok(receipt.await.map_err(|_| PushError::Stopped)??)
    }
}

#[async_trait]
impl Transport for PushTransport {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                pushed = self.pushed.recv(), if under_way.len() < AT_A_TIME => match pushed {
                    Some(pushed) => under_way.push(store(inbox, pushed)),
                    None => break,
                },
                Some(()) = under_way.next() => {}
            }
        }
        while under_way.next().await.is_some() {}
        Ok(())
    }
}

async fn store(inbox: &Inbox, pushed: Pushed) {
    let Pushed { node, format, bytes, source, reply } = pushed;
    let payload = match format {
        Format::Csvlog | Format::Csv => Payload { format, node: Some(node), ..Payload::csvlog(&bytes, &source) },
        Format::Json => Payload::json(&bytes, node, &source),
    };
    // A client that has gone away does not wait for its receipt; the measurements are stored all the same.
    let _ = reply.send(inbox.deliver(payload).await);
}
