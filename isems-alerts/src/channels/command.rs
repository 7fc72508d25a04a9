//! Programs that are run with a message.

use std::{
    env, io,
    path::PathBuf,
    process::{Output, Stdio},
};

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command as Process,
};

use crate::{ChannelConfig, Message, Notifier, NotifyError};

/// The variables of the environment that a program gets. Others can be secrets of the server.
const ENVIRONMENT: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"];

/// The number of bytes of a program's output that are looked at.
const OUTPUT_BYTES: u64 = 4096;

/// The maximum length of a line that is shown, in characters.
const LINE_CHARS: usize = 200;

/// Returns the path of a program.
pub(super) fn program(url: &Url) -> Result<PathBuf, &'static str> {
    let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| "its path is no UTF-8")?;
    if path.starts_with('/') { Ok(PathBuf::from(&*path)) } else { Err("it is no absolute path") }
}

/// Runs a program for each message, without a shell. Severity, title and link are its arguments, and the message is its
/// standard input, as JSON.
pub(super) struct Command {
    program: PathBuf,
}

impl Command {
    pub(super) fn new(config: &ChannelConfig) -> Result<Self, &'static str> {
        Ok(Self { program: program(config.to.url())? })
    }

    async fn run(&self, message: &Message) -> io::Result<Output> {
        let mut process = Process::new(&self.program);
        process
            .args([message.severity.name(), &message.title, message.link.as_deref().unwrap_or_default()])
            .env_clear()
            .envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        process.process_group(0);
        let mut child = process.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        #[cfg(unix)]
        let group = Group(child.id());
        let json = serde_json::to_vec(message)?;
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program may end without reading it.
                let _ = stdin.write_all(&json).await;
            }
        };
        let ((), stdout, stderr, status) = tokio::join!(feed, beginning(stdout), beginning(stderr), child.wait());
        #[cfg(unix)]
        group.release();
        Ok(Output { status: status?, stdout, stderr })
    }
}

#[async_trait]
impl Notifier for Command {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let name = self.program.display();
        let failed = |error| NotifyError::new(format!("cannot run {name}: {error}"));
        let Output { status, stdout, stderr } = self.run(message).await.map_err(failed)?;
        if status.success() {
            return Ok(first_line(&stdout).unwrap_or_else(|| format!("{name} ended with success")));
        }
        let said = first_line(&stderr).map_or_else(String::new, |line| format!(": {line}"));
        Err(NotifyError::new(format!("{name} ended with {status}{said}")))
    }
}

/// Reads what a program writes, of which it keeps the beginning.
async fn beginning(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut output) = output {
        // What cannot be read is not shown.
        let _ = (&mut output).take(OUTPUT_BYTES).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
    }
    bytes
}

/// Returns the first line of what a program has written, if it contains any text.
fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(LINE_CHARS).collect())
}

/// A program that runs, and everything that it has started. They are killed when this is dropped before it is released.
#[cfg(unix)]
struct Group(Option<u32>);

#[cfg(unix)]
impl Group {
    fn release(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(pid) = self.0.and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may just have ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
