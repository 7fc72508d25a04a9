//! Properties of every chart and every map.

use std::slice;

use isems_core::Bucket;
use isems_dashboard::{Chart, Language, Line, Map, MapNode, Sparkline};
use isems_insight::{Level, NodeState, Position, Silence, SilenceCause};
use jiff::tz::TimeZone;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::markup::{attributes, percent, within};

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "UTC",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Pacific/Chatham",
    "Pacific/Apia",
];

fn is_sound(markup: &str) -> bool {
    let texts = ["NaN", "inf", "undefined", "--"];
    !texts.iter().any(|text| markup.contains(text))
        && markup.matches("<svg").count() == markup.matches("</svg>").count()
}

/// Times of which a file can hold measurements.
fn time() -> impl Strategy<Value = i64> {
    1_514_764_800_i64..4_000_000_000
}

/// Lengths from ten minutes to thirty years, each order of magnitude as likely as the others.
fn length() -> impl Strategy<Value = i64> {
    (6.4_f64..20.6).prop_map(|exponent| exponent.exp() as i64)
}

proptest! {
    #[test]
    fn every_range_has_ticks_in_order_and_not_too_many(from in time(), length in length(), zone in select(&ZONES)) {
        let zone = TimeZone::get(zone).unwrap();
        let chart = Chart::new("chart", "", from..from + length, 60, zone, Language::English);
        let markup = chart.svg().into_string();
        let places: Vec<_> = attributes(within(&markup, "<g class=\"times\">", "<svg"), "line", "x1")
            .into_iter()
            .map(percent)
            .collect();
        prop_assert!((2..=14).contains(&places.len()), "{places:?}");
        prop_assert!(places.windows(2).all(|pair| pair[0] + 3.0 < pair[1]), "{places:?}");
        let group = within(&markup, "<g class=\"times\">", "</svg>");
        // Those that are shown on a phone, too.
        let coarse = places.len() - group.matches("<g class=\"fine\">").count();
        prop_assert!((1..=7).contains(&coarse), "{coarse} of {places:?}");
    }

    #[test]
    fn every_series_is_drawn(
        from in time(),
        interval in 1_i64..100_000,
        values in vec(option::of(any::<f64>()), 0..60),
        longest_step in 0_i64..1_000_000,
        silence in (-1000_i64..1000, 0_i64..100_000),
    ) {
        let mut buckets = vec![Bucket::EMPTY; values.len()];
        for (bucket, value) in buckets.iter_mut().zip(values) {
            if let Some(value) = value.filter(|value| value.abs() < 1e7) {
                bucket.add(value);
            }
        }
        let start = from.div_euclid(interval) * interval;
        let line = Line { label: "Hafen", start, buckets: &buckets, longest_step, live: None };
        let silence = Silence {
            since: from + silence.0,
            until: Some(from + silence.0 + silence.1),
            cause: SilenceCause::Uplink,
            confidence: 0.5,
            evidence: vec![],
            expected_back_at: None,
        };
        let range = from..from + buckets.len() as i64 * interval;
        let chart = Chart {
            lines: slice::from_ref(&line),
            silences: slice::from_ref(&silence),
            ..Chart::new("chart", "", range, interval, TimeZone::UTC, Language::German)
        };
        let markup = chart.figure().into_string();
        prop_assert!(is_sound(&markup), "{markup}");
        let averages: Vec<_> = buckets.iter().map(Bucket::average).collect();
        let markup = Sparkline { values: &averages, covers: -5.0..=5.0, label: "" }.svg().into_string();
        prop_assert!(is_sound(&markup), "{markup}");
    }

    #[test]
    fn every_mesh_is_in_the_picture(places in vec((-90.0..=90.0, -180.0..=180.0), 0..40)) {
        let names: Vec<_> = (0..places.len()).map(|number| format!("node-{number}")).collect();
        let nodes: Vec<_> = names
            .iter()
            .zip(&places)
            .map(|(name, &(latitude, longitude))| MapNode {
                name,
                href: "",
                position: Position::Set { latitude, longitude },
                level: Level::Ok,
                state: NodeState::Active,
                summary: "",
            })
            .collect();
        let map = Map { id: "map", title: "", language: Language::English, nodes: &nodes, ground: None };
        let markup = map.svg().into_string();
        prop_assert!(is_sound(&markup), "{markup}");
        let drawn = within(&markup, "<g class=\"nodes\">", "<g class=\"scale\">");
        for axis in ["x", "y"] {
            let places = attributes(drawn, "use", axis);
            prop_assert_eq!(places.len(), nodes.len());
            prop_assert!(places.into_iter().all(|place| (1.0..99.0).contains(&percent(place))), "{}", drawn);
        }
    }
}
