//! The server as its user starts it.

use std::{
    fs::{self, OpenOptions},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use super::{free_port, kill, signal};

/// The time limit for anything that must happen.
const DEADLINE: Duration = Duration::from_mins(1);

/// The allocator setting of the systemd unit, which saves memory.
const ALLOCATOR: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// Runs until it is dropped. Its folder contains its database, `isems.redb`, and its log.
pub(crate) struct Server {
    child: Child,
    api: Api,
    log: PathBuf,
}

/// The address of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api(pub(crate) SocketAddr);

/// The resources that a server uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resources {
    /// Resident memory, in bytes.
    pub(crate) resident_bytes: u64,
    /// The number of open files and connections.
    pub(crate) descriptors: usize,
    /// The time that it has been running on a processor.
    #[allow(dead_code, reason = "benchmarks look at it")]
    pub(crate) cpu: Duration,
}

impl Api {
    /// Requests a path, whose answer comes over a connection that ends with it.
    pub(crate) async fn ask(self, path: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.0).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        Ok(stream)
    }

    /// Returns the JSON document at a path, if the server answers.
    pub(crate) async fn get(self, path: &str) -> io::Result<Value> {
        let mut stream = self.ask(path).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_slice(&answer[end + 4..])?)
    }
}

impl Server {
    /// Starts one, with additional settings as environment variables. It may not be listening yet.
    pub(crate) fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let log = folder.join("log");
        let stderr = OpenOptions::new().create(true).append(true).open(&log).expect("it can be written");
        let child = Command::new(env!("CARGO_BIN_EXE_server-under-test"))
            .current_dir(folder)
            .env_clear()
            .env("ISEMS_LISTEN", address.to_string())
            .envs([ALLOCATOR])
            .envs(settings.iter().copied())
            .stderr(stderr)
            .spawn()
            .expect("the server can be run");
        Self { child, api: Api(address), log }
    }

    pub(crate) fn api(&self) -> Api {
        self.api
    }

    /// Returns the resources currently in use, as reported by Linux.
    pub(crate) fn resources(&self) -> Resources {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).expect("it runs");
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")?.trim().parse().ok());
        let descriptors = fs::read_dir(process.join("fd")).expect("it runs").count();
        let stat = fs::read_to_string(process.join("stat")).expect("it runs");
        // In hundredths of a second, the 14th and 15th field (proc(5)). The second one ends with the last parenthesis.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        let cpu = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
        Resources {
            resident_bytes: 1024 * resident.unwrap_or(0_u64),
            descriptors,
            cpu: Duration::from_millis(10 * cpu),
        }
    }

    /// Returns the log of all servers in the folder.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("it can be read")
    }

    /// Waits for a document, and returns it.
    pub(crate) async fn until(&mut self, path: &str, what: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        let wait = async {
            loop {
                self.assert_running();
                last = self.api.get(path).await.ok();
                if let Some(document) = last.take_if(|document| what(document)) {
                    break document;
                }
                time::sleep(Duration::from_millis(10)).await;
            }
        };
        let outcome = time::timeout(DEADLINE, wait).await;
        outcome.unwrap_or_else(|_| panic!("{path} is never what is wanted, but {last:?}: {}", self.log()))
    }

    /// Waits for the status of a transport in `/readyz`.
    pub(crate) async fn until_transport(&mut self, name: &str, what: impl Fn(&Value) -> bool) -> Value {
        let transport = |document: &Value| {
            let transports = document["transports"].as_array()?;
            transports.iter().find(|transport| transport["name"] == name).cloned()
        };
        let document = self.until("/readyz", |document| transport(document).is_some_and(|status| what(&status))).await;
        transport(&document).expect("what was waited for")
    }

    /// Checks that it has not ended by itself.
    pub(crate) fn assert_running(&mut self) {
        let status = self.child.try_wait().expect("it can be asked");
        assert!(status.is_none(), "the server has ended by itself, {status:?}: {}", self.log());
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.assert_running();
        kill(&mut self.child);
    }

    /// Freezes it while something looks at what it has left on the disk.
    pub(crate) fn frozen<T>(&self, look: impl FnOnce() -> T) -> T {
        signal(&self.child, "STOP");
        // The signal works when the state of the process tells so.
        let stat = format!("/proc/{}/stat", self.child.id());
        while !fs::read_to_string(&stat).expect("it exists").contains(") T ") {}
        let seen = look();
        signal(&self.child, "CONT");
        seen
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}
