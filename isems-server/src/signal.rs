//! The signals that end a server.

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
