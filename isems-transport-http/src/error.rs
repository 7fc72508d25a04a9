//! The reasons why polls fail.

use std::{error::Error, time::Duration};

use isems_core::{Receipt, RepositoryError};

/// The reason why a poll of a target failed. The messages contain no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// The connection could not be established.
    #[error("cannot connect: {cause}")]
    Connect {
        /// The cause: the name is unknown, the connection was refused, the certificate is not trusted.
        cause: String,
    },
    /// The connection was not established in time.
    #[error("no connection within {limit:?}")]
    ConnectTimeout {
        /// The time limit.
        limit: Duration,
    },
    /// The connection did not yield an HTTP answer.
    #[error("no valid HTTP answer: {cause}")]
    NoAnswer {
        /// The cause.
        cause: String,
    },
    /// The answer did not start in time.
    #[error("no answer within {limit:?}")]
    AnswerTimeout {
        /// The time limit.
        limit: Duration,
    },
    /// The answer has a status that comes with no log.
    #[error("answered with status {code} {reason}")]
    Status {
        /// The status code.
        code: u16,
        /// The reason phrase of the code, empty if it is not a standard one.
        reason: &'static str,
    },
    /// The answer is a redirection to another host, which is not followed.
    #[error("redirected to another host, {host:?}; if the log is there, make that the target")]
    RedirectedElsewhere {
        /// The host.
        host: String,
    },
    /// The host keeps redirecting to itself.
    #[error("redirected more than {limit} times")]
    TooManyRedirects {
        /// The number of redirections that are followed.
        limit: usize,
    },
    /// The body has an encoding that was not asked for.
    #[error("content encoding {encoding:?} is not supported, only gzip is")]
    Encoding {
        /// The value of the header.
        encoding: String,
    },
    /// The answer does not contain a single line of a log.
    #[error("answered with something that is not a log, {content_type}: \"{words}\"; is this the address of the log?")]
    NotALog {
        /// The content type that the server gives, empty if it gives none.
        content_type: String,
        /// Its first words.
        words: String,
    },
    /// The body did not arrive completely. Its complete lines were stored.
    #[error("{cause} after {bytes} bytes with {} lines, {} of them new and stored", .receipt.received, .receipt.stored)]
    Incomplete {
        /// The cause.
        cause: BodyFlaw,
        /// The number of bytes that arrived.
        bytes: usize,
        /// The result of storing the lines.
        receipt: Box<Receipt>,
    },
    /// The repository cannot be read or written.
    #[error("nothing could be stored: {}", causes(.0))]
    Repository(#[from] RepositoryError),
}

/// The reason why a body did not arrive completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyFlaw {
    /// The connection was closed before the announced end.
    #[error("answer cut off")]
    CutShort,
    /// It did not end in time.
    #[error("answer not complete within {limit:?}, given up")]
    TimedOut {
        /// The time limit.
        limit: Duration,
    },
    /// It is too large.
    #[error("answer larger than {limit} bytes, given up")]
    TooLarge {
        /// The maximum size.
        limit: usize,
    },
    /// Its compressed form is damaged or ends too early.
    #[error("compressed answer damaged")]
    Damaged,
}

/// Formats an error and its causes in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Returns the root cause of an error.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}
