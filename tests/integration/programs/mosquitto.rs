//! A private Mosquitto as a child process.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{free_port, kill, signal};

/// Runs until it is dropped. Its folder contains its configuration and everything it keeps.
pub(crate) struct Mosquitto {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one that accepts everyone and drops nothing, with additional lines of configuration.
    pub(crate) fn start(lines: &str) -> Self {
        let mut broker = Self { folder: tempfile::tempdir().expect("a folder"), port: 0, child: None };
        // Another process may take the port between finding and using it.
        for _ in 0..10 {
            broker.port = free_port();
            broker.write(
                "mosquitto.conf",
                &format!(
                    "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence true\n\
                     persistence_location {}/\nuser root\nlog_dest stderr\nlog_type error\n{lines}\n",
                    broker.port,
                    broker.folder().display()
                ),
            );
            if broker.try_start() {
                return broker;
            }
        }
        panic!("mosquitto does not start: {}", broker.log());
    }

    /// Returns a program from the Mosquitto packages, which some systems have in a folder outside every user's path.
    pub(crate) fn program(name: &str) -> PathBuf {
        let sbin = Path::new("/usr/sbin").join(name);
        if sbin.exists() { sbin } else { name.into() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("it can be written");
    }

    /// Stops it as an operator would, so that it saves its state.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        for _ in 0..30 {
            // Again, for it misses one that comes between the first connection that it lets in and its main loop.
            signal(&child, "TERM");
            for _ in 0..100 {
                if child.try_wait().expect("it can be asked").is_some() {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        kill(&mut child);
        panic!("mosquitto does not end: {}", self.log());
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.child.take().expect("it runs"));
    }

    /// Makes it reload its configuration, as log rotation does.
    pub(crate) fn reload(&self) {
        signal(self.child.as_ref().expect("it runs"), "HUP");
    }

    /// Starts it again, on the same port and with its saved state.
    pub(crate) fn start_again(&mut self) {
        assert!(self.try_start(), "mosquitto does not start again: {}", self.log());
    }

    fn try_start(&mut self) -> bool {
        let log = fs::File::create(self.folder().join("log")).expect("it can be written");
        let mut child = Command::new(Self::program("mosquitto"))
            .arg("-c")
            .arg(self.folder().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto can be run");
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if child.try_wait().expect("it can be asked").is_some() {
                return false;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                self.child = Some(child);
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        kill(&mut child);
        false
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(&mut child);
        }
    }
}
