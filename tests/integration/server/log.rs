//! The log.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use isems_server::log::for_people;
use tracing::{
    Dispatch, error, info,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

/// Records what is logged on this thread while it exists.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn start() -> (Self, DefaultGuard) {
        // While there is but one subscriber, tracing lets the thread that comes first decide for all whether an event
        // is wanted, and that thread can be another test's.
        static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
        ANOTHER.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let log = Self::default();
        let guard = registry()
            .with(Targets::new().with_target("isems", LevelFilter::INFO).with_target("integration", LevelFilter::INFO))
            .with(for_people(log.clone(), false))
            .set_default();
        (log, guard)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Log {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

#[test]
fn an_event_is_one_line_whatever_a_stranger_put_into_it() {
    let (log, _guard) = Log::start();
    let forged = "Küche\n2026-01-01T00:00:00Z  INFO isems: all is well\r\u{1b}[2J\u{9b}K\u{0}\u{2028}\u{85}";
    let cause = io::Error::other(forged);
    info!(node = %forged, quoted = forged, "hello {forged}");
    error!(error = &cause as &dyn std::error::Error, "no good");
    let text = log.text();
    assert_eq!(text.lines().count(), 2, "{text:?}");
    let controls: Vec<char> = text.chars().filter(|character| character.is_control()).collect();
    assert_eq!(controls, ['\n', '\n'], "{text:?}");
    assert!(!text.contains('\u{2028}'));
    assert!(text.contains(r"hello Küche\n2026") && text.contains(r"node=Küche\n2026"), "{text:?}");
}
