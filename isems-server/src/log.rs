//! Logging to standard error, and error reporting if configured.

use std::{
    fmt as text,
    io::{self, IsTerminal},
};

use isems_core::{BoxError, printable};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, Registry,
    field::RecordFields,
    filter::LevelFilter,
    filter::Targets,
    fmt::{
        self, FormatFields, MakeWriter,
        format::{DefaultFields, Writer},
    },
    layer::SubscriberExt,
    registry,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use crate::{
    sentry::Sentry,
    settings::{LogFormat, LogLevel, SentryDsn, Settings},
};

/// The level of a log, which can be changed while the process runs.
#[derive(Debug, Clone)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Changes it.
    pub fn set(&self, level: LogLevel) {
        // This fails only if nothing is logged any more.
        let _ = self.0.reload(filter(level));
    }
}

/// Starts logging, and error reporting if a server for it is given, which lasts as long as the returned guard. It can
/// be done once per process.
pub fn start(settings: &Settings) -> Result<(Level, Option<Sentry>), BoxError> {
    let (filter, level) = reload::Layer::new(filter(settings.log));
    let sentry = settings.sentry_dsn.clone().map(|SentryDsn(dsn)| Sentry::start(dsn)).transpose()?;
    let registry = registry().with(filter).with(sentry.as_ref().map(|_| Sentry::layer()));
    match settings.log_format {
        LogFormat::Human => registry.with(for_people(io::stderr, io::stderr().is_terminal())).init(),
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).init(),
    }
    Ok((Level(level), sentry))
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // The frameworks log their every step, so they are only logged at one level below.
    let frameworks = if level > LevelFilter::DEBUG { level } else { level.min(LevelFilter::WARN) };
    Targets::new().with_default(frameworks).with_target("isems", level)
}

/// Writes events for people, each in one line, whatever it contains.
pub fn for_people<S, W>(writer: W, colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fmt::layer().fmt_fields(OneLine).with_writer(writer).with_ansi(colours)
}

/// Keeps an event for people in one line: control characters in a message or value, which a stranger may have chosen,
/// are escaped, so that nothing can pass for a line of its own or move the cursor.
struct OneLine;

impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> text::Result {
        let mut formatted = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut formatted), fields)?;
        writer.write_str(&printable(&formatted))
    }
}
