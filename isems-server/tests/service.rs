//! The server as a service: what it tells systemd, and how it reads its settings again.
#![cfg(unix)]

mod common;

use std::{fs, os::unix::net::UnixDatagram, path::Path, process::Command};

use common::{DEADLINE, Running, program};
use tempfile::TempDir;

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, folder }
    }

    fn path(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message comes in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Returns the next message with a text, and passes over others.
    fn until(&self, wanted: &str) -> String {
        loop {
            let message = self.next();
            if message.contains(wanted) {
                return message;
            }
        }
    }
}

fn hang_up(running: &Running) {
    let sent = Command::new("sh").args(["-c", &format!("kill -HUP {}", running.child.id())]).status().unwrap();
    assert!(sent.success());
}

fn write_settings(folder: &Path, text: &str) {
    fs::write(folder.join("isems.toml"), text).unwrap();
}

#[test]
fn systemd_is_told_when_it_serves_how_it_is_doing_that_it_lives_and_that_it_stops() {
    let (folder, manager) = (tempfile::tempdir().unwrap(), Manager::new());
    let environment = [("NOTIFY_SOCKET", &*manager.path()), ("WATCHDOG_USEC", "300000")];
    let mut running = Running::start(folder.path(), &["--demo", "3"], &environment);
    assert_eq!(manager.next(), "READY=1\n", "first of all");
    let status = manager.until(" sources up, ");
    assert!(status.starts_with("STATUS=") && status.contains(" of 3 nodes active, "), "{status}");
    // Again and again.
    assert_eq!([(); 3].map(|()| manager.until("WATCHDOG=1")), ["WATCHDOG=1\n"; 3]);
    let (log, is_well) = running.terminate();
    assert!(is_well, "{log}");
    manager.until("STOPPING=1");
}

#[test]
fn without_a_watchdog_there_are_no_signs_of_life() {
    let (folder, manager) = (tempfile::tempdir().unwrap(), Manager::new());
    let mut running = Running::start(folder.path(), &[], &[("NOTIFY_SOCKET", &manager.path())]);
    assert_eq!(manager.next(), "READY=1\n");
    assert!(running.terminate().1);
    while let message = manager.next()
        && !message.contains("STOPPING=1")
    {
        assert!(message.starts_with("STATUS="), "{message}");
    }
}

#[test]
fn settings_are_read_again_when_asked() {
    let (folder, manager) = (tempfile::tempdir().unwrap(), Manager::new());
    write_settings(folder.path(), "log = \"error\"\naccess.tokens = [\"me:a-secret-that-is-long\"]\n");
    let flags = ["--config", "isems.toml"];
    let mut running = Running::start(folder.path(), &flags, &[("NOTIFY_SOCKET", &manager.path())]);
    manager.until("READY=1");
    let reload = || {
        hang_up(&running);
        let message = manager.until("RELOADING=1");
        assert!(message.contains("MONOTONIC_USEC="), "newer versions of systemd want the time: {message}");
        manager.until("READY=1");
    };
    // What is logged at the level of information can only be seen if the level has changed.
    write_settings(folder.path(), "log = \"info\"\naccess.tokens = [\"me:a-secret-that-is-long\"]\n");
    reload();
    let changed = "log = \"info\"\naccess.tokens = [\"me:another-secret-of-mine\"]\nhttp.interval = \"2m\"\n";
    write_settings(folder.path(), changed);
    reload();
    write_settings(folder.path(), "log = \"loud\"\n");
    reload();
    write_settings(folder.path(), "log = \"warn\"\naccess.tokens = [\"me:a-secret-that-is-long\"]\n");
    reload();
    reload();
    let (log, is_well) = running.terminate();
    assert!(is_well, "{log}");
    let lines: Vec<&str> = log.lines().collect();
    let wanted = [
        "the level of the log has changed level=Info",
        "the settings have been read again",
        "these have changed and need a restart settings=\"access.tokens, http.interval\"",
        "the settings cannot be used; those before stay in use error=isems.toml, line 1, log: invalid value `loud`",
    ];
    for wanted in wanted {
        assert!(lines.iter().any(|line| line.contains(wanted)), "{wanted}: {log}");
    }
    assert_eq!(lines.len(), 4, "nothing else, and nothing once the level was warn: {log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_signal_to_read_the_settings_ends_nothing_without_systemd() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[], &[]);
    hang_up(&running);
    running.wait_for("/healthz", "ok");
    assert!(running.terminate().1);
}

#[test]
fn commands_tell_systemd_nothing() {
    let (folder, manager) = (tempfile::tempdir().unwrap(), Manager::new());
    let output = program(folder.path()).arg("openapi").env("NOTIFY_SOCKET", manager.path()).output().unwrap();
    assert!(output.status.success());
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0; 64]).is_err());
}
