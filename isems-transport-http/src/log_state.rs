//! What is remembered of a log between two polls.

use isems_core::{Inbox, RepositoryError};
use reqwest::{
    RequestBuilder,
    header::{HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH},
};
use serde::{Deserialize, Serialize};

use crate::Target;

/// What is known of a log. The default: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogState {
    /// How many of its bytes were read: the end of its last whole line.
    pub(crate) consumed: usize,
    /// The text that ends there: the last whole line, or the end of it.
    pub(crate) overlap: String,
    /// Whether the server has told that it knows ranges of the log as it is, uncompressed.
    pub(crate) ranges: bool,
    /// What identifies the last answer. None when that was not whole.
    pub(crate) validators: Validators,
    /// How many more polls try to fetch the archive of the log's predecessor.
    pub(crate) archive_tries: u8,
}

/// What identifies the content of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// The form in which a state is kept.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    #[serde(flatten)]
    state: LogState,
}

impl LogState {
    const VERSION: u32 = 1;
    const LONGEST_OVERLAP: usize = 1024;

    /// What is known of a target's log; nothing when what was kept cannot be read.
    pub(crate) async fn recall(inbox: &Inbox, target: &Target) -> Result<Self, RepositoryError> {
        let kept = inbox.recall(&key(target)).await?;
        let record = kept.and_then(|kept| serde_json::from_slice::<Record>(&kept).ok());
        let record = record.filter(|record| record.version == Self::VERSION);
        let state = record.map(|record| record.state).filter(|state| state.overlap.len() <= state.consumed);
        Ok(state.unwrap_or_default())
    }

    /// Returns the key and the value under which a target's log is remembered.
    pub(crate) fn entry(&self, target: &Target) -> (String, Vec<u8>) {
        let record = Record { version: Self::VERSION, state: self.clone() };
        (key(target), serde_json::to_vec(&record).unwrap_or_default())
    }

    /// Where a range starts that has only the overlap before the news; `None` when the log is to be fetched as a whole.
    pub(crate) fn range_start(&self) -> Option<usize> {
        (self.ranges && !self.overlap.is_empty()).then(|| self.consumed - self.overlap.len())
    }

    /// Whether a log can be the known one, grown or not. `whole`: whether `bytes` are all of it.
    pub(crate) fn is_continued_by(&self, bytes: &[u8], whole: bool) -> bool {
        match bytes.get(self.consumed - self.overlap.len()..self.consumed) {
            Some(overlap) => overlap == self.overlap.as_bytes(),
            None => !whole,
        }
    }

    /// Notes that the log was read up to `consumed`, where the text ends that `bytes` are the end of.
    pub(crate) fn advance(&mut self, consumed: usize, bytes: &[u8]) {
        let line = last_line(bytes);
        let overlap = &line[line.len().saturating_sub(Self::LONGEST_OVERLAP)..];
        self.consumed = consumed;
        self.overlap = String::from_utf8(overlap.into()).unwrap_or_default();
    }
}

impl Validators {
    /// Has the request answered only when the answer would be another one.
    ///
    /// The time is sent only where there is no tag. Routers' web servers heed it besides the tag, and take a log for unchanged
    /// that is older than the known one, as it is when the router has been started again and its clock is not set yet.
    pub(crate) fn write_to(&self, request: RequestBuilder) -> RequestBuilder {
        let etag = self.etag.as_deref().map(|etag| (IF_NONE_MATCH, etag));
        let condition = etag.or(self.last_modified.as_deref().map(|time| (IF_MODIFIED_SINCE, time)));
        match condition.and_then(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?))) {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }
}

/// The last line that is not blank, with all that follows it.
fn last_line(bytes: &[u8]) -> &[u8] {
    let text = bytes.trim_ascii_end();
    let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    &bytes[start..]
}

fn key(target: &Target) -> String {
    format!("log/{target}")
}
