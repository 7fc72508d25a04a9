//! The program as a process, for tests.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The time that anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Returns a command that runs the program in the given folder, with nothing set in its environment except a port that
/// the system chooses, because the default one may be taken.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isems-server"));
    command.env_clear().env("ISEMS_LISTEN", "127.0.0.1:0").current_dir(folder);
    command
}

pub(crate) fn run(folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Output {
    program(folder).args(flags).envs(environment.iter().copied()).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that is killed when a test ends, whatever the result.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn start(folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at("127.0.0.1", folder, flags, environment)
    }

    pub(crate) fn start_at(host: &str, folder: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let mut command = program(folder);
        command.args(flags).envs(environment.iter().copied()).env("ISEMS_LISTEN", address.to_string());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Self { child, address };
        running.wait_for("/healthz", "ok");
        running
    }

    /// Returns the answer to a request once it contains a text.
    pub(crate) fn wait_for(&mut self, path: &str, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            let answer = get(self.address, path);
            match answer {
                Some(answer) if answer.contains(wanted) => return answer,
                _ => thread::sleep(Duration::from_millis(50)),
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the server has ended: {}", self.log());
            assert!(start.elapsed() < DEADLINE, "{path} never said {wanted}: {answer:?}");
        }
    }

    /// Returns its log once it has ended.
    pub(crate) fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// Asks it to end, and returns its log and whether it ended well.
    pub(crate) fn terminate(&mut self) -> (String, bool) {
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(kill.success());
        let log = self.log();
        (log, self.child.wait().unwrap().success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    get_with(address, path, "")
}

/// Returns the answer to a request with additional header lines.
pub(crate) fn get_with(address: SocketAddr, path: &str, headers: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
