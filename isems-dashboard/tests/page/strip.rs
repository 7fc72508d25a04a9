use isems_dashboard::{Language, Strip, StripRow, StripSpan};
use isems_insight::FindingSeverity;
use jiff::tz::TimeZone;

use crate::markup::{attributes, percent, within};

const HOUR: i64 = 3600;

/// Sunday 8 March 2026, midnight UTC.
const MIDNIGHT: i64 = 1_772_928_000;

fn span(from: i64, to: Option<i64>, severity: FindingSeverity) -> StripSpan<'static> {
    StripSpan { from: MIDNIGHT + from * HOUR, to: to.map(|to| MIDNIGHT + to * HOUR), severity, text: "Ran <b>empty" }
}

fn strip<'a>(rows: &'a [StripRow<'a>]) -> Strip<'a> {
    let range = MIDNIGHT..MIDNIGHT + 24 * HOUR;
    Strip { id: "strip", title: "History", range, time_zone: TimeZone::UTC, language: Language::English, rows }
}

#[test]
fn spans_lie_at_their_times_and_end_with_the_range() {
    let spans = [
        span(-5, Some(6), FindingSeverity::Info),
        span(12, Some(18), FindingSeverity::Attention),
        span(23, None, FindingSeverity::Urgent),
        span(30, None, FindingSeverity::Urgent),
        span(-9, Some(-8), FindingSeverity::Urgent),
    ];
    let rows = [StripRow { label: "Silences", spans: &spans }, StripRow { label: "Findings", spans: &[] }];
    let markup = strip(&rows).figure().into_string();
    let numbers = |name| attributes(&markup, "rect", name).into_iter().map(percent).collect::<Vec<_>>();
    assert_eq!((numbers("x"), numbers("width")), (vec![0.0, 50.0, 95.83], vec![25.0, 25.0, 4.17]));
    assert_eq!(attributes(&markup, "rect", "class"), ["info", "attention", "urgent"]);
    let heights = attributes(&markup, "rect", "height");
    assert!(heights.windows(2).all(|pair| pair[0] < pair[1]), "severity shows without colour: {heights:?}");
    assert!(markup.contains("<title>Ran &lt;b&gt;empty, since Sun 8 Mar 23:00.</title>"), "{markup}");
    let description = within(&markup, "<desc id=\"strip-description\">", "</desc>");
    assert!(
        description.starts_with("Silences: Ran &lt;b&gt;empty, from Sat 7 Mar 19:00 to Sun 8 Mar 06:00."),
        "{markup}"
    );
    assert!(description.ends_with("Findings: \u{2013}"), "{markup}");
    assert!(!markup.contains("style="), "{markup}");
}

#[test]
fn the_shortest_span_can_be_seen() {
    let spans = [span(12, Some(12), FindingSeverity::Info)];
    let rows = [StripRow { label: "Silences", spans: &spans }];
    let markup = strip(&rows).svg().into_string();
    assert!(percent(attributes(&markup, "rect", "width")[0]) > 0.2, "{markup}");
}
