//! A Mosquitto of one's own, as a child process.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Runs until it is dropped. Its folder holds its configuration and all that it keeps.
pub(super) struct Mosquitto {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one that lets everybody in and drops nothing, with some more lines of configuration.
    pub(super) fn start(lines: &str) -> Self {
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

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("it can be written");
    }

    /// Stops it as an operator does, so that it saves what it keeps.
    pub(super) fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill can be run");
        assert!(killed.success());
        child.wait().expect("it ends");
    }

    /// Starts it again, at the same port and with what it has kept.
    pub(super) fn start_again(&mut self) {
        assert!(self.try_start(), "mosquitto does not start again: {}", self.log());
    }

    fn try_start(&mut self) -> bool {
        let log = fs::File::create(self.folder().join("log")).expect("it can be written");
        let mut child = Command::new(program("mosquitto"))
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

fn kill(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it listens").port()
}

/// A program of the Mosquitto packages: some systems have it in a folder that is not in every user's path.
pub(super) fn program(name: &str) -> PathBuf {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.exists() { sbin } else { name.into() }
}
