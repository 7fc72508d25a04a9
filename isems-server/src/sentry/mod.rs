//! Reporting errors and panics to a Sentry server, or to one that speaks its protocol, such as GlitchTip.
//!
//! The reports are log events of the level `error`, as they are; panics, with their message and location; and the error
//! with which the program ends. Nothing else is reported: no settings, environment, requests or earlier log lines, and
//! no names of the machine or the user.

mod courier;
mod outbox;

use std::{
    panic::{self, PanicHookInfo},
    sync::Arc,
    time::Duration,
};

use isems_core::BoxError;
use sentry_core::{
    Client, ClientOptions, Hub,
    protocol::{Event, Exception, Frame, Level, Mechanism, Stacktrace},
    types::Dsn,
};
use sentry_tracing::ErrorLayer;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use self::outbox::Outbox;

/// The time that the program waits at its end for reports that are still on their way.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Reporting to a Sentry server. When it is dropped, reports on their way get five more seconds.
#[derive(Debug)]
#[must_use = "nothing is reported any more when it is dropped"]
pub struct Sentry {
    client: Arc<Client>,
}

impl Sentry {
    /// Starts reporting panics, and the events that the [`layer`](Self::layer) receives.
    ///
    /// # Errors
    ///
    /// If the HTTP client or its thread cannot be created. This does not check that the server answers.
    pub fn start(dsn: Dsn) -> Result<Self, BoxError> {
        let outbox = Arc::new(Outbox::open(&dsn)?);
        let options =
            ClientOptions::from(dsn).release(concat!("isems-server@", env!("CARGO_PKG_VERSION"))).transport(outbox);
        let client = Arc::new(Client::with_options(options));
        // Every other thread inherits the client from this one when it first reports something.
        Hub::main().bind_client(Some(client.clone()));
        let (reporter, hook) = (client.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            hook(info);
            reporter.capture_event(event_of_panic(info), None);
        }));
        Ok(Self { client })
    }

    /// Returns a layer that reports log events of the level `error`. One with a field `panic` is about a caught panic
    /// and is skipped, because that was reported when it happened.
    pub fn layer<S>() -> impl Layer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let is_reported = |metadata: &Metadata<'_>| {
            *metadata.level() == tracing::Level::ERROR && metadata.fields().field("panic").is_none()
        };
        ErrorLayer::new().with_filter(filter_fn(is_reported))
    }

    /// Reports the error with which the program ends.
    pub fn report_end(&self, message: &str) {
        let logger = Some(env!("CARGO_CRATE_NAME").into());
        self.client.capture_event(
            Event { message: Some(message.into()), logger, level: Level::Fatal, ..Event::default() },
            None,
        );
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.client.close(Some(LAST_WAIT));
    }
}

/// Formats a panic as the program prints it: the message and the location.
fn event_of_panic(info: &PanicHookInfo<'_>) -> Event<'static> {
    let location = info.location();
    let frame = location.map(|location| Frame {
        filename: Some(location.file().into()),
        lineno: Some(location.line().into()),
        colno: Some(location.column().into()),
        ..Frame::default()
    });
    let exception = Exception {
        ty: "panic".into(),
        value: Some(info.payload_as_str().unwrap_or("without a message").into()),
        stacktrace: frame.map(|frame| Stacktrace { frames: vec![frame], ..Stacktrace::default() }),
        mechanism: Some(Mechanism { ty: "panic".into(), handled: Some(false), ..Mechanism::default() }),
        ..Exception::default()
    };
    // Panics at one location belong together, whatever numbers their messages contain.
    let fingerprint = location.map(|location| vec!["panic".into(), location.to_string().into()]);
    let mut event = Event { exception: vec![exception].into(), level: Level::Fatal, ..Event::default() };
    if let Some(fingerprint) = fingerprint {
        event.fingerprint = fingerprint.into();
    }
    event
}
