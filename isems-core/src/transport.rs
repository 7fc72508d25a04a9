//! The trait of everything that delivers measurements.

use async_trait::async_trait;

use crate::Inbox;

/// Any error, for callers that only report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A way in which measurements arrive: it fetches or receives bytes and delivers them to its [`Inbox`].
///
/// A [`Collector`](crate::Collector) owns transports and runs each on a task of its own, so a transport needs no locks.
///
/// ```
/// use isems_core::{BoxError, Inbox, Payload, Transport, async_trait};
///
/// struct Once(&'static str);
///
/// #[async_trait]
/// impl Transport for Once {
///     fn name(&self) -> &str {
///         "once"
///     }
///
///     async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
///         let receipt = inbox.deliver(Payload::csvlog(self.0.as_bytes(), "a constant")).await?;
///         println!("{} stored, {} rejected", receipt.stored, receipt.rejected.total());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Send {
    /// Returns the transport's name, which must stay the same for its whole life and after a restart: counters, logs
    /// and rejects contain it, and the values that the transport [remembers](Inbox::remember) are kept under it. It is
    /// one word in lower case, 1 to 64 bytes of UTF-8 without `/`, and unique within a collector.
    fn name(&self) -> &str;

    /// Returns the sources that the transport is configured to follow, for people: addresses or topics, without
    /// credentials.
    fn follows(&self) -> Vec<String> {
        Vec::new()
    }

    /// Delivers measurements until the source ends or fails.
    ///
    /// * **`Ok`**: the source has ended. `run` is not called again.
    /// * **`Err`**: the collector logs the error once, waits, and calls `run` again. The delay starts at one second,
    ///   doubles up to a minute, varies at random by a quarter, and starts over after a delivery, so an implementation
    ///   needs no retry loop of its own. A panic is treated like `Err`, and harms no other transport.
    /// * **Being stopped**: the future is dropped at its next `await`. To lose nothing then, acknowledge to the source
    ///   only after [`Inbox::deliver`] has returned `Ok`.
    ///
    /// [`Inbox::deliver`] returns once everything it stored is on disk, so awaiting it is both the acknowledgement and
    /// the back-pressure. Several deliveries may be awaited at a time; those that overlap share one write to the disk.
    /// Delivering the same measurements again is harmless: they count as duplicates.
    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError>;
}

/// The reason why a transport cannot be added to a collector under its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransportName {
    /// Another transport of the collector already has the name.
    #[error("two transports are named {name:?}; rename one of them")]
    Taken {
        /// The name.
        name: String,
    },
    /// The name is not valid for a transport.
    #[error("invalid transport name {name:?}: {problem}; expected one word in lower case, such as mqtt-2")]
    Invalid {
        /// The name.
        name: String,
        /// The problem with it.
        problem: &'static str,
    },
}

impl InvalidTransportName {
    /// The maximum length of a name, in bytes of UTF-8.
    const MAX_BYTES: usize = 64;

    pub(crate) fn check(name: &str) -> Result<(), Self> {
        let problem = if name.is_empty() {
            "it is empty"
        } else if name.len() > Self::MAX_BYTES {
            "it is longer than 64 bytes"
        } else if name.chars().any(|char| char.is_whitespace() || char.is_control()) {
            "it contains white space or control characters"
        } else if name.contains('/') {
            "it contains `/`"
        } else if name != name.to_lowercase() {
            "it contains upper-case letters"
        } else {
            return Ok(());
        };
        Err(Self::Invalid { name: name.into(), problem })
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn follows(&self) -> Vec<String> {
        (**self).follows()
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        (**self).run(inbox).await
    }
}

#[cfg(test)]
#[expect(dead_code, reason = "it keeps the trait object-safe by compiling")]
fn is_object_safe(_: &dyn Transport) {}
