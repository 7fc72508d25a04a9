//! Why a poll failed.

use std::{error::Error, time::Duration};

use isems_core::{Receipt, RepositoryError};

/// Why a poll of a target failed. The messages name no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// No connection came about.
    #[error("cannot connect: {cause}")]
    Connect {
        /// Why: the name is unknown, the connection was refused, the certificate is not trusted.
        cause: String,
    },
    /// No connection came about in time.
    #[error("no connection within {limit:?}")]
    ConnectTimeout {
        /// The time that was given.
        limit: Duration,
    },
    /// The connection brought no HTTP answer.
    #[error("no usable HTTP answer: {cause}")]
    NoAnswer {
        /// Why.
        cause: String,
    },
    /// The answer did not begin in time.
    #[error("no answer within {limit:?}")]
    AnswerTimeout {
        /// The time that was given.
        limit: Duration,
    },
    /// The answer has a status that brings no log.
    #[error("answered with status {code} {reason}")]
    Status {
        /// The status code.
        code: u16,
        /// What it means, empty when it is no standard one.
        reason: &'static str,
    },
    /// The answer is a redirection to another host, which is not followed.
    #[error("redirected to another host, {host:?}; if the log is there, make that the target")]
    RedirectedElsewhere {
        /// The host.
        host: String,
    },
    /// The host redirects to itself again and again.
    #[error("redirected more than {limit} times")]
    TooManyRedirects {
        /// How many redirections are followed.
        limit: usize,
    },
    /// The body is encoded in a way that was not asked for.
    #[error("content encoding {encoding:?} is not supported, only gzip is")]
    Encoding {
        /// The value of the header.
        encoding: String,
    },
    /// The answer has no line of a log in it.
    #[error("answered with something that is no log, {content_type}: \"{words}\"; is this the address of the log?")]
    NotALog {
        /// What the server calls it, empty when it does not say.
        content_type: String,
        /// Its first words.
        words: String,
    },
    /// The body did not arrive whole. Its whole lines were stored.
    #[error("{cause} after {bytes} bytes with {} lines, {} of them new and stored", .receipt.received, .receipt.stored)]
    Incomplete {
        /// What is wrong with it.
        cause: BodyFlaw,
        /// How much arrived.
        bytes: usize,
        /// What became of the lines.
        receipt: Box<Receipt>,
    },
    /// The repository cannot be read or written.
    #[error("nothing could be stored: {}", causes(.0))]
    Repository(#[from] RepositoryError),
}

/// Why a body did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyFlaw {
    /// The connection was closed before the announced end.
    #[error("answer broke off")]
    CutShort,
    /// It did not end in time.
    #[error("answer not complete within {limit:?}, given up")]
    TimedOut {
        /// The time that was given.
        limit: Duration,
    },
    /// It is too large.
    #[error("answer larger than {limit} bytes, given up")]
    TooLarge {
        /// The size that was allowed.
        limit: usize,
    },
    /// Its compressed form is damaged or ends too early.
    #[error("compressed answer damaged")]
    Damaged,
}

/// An error and its causes, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The last of an error's causes.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}
