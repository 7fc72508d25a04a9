//! The trait of everything that brings measurements in.

use async_trait::async_trait;

use crate::Inbox;

/// Any error, where a caller only reports it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A way by which measurements come in: it fetches or receives bytes and delivers them to its [`Inbox`].
///
/// A [`Collector`](crate::Collector) owns transports and runs each on a task of its own. One task owns a transport, so
/// it needs no locks.
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
    /// Returns the transport's name, the same for its whole life and after a restart: it stands in counters, logs and
    /// rejects, and what the transport [remembers](Inbox::remember) is kept under it. One word in lower case, 1 to 64
    /// bytes of UTF-8 without `/`. No two transports of a collector have the same.
    fn name(&self) -> &str;

    /// Returns the sources that the transport is set to follow, for people: addresses, topics. Without credentials.
    fn follows(&self) -> Vec<String> {
        Vec::new()
    }

    /// Brings measurements in until the source ends or fails.
    ///
    /// * **`Ok`**: the source has ended. `run` is not called again.
    /// * **`Err`**: the collector logs it once, waits and calls `run` again. The wait is one second, doubles up to a
    ///   minute, varies at random by a quarter, and starts over after a delivery. So an implementation needs no retry
    ///   loop of its own. A panic is treated like `Err`, and harms no other transport.
    /// * **Being stopped**: the future is dropped at its next `await`. What must not be lost then is what the source
    ///   was already told to forget: acknowledge to the source only after [`Inbox::deliver`] has returned `Ok`.
    ///
    /// [`Inbox::deliver`] returns when what it stored is on disk, so its `await` is both the acknowledgement and the
    /// back-pressure. Several deliveries may be awaited at a time; those that overlap share one write to the disk.
    /// Delivering the same measurements again is harmless: they count as duplicates.
    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError>;
}

/// The reason why a transport cannot be added to a collector under its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransportName {
    /// Another transport of the collector has the name.
    #[error("two transports are named {name:?}; give one of them another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// No transport can have the name.
    #[error("invalid name {name:?} of a transport: {problem}; expected one word in lower case, such as mqtt-2")]
    Invalid {
        /// The name.
        name: String,
        /// The fault of it.
        problem: &'static str,
    },
}

impl InvalidTransportName {
    /// The longest name, in bytes of UTF-8.
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
