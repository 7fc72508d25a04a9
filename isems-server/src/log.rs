//! Logging to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    filter::LevelFilter, filter::Targets, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use crate::settings::{DatabaseArguments, LogFormat, LogLevel};

/// Starts logging. It can be done once a process.
pub fn start(settings: &DatabaseArguments) {
    let level = match settings.log {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // The frameworks log every step of their own; theirs is heard from the level below on.
    let frameworks = if level > LevelFilter::DEBUG { level } else { level.min(LevelFilter::WARN) };
    let filter = Targets::new().with_default(frameworks).with_target("isems", level);
    let registry = registry().with(filter);
    match settings.log_format {
        LogFormat::Human => {
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal())).init();
        }
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).init(),
    }
}
