//! Whole pages.

mod alerts;
mod collector;
mod deletion;
mod filter;
mod filter_form;
mod map;
mod node;
mod overview;
mod sign_in;
mod span;
mod start;

use maud::{DOCTYPE, Markup, html};

pub use self::{
    alerts::{AlertChannel, AlertMessage, AlertMute, AlertProblem, AlertTrial, AlertsPage},
    collector::{CollectorPage, Storage},
    deletion::DeletionPage,
    filter::{Condition, Filter, Order},
    map::MapPage,
    node::{CHART_FIELDS, Comparison, MEDIAN, NODE_PREFIX, NodeCharts, NodePage, UnknownNode},
    overview::Overview,
    sign_in::SignInPage,
    span::Span,
    start::StartPage,
};
use crate::{
    language::Language,
    viewer::{Kiosk, Viewer, escaped},
};

/// The colours of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Those of the viewer's system.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Returns the stable name that stands in the cookie and in the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The parts of the page that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Map,
    Alerts,
    Collector,
}

/// A page around its content.
pub(crate) struct Layout<'a> {
    pub(crate) viewer: &'a Viewer,
    pub(crate) title: &'a str,
    pub(crate) section: Option<Section>,
    /// The scripts beside that of every page.
    pub(crate) scripts: &'a [&'a str],
    pub(crate) main: Markup,
}

impl Layout<'_> {
    pub(crate) fn page(self) -> Markup {
        let Self { viewer, title, section, scripts, main } = self;
        let texts = viewer.pages();
        let theme = Some(viewer.theme.name()).filter(|_| viewer.theme != Theme::System);
        html! {
            (DOCTYPE)
            html lang=(viewer.language.tag()) data-theme=[theme] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · isems" }
                    link rel="stylesheet" href=(viewer.asset("style.css"));
                    link rel="icon" href=(viewer.asset("icon.svg"));
                    link rel="apple-touch-icon" href=(viewer.asset("icon.png"));
                    link rel="manifest" href=(viewer.href("/manifest.webmanifest"));
                    script type="module" src=(viewer.asset("page.js")) {}
                    @if viewer.kiosk.is_some() { script type="module" src=(viewer.asset("kiosk.js")) {} }
                    @for script in scripts { script type="module" src=(viewer.asset(script)) {} }
                }
                body class=[viewer.kiosk.map(Kiosk::class)] data-zone=(viewer.zone_name()) data-base=(viewer.base) {
                    a.skip href="#main" { (texts.skip) }
                    header {
                        a.brand href=(viewer.href("/")) { "isems" }
                        nav {
                            (link(viewer, "/", texts.overview, section == Some(Section::Overview)))
                            (link(viewer, "/map", viewer.texts().collector.map, section == Some(Section::Map)))
                            (link(viewer, "/alerts", viewer.texts().alerts.alerts, section == Some(Section::Alerts)))
                            (link(viewer, "/collector", viewer.texts().collector.collector, section == Some(Section::Collector)))
                            (link(viewer, "/docs", texts.api, false))
                        }
                        (languages(viewer))
                    }
                    p #offline role="status" hidden { (texts.offline) " " (viewer.time(viewer.now)) "." }
                    main #main { (main) }
                    footer {
                        p #as-of { ((texts.as_of)(&viewer.when(viewer.now), viewer.zone_name())) }
                        (session(viewer))
                        (themes(viewer))
                    }
                }
            }
        }
    }
}

fn link(viewer: &Viewer, path: &str, text: &str, is_current: bool) -> Markup {
    html! { a href=(viewer.href(path)) aria-current=[is_current.then_some("page")] { (text) } }
}

/// The switch between languages.
fn languages(viewer: &Viewer) -> Markup {
    let name = |language| match language {
        Language::English => "English",
        Language::German => "Deutsch",
    };
    html! {
        form.choice method="post" action=(viewer.href("/preferences")) {
            input type="hidden" name="back" value=(viewer.path);
            @for language in Language::ALL.into_iter().filter(|language| *language != viewer.language) {
                button name="language" value=(language.tag()) lang=(language.tag()) { (name(language)) }
            }
        }
    }
}

/// The way to sign in, or out.
fn session(viewer: &Viewer) -> Markup {
    let texts = viewer.texts().collector;
    html! {
        @if let Some(name) = &viewer.signed_in {
            form.choice method="post" action=(viewer.href("/sign-out")) { button { ((texts.sign_out)(name)) } }
        } @else if viewer.can_sign_in {
            a href={ (viewer.href("/sign-in?back=")) (escaped(&viewer.path)) } { (texts.sign_in) }
        }
    }
}

/// The switch between colours.
fn themes(viewer: &Viewer) -> Markup {
    let texts = viewer.pages();
    html! {
        form.choice method="post" action=(viewer.href("/preferences")) {
            input type="hidden" name="back" value=(viewer.path);
            span #themes { (texts.theme) ":" }
            span role="group" aria-labelledby="themes" {
                @for theme in Theme::ALL {
                    button name="theme" value=(theme.name()) aria-pressed=(theme == viewer.theme) { ((texts.theme_name)(theme)) }
                }
            }
        }
    }
}
