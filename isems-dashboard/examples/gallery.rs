//! Writes a page with charts and maps of made-up nodes to standard output, to look at them without a server:
//! `cargo run -p isems-dashboard --example gallery > gallery.html`. With an argument, the language is German.

use std::ops::Range;

use isems_core::{Bucket, NumberField};
use isems_dashboard::{
    Chart, Forecast, Ground, Language, Limit, Line, Map, MapNode, Sparkline, Strip, StripRow, StripSpan, nights,
};
use isems_insight::{FindingSeverity, Level, NodeState, Position, Silence, SilenceCause, Sun};
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Thursday 26 March 2026, noon UTC: three days before summer time begins in Berlin.
const NOW: i64 = 1_774_526_400;

/// A node on a roof in Berlin.
struct MadeUp {
    sun: Sun,
    /// The yield of its panel, 1 for a good one.
    panel: f64,
    silences: Vec<Range<i64>>,
}

impl MadeUp {
    /// The voltage of its battery at a time.
    fn voltage(&self, time: i64) -> f64 {
        let elevation = self.sun.elevation(time).max(0.0).to_radians().sin();
        let since_noon = (time - self.sun.next_noon(time - DAY)) as f64 / DAY as f64;
        let weather = (time.div_euclid(DAY) * 2_654_435_761).rem_euclid(100) as f64 / 100.0;
        let noise = ((time / 60 * 40_503).rem_euclid(97) as f64 - 48.0) / 4000.0;
        12.9 + 1.6 * self.panel * elevation * (0.4 + weather) - 0.9 * since_noon + noise
    }

    fn buckets(&self, range: &Range<i64>, interval: i64) -> Vec<Bucket> {
        let until = range.end.min(NOW);
        let starts = (range.start.div_euclid(interval) * interval..until).step_by(interval as usize);
        let mut buckets = Vec::new();
        for start in starts {
            let mut bucket = Bucket::EMPTY;
            let times = (start..(start + interval).min(until)).step_by((interval as usize / 12).max(60));
            let heard = times.filter(|time| !self.silences.iter().any(|silence| silence.contains(time)));
            heard.for_each(|time| bucket.add(self.voltage(time)));
            buckets.push(bucket);
        }
        buckets
    }

    fn silences(&self, causes: &[SilenceCause]) -> Vec<Silence> {
        let silence = |(range, cause): (&Range<i64>, &SilenceCause)| Silence {
            since: range.start,
            until: Some(range.end),
            cause: *cause,
            confidence: 0.9,
            evidence: Vec::new(),
            expected_back_at: None,
        };
        self.silences.iter().zip(causes).map(silence).collect()
    }
}

fn main() {
    let language = if std::env::args().len() > 1 { Language::German } else { Language::English };
    print!("{}", page(language).into_string());
}

/// Tiles with their numbers on them.
const GROUND: Ground<'_> = Ground {
    tiles: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 256 256'%3E\
            %3Cpath d='M0 0h256v256H0z' fill='%23dce8d4' stroke='%239a8'/%3E\
            %3Ctext x='20' y='40' font-size='24' fill='%23798'%3E{z}/{x}/{y}%3C/text%3E%3C/svg%3E",
    deepest: 19,
    attribution: "\u{a9} the gallery",
};

/// A map of some nodes on the roofs of Berlin.
fn map(id: &str, title: &str, count: usize, ground: Option<Ground<'_>>, language: Language) -> Markup {
    const NAMES: [&str; 8] =
        ["Hafen", "Rathaus", "Kirchturm", "Feuerwehr", "Elektra-Dach", "Wasserturm", "Schule", "Bahnhof <b>"];
    let names: Vec<String> = (0..count)
        .map(|number| match number / NAMES.len() {
            0 => NAMES[number].to_owned(),
            round => format!("{}-{round}", NAMES[number % NAMES.len()]),
        })
        .collect();
    let nodes: Vec<MapNode<'_>> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            // Sunflower seeds, somewhat disturbed.
            let (angle, radius) = (number as f64 * 2.4, (number as f64 / count as f64).sqrt());
            let (north, east) = (angle.sin() * radius, angle.cos() * radius + (angle * 7.0).sin() * 0.1);
            MapNode {
                name,
                href: "#node",
                position: match number % 29 {
                    5 => Position::ShippedDefault,
                    6 => Position::Unset,
                    _ => Position::Set { latitude: 52.5 + north * 0.03, longitude: 13.4 + east * 0.07 },
                },
                level: Level::ALL[[0, 0, 2, 0, 3, 0, 1, 0, 0, 0, 2][number % 11]],
                state: NodeState::ALL[[0, 0, 0, 0, 1, 0, 0, 0, 2][number % 9]],
                summary: "",
            }
        })
        .collect();
    Map { id, title, language, nodes: &nodes, ground }.figure()
}

fn page(language: Language) -> Markup {
    let zone = TimeZone::get("Europe/Berlin").expect("the time zones are built in");
    let sun = Sun::at_place(52.5, 13.4).expect("Berlin exists");
    let hafen =
        MadeUp { sun, panel: 0.6, silences: vec![NOW - 9 * HOUR..NOW - 5 * HOUR, NOW - 3 * DAY..NOW - 2 * DAY] };
    let rathaus = MadeUp { sun, panel: 1.0, silences: vec![] };
    let silences = hafen.silences(&[SilenceCause::RanEmpty, SilenceCause::Uplink]);
    let limit = Some(Limit {
        value: 11.9,
        label: if language == Language::German { "Abschaltung 11,9 V" } else { "Cut-off 11.9 V" },
    });
    let chart = |id, title, range: Range<i64>, interval| Chart {
        unit: "V",
        limit,
        ..Chart::new(id, title, range, interval, zone.clone(), language)
    };
    let chart_of_day = {
        let range = NOW - DAY..NOW + 18 * HOUR;
        let buckets = hafen.buckets(&range, 300);
        let node = "Hafen".parse().expect("it is a name");
        let live = Some((&node, NumberField::BatteryVoltage));
        let shown = Line { label: "Hafen", start: range.start, buckets: &buckets, longest_step: 900, live };
        let last = (NOW - 150, buckets.last().and_then(Bucket::average).unwrap_or(12.5));
        let course = |hours: i64| vec![last, (NOW + 5 * HOUR, 12.6), (NOW + hours * HOUR, 11.9)];
        let (earliest, expected, latest) = (course(10), course(13), course(17));
        let forecast = Forecast { expected: &expected, earliest: &earliest, latest: &latest };
        let nights = nights(&sun, range.clone());
        let chart = chart("day", "Battery voltage of Hafen", range, 300);
        Chart { lines: &[shown], forecast: Some(forecast), silences: &silences, nights: &nights, ..chart }.figure()
    };
    let compared = |id, title, days: i64, interval: i64| {
        let range = NOW - days * DAY..NOW;
        let (first, second) = (hafen.buckets(&range, interval), rathaus.buckets(&range, interval));
        let start = range.start.div_euclid(interval) * interval;
        let line = |label, buckets| Line { label, start, buckets, longest_step: interval, live: None };
        let nights = nights(&sun, range.clone());
        let lines = [line("Hafen", &first), line("Rathaus <b>&amp;", &second)];
        Chart { lines: &lines, silences: &silences, nights: &nights, ..chart(id, title, range, interval) }.figure()
    };
    let span = |from: i64, to: Option<i64>, severity, text| {
        let at = |days: i64| NOW - days * DAY;
        StripSpan { from: at(from), to: to.map(at), severity, text }
    };
    let silent = [
        span(24, Some(23), FindingSeverity::Info, "uplink lost"),
        span(3, Some(2), FindingSeverity::Urgent, "ran empty"),
    ];
    let findings = [
        span(28, Some(9), FindingSeverity::Attention, "panel is dirty"),
        span(5, Some(1), FindingSeverity::Urgent, "load off predicted"),
        span(0, None, FindingSeverity::Attention, "reserve is low"),
    ];
    let rows = [StripRow { label: "Silences", spans: &silent }, StripRow { label: "Findings", spans: &findings }];
    let strip_of_month = Strip {
        id: "strip",
        title: "What happened in a month",
        range: NOW - 30 * DAY..NOW,
        time_zone: zone.clone(),
        language,
        rows: &rows,
    };
    let empty = Chart {
        covers: Some(0.0..=100.0),
        unit: "%",
        ..Chart::new("empty", "Charge", NOW - DAY..NOW, 300, zone.clone(), language)
    };
    let spark = |node: &MadeUp| {
        let range = NOW - DAY..NOW;
        let values: Vec<_> = node.buckets(&range, HOUR / 2).iter().map(Bucket::average).collect();
        Sparkline { values: &values, covers: 11.8..=14.4, label: "24 h" }.svg()
    };
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Gallery" }
                style { (PreEscaped(include_str!("../assets/chart.css"))) (PreEscaped(include_str!("../assets/map.css"))) "body{font:1rem system-ui,sans-serif;margin:1rem}" }
            }
            body {
                main {
                    h1 { "Gallery" }
                    (chart_of_day)
                    (compared("week", "Two nodes over a week", 7, 1800))
                    (compared("month", "Two nodes over a month", 30, 7200))
                    (compared("year", "Two nodes over a year", 365, DAY))
                    (strip_of_month.figure())
                    (empty.figure())
                    p { "Hafen " (spark(&hafen)) " Rathaus " (spark(&rathaus)) }
                    (map("map", "Map", 16, None, language))
                    (map("ground", "Map with a background", 16, Some(GROUND), language))
                    (map("dense", "Map of many nodes", 400, None, language))
                    (map("alone", "Map of one node", 1, None, language))
                }
                script type="module" { (PreEscaped(include_str!("../assets/chart.js"))) }
                script type="module" { (PreEscaped(include_str!("../assets/map.js"))) }
                script type="module" { (PreEscaped(include_str!("../assets/live.js"))) }
            }
        }
    }
}
