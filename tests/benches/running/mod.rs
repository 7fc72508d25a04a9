//! A process of `isems-server` over a file, as it was built for release.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use isems_core::BoxError;

/// Returns the path of the program, which stands beside the benchmark's own.
pub(crate) fn program() -> Result<PathBuf, BoxError> {
    let server = env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("isems-server");
    if !server.exists() {
        return Err(format!("{} is missing: run cargo build --release first", server.display()).into());
    }
    Ok(server)
}

/// A server that ends with this value.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a server on a free port. It answers a little later.
    pub(crate) fn start(server: &Path, database: &Path) -> Result<Self, BoxError> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(server)
            .env_clear()
            .args(["--listen", &address.to_string(), "--log", "error", "--database-url"])
            .arg(database)
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { child, address })
    }

    pub(crate) fn resident_megabytes(&self) -> Result<f64, BoxError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
