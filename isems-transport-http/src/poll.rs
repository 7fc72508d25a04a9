//! One poll of one log.

use isems_core::{Inbox, Payload, Pending, Receipt, RejectReason, printable};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE},
};
use tracing::debug;

use crate::{
    PollError, Target, archive,
    body::Body,
    client::{Answer, Client, Encoding},
    log_state::{LogState, Validators},
};

/// The field separators that a log line can have.
const SEPARATORS: std::ops::RangeInclusive<usize> = 17..=18;

/// The number of characters shown of an answer that is not a log.
const SHOWN: usize = 60;

/// A poll of a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poll<'a> {
    pub(crate) client: &'a Client,
    pub(crate) target: &'a Target,
    pub(crate) inbox: &'a Inbox,
}

/// The result of a request for the log.
enum News {
    /// It is unchanged.
    Nothing,
    /// It has grown: the overlap and the part after it.
    Grown(Content),
    /// The whole log.
    Log(Content),
}

/// A log, or the end of one.
struct Content {
    body: Body,
    received_at: i64,
    ranges: bool,
    validators: Validators,
    media_type: String,
}

impl Poll<'_> {
    /// Fetches the news, and stores it together with the position up to which the log was read.
    pub(crate) async fn run(self) -> Result<Receipt, PollError> {
        let mut remembered = LogState::recall(self.inbox, self.target).await?;
        let mut state = remembered.clone();
        let result = self.update(&mut state, &mut remembered).await;
        if state != remembered {
            let (key, value) = state.entry(self.target);
            self.inbox.remember(&key, value).await?;
        }
        result
    }

    /// Advances the state over the lines that were stored, and no further. `remembered` is the state on disk.
    async fn update(&self, state: &mut LogState, remembered: &mut LogState) -> Result<Receipt, PollError> {
        let news = self.news(state).await?;
        if let News::Log(content) = &news {
            self.check(content).await?;
        }
        let archive_url = self.target.archive_url();
        if let News::Log(Content { body, .. }) = &news
            && !state.is_continued_by(&body.bytes, body.flaw.is_none())
        {
            let archive_tries = if archive_url.is_some() { archive::TRIES } else { 0 };
            *state = LogState { archive_tries, ..LogState::default() };
        }
        let mut receipt = Receipt::default();
        if state.archive_tries > 0
            && let Some(url) = archive_url
        {
            state.archive_tries = self.fetch_archive(url, state.archive_tries, &mut receipt).await?;
        }
        let (content, start, known) = match news {
            News::Nothing => return Ok(receipt),
            News::Grown(content) => (content, state.consumed - state.overlap.len(), state.overlap.len()),
            News::Log(content) => (content, 0, 0),
        };
        let Content { body, received_at, ranges, validators, .. } = content;
        let mut next = state.clone();
        let remember = |pending: &Pending| {
            let whole_lines = &body.bytes[..body.bytes.len() - pending.incomplete_bytes];
            let consumed = start + whole_lines.len();
            // A body that broke off before the known end proves nothing against it. Lines that are refused for now are
            // read again.
            if pending.refused_for_now == 0 && (body.flaw.is_none() || consumed > next.consumed) {
                next.advance(consumed, whole_lines);
                next.ranges = ranges;
                next.validators = if body.flaw.is_none() { validators } else { Validators::default() };
            }
            (next != *remembered).then(|| next.entry(self.target))
        };
        let payload = self.payload(&body.bytes[known..], received_at);
        let delivered = self.inbox.deliver_and_remember(payload, remember).await?;
        remembered.clone_from(&next);
        *state = next;
        add(&mut receipt, &delivered);
        match body.flaw {
            None => Ok(receipt),
            Some(cause) => Err(PollError::Incomplete { cause, bytes: body.received, receipt: receipt.into() }),
        }
    }

    /// Refuses an answer without a log line, leaving the state of the log unchanged.
    async fn check(&self, content: &Content) -> Result<(), PollError> {
        let Content { body, received_at, media_type, .. } = content;
        // The flaw of an incomplete body is reported anyway.
        if body.flaw.is_some() || is_log(&body.bytes) {
            return Ok(());
        }
        let source = self.target.as_str();
        let payload = Payload { received_at: *received_at, ..Payload::csvlog(&body.bytes, source) };
        self.inbox.reject(&payload, RejectReason::NotALog).await?;
        let shown = |text: &str| printable(&text.chars().take(SHOWN).collect::<String>()).into_owned();
        let text = String::from_utf8_lossy(&body.bytes[..body.bytes.len().min(4 * SHOWN)]);
        let content_type = if media_type.is_empty() { "without a content type".into() } else { shown(media_type) };
        Err(PollError::NotALog { content_type, words: shown(text.trim()) })
    }

    async fn news(&self, state: &LogState) -> Result<News, PollError> {
        let Some(start) = state.range_start() else {
            let request = self.client.get(self.target, self.target.url().clone(), Encoding::Gzip);
            let answer = self.client.send(self.target, state.validators.write_to(request)).await?;
            return self.log_or_nothing(answer, &state.validators).await;
        };
        let request = self.client.get(self.target, self.target.url().clone(), Encoding::Identity);
        let request = request.header(RANGE, format!("bytes={start}-"));
        let answer = self.client.send(self.target, state.validators.write_to(request)).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                if let Some(grown) = self.grown(answer, state, start).await? {
                    return Ok(News::Grown(grown));
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {}
            _ => return self.log_or_nothing(answer, &state.validators).await,
        }
        debug!(source = self.target.as_str(), "the log does not continue where it ended; fetching it whole");
        let answer = self
            .client
            .send(self.target, self.client.get(self.target, self.target.url().clone(), Encoding::Gzip))
            .await?;
        self.log_or_nothing(answer, &Validators::default()).await
    }

    /// Returns the part after the overlap, or `None` if the answer does not begin with the overlap.
    async fn grown(&self, answer: Answer, state: &LogState, start: usize) -> Result<Option<Content>, PollError> {
        let Some(range) = answer.range().filter(|range| range.start == start) else { return Ok(None) };
        if answer.encoding()? != Encoding::Identity {
            return Ok(None);
        }
        let validators = if range.to_the_end { validators(&answer) } else { Validators::default() };
        let received_at = answer.received_at;
        let body = answer.body().await;
        let overlap = state.overlap.as_bytes();
        match body.flaw {
            _ if body.bytes.starts_with(overlap) => {
                Ok(Some(Content { body, received_at, ranges: true, validators, media_type: String::new() }))
            }
            Some(cause) if overlap.starts_with(&body.bytes) => {
                Err(PollError::Incomplete { cause, bytes: body.received, receipt: Box::default() })
            }
            _ => Ok(None),
        }
    }

    /// Takes the whole log, or nothing if it still has the validators that the request asked about.
    async fn log_or_nothing(&self, answer: Answer, asked: &Validators) -> Result<News, PollError> {
        match answer.status() {
            StatusCode::NOT_MODIFIED if *asked != Validators::default() => return Ok(News::Nothing),
            StatusCode::PARTIAL_CONTENT => return Err(answer.refusal()),
            status if !status.is_success() => return Err(answer.refusal()),
            _ => {}
        }
        let encoding = answer.encoding()?;
        let ranges = encoding == Encoding::Identity && answer.accepts_ranges();
        let validators = validators(&answer);
        let media_type = answer.header(CONTENT_TYPE).unwrap_or_default().to_owned();
        let received_at = answer.received_at;
        let body = answer.body().await;
        let body = match encoding {
            Encoding::Identity => body,
            Encoding::Gzip if body.bytes.is_empty() => body,
            Encoding::Gzip => body.gunzip(self.client.max_body_bytes()),
        };
        Ok(News::Log(Content { body, received_at, ranges, validators, media_type }))
    }

    /// Makes the payload of a body. A last line without a line ending is left for the next poll unless it is complete
    /// on its own.
    pub(crate) fn payload<'b>(&'b self, bytes: &'b [u8], received_at: i64) -> Payload<'b> {
        Payload { whole: false, received_at, ..Payload::csvlog(bytes, self.target.as_str()) }
    }
}

/// Returns whether a body is a log: it is empty, contains a line with the right fields, or is the beginning of a first
/// line that is still being written.
fn is_log(bytes: &[u8]) -> bool {
    let separators = |line: &[u8]| line.split(|byte| *byte == b';').count() - 1;
    let has_line = bytes.split(|byte| *byte == b'\n').any(|line| SEPARATORS.contains(&separators(line)));
    let is_begun = || !bytes.contains(&b'\n') && !bytes.starts_with(b"<") && separators(bytes) > 0;
    bytes.trim_ascii().is_empty() || has_line || is_begun()
}

fn validators(answer: &Answer) -> Validators {
    let text = |name| answer.header(name).map(str::to_owned);
    Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// Adds the receipt of a further payload. Line numbers are those within each payload.
pub(crate) fn add(total: &mut Receipt, receipt: &Receipt) {
    total.received += receipt.received;
    total.stored += receipt.stored;
    total.duplicates += receipt.duplicates;
    total.rejected.merge(&receipt.rejected);
    let room = Receipt::REJECTS_TOLD - total.rejects.len();
    total.rejects.extend(receipt.rejects.iter().take(room).cloned());
    total.dropped.merge(&receipt.dropped);
    let room = Receipt::REJECTS_TOLD - total.dropped_values.len();
    total.dropped_values.extend(receipt.dropped_values.iter().take(room).cloned());
    total.incomplete_bytes = receipt.incomplete_bytes;
}
