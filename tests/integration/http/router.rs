//! An imitation of an OpenWrt router: its log, the archive beside it, and its web server.

use std::sync::{Arc, Mutex, MutexGuard};

use super::{
    gzip,
    web_server::{Exchange, Reply, Request, WebServer, head},
};

pub(crate) const LOG: &str = "/ISEMS/ffopenmppt.log";
pub(crate) const ARCHIVE: &str = "/ISEMS/ffopenmppt.log.gz";

/// The abilities of a router's web server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Abilities {
    pub(crate) ranges: bool,
    pub(crate) compression: bool,
    /// It sends no `ETag`, only `Last-Modified`.
    pub(crate) no_etag: bool,
}

pub(crate) const RANGES: Abilities = Abilities { ranges: true, compression: false, no_etag: false };

/// The state of a router's archive.
#[derive(Debug, Clone)]
pub(crate) enum Archive {
    Missing,
    Whole(Vec<u8>),
    /// The bytes that have been compressed so far.
    Growing(Vec<u8>),
    /// The connection is closed after this much of it.
    CutShort(Vec<u8>),
    Unavailable,
}

struct Files {
    log: Vec<u8>,
    /// The number of changes of the log.
    changes: usize,
    /// The minute of the last change, by the router's clock.
    clock: usize,
    archive: Archive,
}

/// A router that runs until it is dropped.
pub(crate) struct Router {
    pub(crate) server: WebServer,
    files: Arc<Mutex<Files>>,
}

impl Router {
    pub(crate) async fn start(abilities: Abilities, log: &str) -> Self {
        let files = Files { log: log.into(), changes: 0, clock: 30, archive: Archive::Missing };
        let files = Arc::new(Mutex::new(files));
        let shared = files.clone();
        let server = WebServer::start(move |request| respond(request, abilities, &lock(&shared))).await;
        Self { server, files }
    }

    /// As a target.
    pub(crate) fn address(&self) -> String {
        self.server.address.to_string()
    }

    pub(crate) fn append(&self, text: &str) {
        let mut files = lock(&self.files);
        files.log.extend_from_slice(text.as_bytes());
        files.changes += 1;
        files.clock += 1;
    }

    /// Starts a new log.
    pub(crate) fn rotate(&self, archive: Archive, log: &str) {
        let mut files = lock(&self.files);
        *files = Files { log: log.into(), changes: files.changes + 1, clock: files.clock + 1, archive };
    }

    /// Starts a new log as after a power failure: without an archive, and with an unset clock.
    pub(crate) fn restart(&self, log: &str) {
        self.rotate(Archive::Missing, log);
        lock(&self.files).clock = 0;
    }

    pub(crate) fn set_archive(&self, archive: Archive) {
        lock(&self.files).archive = archive;
    }

    /// Takes the exchanges since the last call.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        self.server.take()
    }
}

fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().expect("no test has panicked here")
}

fn respond(request: &Request, abilities: Abilities, files: &Files) -> Reply {
    match request.path.as_str() {
        LOG => log(request, abilities, files),
        ARCHIVE => match &files.archive {
            Archive::Missing => Reply::http("404 Not Found", &[], "No such file"),
            Archive::Whole(bytes) | Archive::Growing(bytes) => {
                Reply::http("200 OK", &[("Content-Type", "application/gzip")], bytes)
            }
            Archive::CutShort(bytes) => {
                let length = (bytes.len() + 1000).to_string();
                Reply::Close(head("HTTP/1.1", "200 OK", &[("Content-Length", &length)], bytes))
            }
            Archive::Unavailable => Reply::http("503 Service Unavailable", &[], "later"),
        },
        _ => Reply::http("404 Not Found", &[], "No such file"),
    }
}

fn log(request: &Request, abilities: Abilities, files: &Files) -> Reply {
    if request.header("if-range").is_some() {
        return Reply::http("412 Precondition Failed", &[], "");
    }
    let etag = format!("\"{}\"", files.changes);
    let last_modified = format!("Tue, 14 Nov 2023 22:{:02}:00 GMT", files.clock);
    // Each condition counts by itself, and a log that is older than the known one passes for unchanged.
    let unchanged = request.header("if-none-match").is_some_and(|known| known == etag)
        || request.header("if-modified-since").is_some_and(|known| known >= last_modified.as_str());
    let mut headers = vec![("Last-Modified", last_modified.as_str()), ("Content-Type", "text/plain")];
    if !abilities.no_etag {
        headers.push(("ETag", &etag));
    }
    if unchanged {
        return Reply::http("304 Not Modified", &headers, "");
    }
    if abilities.ranges {
        headers.push(("Accept-Ranges", "bytes"));
        let start = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        if let Some(start) = start.and_then(|start| start.parse::<usize>().ok()) {
            let length = files.log.len();
            if start >= length {
                return Reply::http("416 Range Not Satisfiable", &[], "");
            }
            let range = format!("bytes {start}-{}/{length}", length - 1);
            headers.push(("Content-Range", &range));
            return Reply::http("206 Partial Content", &headers, &files.log[start..]);
        }
    }
    if abilities.compression && request.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")) {
        headers.push(("Content-Encoding", "gzip"));
        return Reply::http("200 OK", &headers, gzip(&files.log));
    }
    Reply::http("200 OK", &headers, &files.log)
}
