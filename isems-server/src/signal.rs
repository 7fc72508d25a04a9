//! The signals that end a server, or have it read its settings again.

use std::io;

use tokio::signal;

/// Waits until the process is asked to end: by SIGINT (Ctrl-C) or, on Unix, SIGTERM.
pub async fn stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}

/// The requests to read the settings again: SIGHUP on Unix. Elsewhere there are none.
#[derive(Debug)]
pub struct HangUps {
    #[cfg(unix)]
    signals: signal::unix::Signal,
}

impl HangUps {
    /// Listens from now on; until then, a SIGHUP ends the process.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: signal::unix::signal(signal::unix::SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if self.signals.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}
