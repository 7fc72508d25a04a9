//! The state of the collector.

use isems_core::{Reject, SourceStatus, TransportState, TransportStatus};
use maud::{Markup, html};

use super::{Layout, Section};
use crate::{
    map::{define_marks, mark},
    texts::CollectorTexts,
    viewer::Viewer,
    words::capital,
};

/// The most sources of a transport that are listed one by one while they answer.
const LISTED: usize = 30;

/// The number of months that are worth counting: a hundred years.
const FORESEEABLE: f64 = 1200.0;

/// The space that measurements take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storage {
    /// The size of the file, bytes; `None` if there is none.
    pub bytes: Option<u64>,
    /// The free space of its disk, bytes, if that is known.
    pub free_bytes: Option<u64>,
    /// The growth of the file, bytes a month, if that can be said.
    pub growth: Option<f64>,
    /// The number of nodes.
    pub nodes: usize,
    /// The number of measurements.
    pub measurements: u64,
}

/// The page that shows the state of the collector.
#[derive(Debug, Clone, Copy)]
pub struct CollectorPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The transports.
    pub transports: &'a [TransportStatus],
    /// The newest rejects, for those who may see them.
    pub rejects: Option<&'a [Reject]>,
    /// The space that measurements take.
    pub storage: Storage,
    /// Set if nodes are polled.
    pub polls: bool,
    /// The version of the program.
    pub version: &'a str,
    /// The time of the start, Unix seconds, UTC.
    pub started: i64,
}

impl CollectorPage<'_> {
    fn texts(&self) -> &'static CollectorTexts {
        self.viewer.texts().collector
    }

    /// Draws the page.
    pub fn page(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        let main = html! {
            h1 { (texts.collector) }
            (transports(viewer, self.transports))
            (self.storage())
            (self.rejects())
        };
        Layout { viewer, title: texts.collector, section: Some(Section::Collector), scripts: &[], main }.page()
    }

    fn storage(&self) -> Markup {
        let (viewer, texts, storage) = (self.viewer, self.texts(), self.storage);
        let count = |count: u64| viewer.language.grouped(count);
        let months = storage.free_bytes.zip(storage.growth.filter(|growth| *growth > 0.0));
        let months = months.map(|(free, growth)| free as f64 / growth).filter(|months| *months < FORESEEABLE);
        html! {
            section #database data-live aria-labelledby="database-heading" {
                h2 #database-heading { (texts.database) }
                dl.narrow {
                    (fact(texts.nodes, &count(storage.nodes as u64)))
                    (fact(texts.measurements, &count(storage.measurements)))
                    (fact(texts.size, &storage.bytes.map_or_else(|| texts.in_memory.into(), |bytes| viewer.bytes(bytes as f64))))
                    @if let Some(growth) = storage.growth {
                        (fact(texts.growth, &(texts.a_month)(&viewer.bytes(growth))))
                    }
                    @if let Some(months) = months {
                        (fact(texts.full, &(texts.about_months)(&count(months as u64))))
                    }
                    (fact(texts.version, self.version))
                    (fact(texts.started, &viewer.when(self.started)))
                }
                @if viewer.signed_in.is_some() {
                    div.choice {
                        @if self.polls {
                            form method="post" action=(viewer.href("/collector/poll")) { button { (texts.poll) } }
                        }
                        @if storage.bytes.is_some() {
                            form method="post" action=(viewer.href("/api/v1/backup")) { button { (texts.backup) } }
                        }
                    }
                }
            }
        }
    }

    fn rejects(&self) -> Markup {
        let (viewer, texts) = (self.viewer, self.texts());
        html! {
            section #rejects data-live aria-labelledby="rejects-heading" {
                h2 #rejects-heading { (texts.rejects) }
                @match self.rejects {
                    None => {
                        p {
                            (texts.rejects_need_token) " "
                            @if viewer.can_sign_in { a href=(viewer.href("/sign-in?back=%2Fcollector")) { (texts.sign_in) } }
                        }
                    },
                    Some([]) => p { (texts.no_rejects) },
                    Some(rejects) => {
                        div.wide tabindex="0" role="region" aria-labelledby="rejects-heading" {
                            table {
                                thead {
                                    tr {
                                        th { (texts.time) } th { (viewer.pages().node) } th { (texts.source) }
                                        th { (texts.reason) } th { (texts.line) }
                                    }
                                }
                                tbody {
                                    @for reject in rejects {
                                        tr {
                                            td { (viewer.time(reject.received_at)) }
                                            td { (reject.node.as_deref().unwrap_or_default()) }
                                            td { (reject.source) }
                                            td { (reject.reason.code()) @if let Some(field) = &reject.field { ": " (field) } }
                                            td { code { (reject.text) } }
                                        }
                                    }
                                }
                            }
                        }
                    },
                }
            }
        }
    }
}

fn fact(label: &str, value: &str) -> Markup {
    html! { div { dt { (capital(label)) } dd { (value) } } }
}

/// The transports with their sources.
pub(super) fn transports(viewer: &Viewer, transports: &[TransportStatus]) -> Markup {
    let texts = viewer.texts().collector;
    html! {
        section #transports data-live aria-labelledby="transports-heading" {
            (define_marks())
            h2 #transports-heading { (texts.transports) }
            @if transports.is_empty() { p { (texts.no_transports) } }
            ul.cards { @for status in transports { (transport(viewer, status)) } }
        }
    }
}

fn transport(viewer: &Viewer, status: &TransportStatus) -> Markup {
    let texts = viewer.texts().collector;
    let count = |count: u64| viewer.language.grouped(count);
    let level = match status.state {
        TransportState::Running => "ok",
        TransportState::Waiting => "urgent",
        TransportState::Starting | TransportState::Ended => "unknown",
    };
    let (up, down): (Vec<_>, Vec<_>) =
        status.sources.iter().partition(|(_, source)| source.up && source.note.is_none());
    html! {
        li class={ "card " (level) } {
            h3 { (status.name) (labelled(level, (texts.state)(status.state))) }
            dl {
                (fact(texts.received, &count(status.received)))
                (fact(texts.stored, &count(status.stored)))
                (fact(texts.duplicates, &count(status.duplicates)))
                (fact(texts.rejected, &count(status.rejected.total())))
                (fact(texts.dropped, &count(status.dropped.total())))
                @if let Some(last) = status.last_success { (fact(texts.last_delivery, &viewer.when(last))) }
            }
            @if let Some(error) = &status.last_error {
                p { strong { (capital(texts.last_error)) ", " (viewer.time(error.at)) } ": " (error.message) }
            }
            @if status.sources.is_empty() && !status.follows.is_empty() {
                p { (capital(texts.follows)) ": " (status.follows.join(", ")) }
            }
            @if !down.is_empty() { ul.sources { @for (name, status) in down { (source(viewer, name, status)) } } }
            @if !up.is_empty() {
                details open[up.len() <= LISTED] {
                    summary { ((texts.answering)(up.len())) }
                    ul.sources { @for (name, status) in up { (source(viewer, name, status)) } }
                }
            }
        }
    }
}

fn source(viewer: &Viewer, name: &str, source: &SourceStatus) -> Markup {
    let texts = viewer.texts().collector;
    let since = viewer.when(source.since);
    html! {
        li {
            (name) " "
            @if source.up { (labelled("ok", &(texts.up)(&since))) } @else { (labelled("urgent", &(texts.down)(&since))) }
            @for words in source.error.iter().chain(&source.note) { span.odd { (words) } }
        }
    }
}

fn labelled(level: &str, text: &str) -> Markup {
    html! {
        span class={ "level " (level) } {
            (mark(level))
            (text)
        }
    }
}
