//! Programs as child processes, a broker and the server, and a client of the broker.

mod mosquitto;
mod publisher;
mod server;

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command},
};

pub(crate) use self::{
    mosquitto::Mosquitto,
    publisher::Publisher,
    server::{Api, Resources, Server},
};

/// A port that is free at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it listens").port()
}

/// Sends a signal, such as `TERM`. Every shell can do this; the program `kill` is a package of its own.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(sent.expect("there is a shell").success());
}

/// Kills a process immediately.
fn kill(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}
