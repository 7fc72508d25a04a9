//! The state kept of a log between two polls.

use isems_core::{Inbox, RepositoryError};
use reqwest::{
    RequestBuilder,
    header::{HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH},
};
use serde::{Deserialize, Serialize};

use crate::Target;

/// The knowledge about a log, which is empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogState {
    /// The number of bytes that were read, up to the end of the last complete line.
    pub(crate) consumed: usize,
    /// The text that ends there: the last complete line, or the end of it.
    pub(crate) overlap: String,
    /// Set if the server has said that it supports ranges of the uncompressed log.
    pub(crate) ranges: bool,
    /// The validators of the last answer, empty if that was not complete.
    pub(crate) validators: Validators,
    /// The number of further polls that try to fetch the archive of the previous log.
    pub(crate) archive_tries: u8,
}

/// The identification of an answer's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// The serialized form of a state.
#[derive(Serialize, Deserialize)]
struct SerializedState {
    version: u32,
    #[serde(flatten)]
    state: LogState,
}

impl LogState {
    const VERSION: u32 = 1;
    const LONGEST_OVERLAP: usize = 1024;

    /// Returns the state of a target's log, empty if the stored value cannot be read.
    pub(crate) async fn recall(inbox: &Inbox, target: &Target) -> Result<Self, RepositoryError> {
        let kept = inbox.recall(&key(target)).await?;
        let record = kept.and_then(|kept| serde_json::from_slice::<SerializedState>(&kept).ok());
        let record = record.filter(|record| record.version == Self::VERSION);
        let state = record.map(|record| record.state).filter(|state| state.overlap.len() <= state.consumed);
        Ok(state.unwrap_or_default())
    }

    /// Returns the key and value under which the state of a target's log is remembered.
    pub(crate) fn entry(&self, target: &Target) -> (String, Vec<u8>) {
        let record = SerializedState { version: Self::VERSION, state: self.clone() };
        (key(target), serde_json::to_vec(&record).unwrap_or_default())
    }

    /// Returns the start of a range that has only the overlap before the news, or `None` if the whole log is to be
    /// fetched.
    pub(crate) fn range_start(&self) -> Option<usize> {
        (self.ranges && !self.overlap.is_empty()).then(|| self.consumed - self.overlap.len())
    }

    /// Returns whether a log can be the known one, whether it has grown or not. `whole` says whether `bytes` are all of
    /// it.
    pub(crate) fn is_continued_by(&self, bytes: &[u8], whole: bool) -> bool {
        match bytes.get(self.consumed - self.overlap.len()..self.consumed) {
            Some(overlap) => overlap == self.overlap.as_bytes(),
            None => !whole,
        }
    }

    /// Records that the log was read up to `consumed`, where `bytes` end.
    pub(crate) fn advance(&mut self, consumed: usize, bytes: &[u8]) {
        let line = last_line(bytes);
        let overlap = &line[line.len().saturating_sub(Self::LONGEST_OVERLAP)..];
        self.consumed = consumed;
        self.overlap = String::from_utf8(overlap.into()).unwrap_or_default();
    }
}

impl Validators {
    /// Makes the request conditional, so that an unchanged log is not sent again.
    ///
    /// The time is sent only if there is no tag. Routers' web servers heed it even if there is one, and take any log
    /// older than the known one for unchanged, which happens when the router has been restarted and its clock is not
    /// set yet.
    pub(crate) fn write_to(&self, request: RequestBuilder) -> RequestBuilder {
        let etag = self.etag.as_deref().map(|etag| (IF_NONE_MATCH, etag));
        let condition = etag.or(self.last_modified.as_deref().map(|time| (IF_MODIFIED_SINCE, time)));
        match condition.and_then(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?))) {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }
}

/// Returns the last line that is not blank, with everything after it.
fn last_line(bytes: &[u8]) -> &[u8] {
    let text = bytes.trim_ascii_end();
    let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    &bytes[start..]
}

fn key(target: &Target) -> String {
    format!("log/{target}")
}
