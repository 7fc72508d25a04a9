use std::{io::Write, slice};

use flate2::{Compression, write::GzEncoder};
use isems_core::{Bucket, NodeId, NumberField};
use isems_dashboard::{Chart, Downloads, Forecast, Language, Limit, Line};
use isems_insight::{Silence, SilenceCause};
use jiff::tz::{Offset, TimeZone};

use crate::markup::{attributes, percent, within};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Sunday 8 March 2026, midnight UTC.
const MIDNIGHT: i64 = 1_772_928_000;

/// Buckets with one value each, or none.
fn buckets(values: impl IntoIterator<Item = Option<f64>>) -> Vec<Bucket> {
    let bucket = |value: Option<f64>| {
        let mut bucket = Bucket::EMPTY;
        if let Some(value) = value {
            bucket.add(value);
        }
        bucket
    };
    values.into_iter().map(bucket).collect()
}

fn line<'a>(label: &'a str, buckets: &'a [Bucket]) -> Line<'a> {
    Line { label, start: MIDNIGHT, buckets, longest_step: HOUR, live: None }
}

/// A chart of a day with a bucket an hour.
fn chart<'a>(lines: &'a [Line<'a>]) -> Chart<'a> {
    let day = MIDNIGHT..MIDNIGHT + DAY;
    Chart { lines, unit: "V", ..Chart::new("chart", "Voltage", day, HOUR, TimeZone::UTC, Language::English) }
}

fn silence(from: i64, to: Option<i64>, cause: SilenceCause) -> Silence {
    Silence { since: from, until: to, cause, confidence: 0.9, evidence: vec![], expected_back_at: None }
}

/// Returns the data of the path that shows the averages.
fn path(chart: &Chart<'_>) -> String {
    let markup = chart.svg().into_string();
    attributes(&markup, "path class=\"line\"", "d").join("|")
}

#[test]
fn a_path_is_the_data_in_whole_units() {
    let hours = buckets((0..24).map(|hour| Some(12.0 + f64::from(hour * hour) / 1000.0)));
    let line = line("Hafen", &hours);
    let chart = chart(slice::from_ref(&line));
    let markup = chart.svg().into_string();
    let number = |name| attributes(&markup, "svg class=\"plot\"", name)[0].parse::<f64>().unwrap();
    let (top, step) = (number("data-top"), number("data-step"));
    let numbers: Vec<i64> = path(&chart)
        .replace(['M', 'l'], " ")
        .replace('-', " -")
        .split_whitespace()
        .map(|text| text.parse().unwrap())
        .collect();
    let (mut x, mut y) = (0, 0);
    for pair in numbers.chunks(2) {
        (x, y) = (x + pair[0], y + pair[1]);
        let value = top - y as f64 * step;
        let expected = 12.0 + (x * x) as f64 / 1000.0;
        assert!((value - expected).abs() <= step / 2.0 + 1e-9, "{value} instead of {expected} at {x}");
    }
    assert_eq!(x, 23);
}

#[test]
fn points_on_a_straight_line_are_left_out() {
    let hours = buckets((0..24).map(|hour| Some(if hour < 12 { 12.0 } else { 13.0 })));
    let line = line("Hafen", &hours);
    assert_eq!(path(&chart(slice::from_ref(&line))).matches(|char: char| char.is_ascii_digit()).count(), 14);
}

#[test]
fn a_few_far_values_do_not_flatten_the_others_and_are_told_of() {
    let with_hole = |from: usize, to: usize| {
        let value = |place: usize| if (from..to).contains(&place) { 0.0 } else { 12.0 + (place % 24) as f64 / 24.0 };
        buckets((0..288).map(|place| Some(value(place))))
    };
    let markup = |values: &[Bucket]| {
        let line = line("Hafen", values);
        Chart { interval: 300, ..chart(slice::from_ref(&line)) }.svg().into_string()
    };
    let top_and_bottom = |markup: &str| {
        let [top, step] =
            ["data-top", "data-step"].map(|name| attributes(markup, "svg class=\"plot\"", name)[0].parse().unwrap());
        let view = attributes(markup, "svg class=\"data\"", "viewBox")[0];
        let [_, above, _, height]: [f64; 4] =
            view.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
        let (top, step): (f64, f64) = (top, step);
        (top - above * step, top - (above + height) * step)
    };
    let few = markup(&with_hole(40, 43));
    let (top, bottom) = top_and_bottom(&few);
    assert!(bottom > 11.5 && top < 13.5, "{bottom} to {top}");
    assert_eq!(few.matches("Not shown: outliers down to 0.0").count(), 2, "in the plot and in words");
    let many = markup(&with_hole(40, 60));
    assert!(top_and_bottom(&many).1 <= 0.0, "what is seen often is no outlier");
    assert!(!many.contains("Not shown"));
}

#[test]
fn files_are_offered_and_a_png_only_where_a_script_makes_it() {
    let downloads = Downloads { svg: "/a.svg?from=1&to=2", csv: "/a.csv", name: "<Hafen>" };
    let figure = Chart { downloads: Some(downloads), ..chart(&[]) }.figure().into_string();
    let links = within(&figure, "<p class=\"downloads\">", "</p>");
    assert_eq!(attributes(links, "a", "href"), ["/a.csv", "/a.svg?from=1&amp;to=2", "/a.svg?from=1&amp;to=2"]);
    assert_eq!(attributes(links, "a", "data-png"), ["&lt;Hafen&gt;.png"]);
    assert_eq!(links.matches(" hidden").count(), 1);
}

#[test]
fn a_gap_splits_the_path_and_a_short_pause_does_not() {
    let hours = buckets((0..24).map(|hour| (!(6..9).contains(&hour)).then_some(12.5)));
    let split = line("Hafen", &hours);
    assert_eq!(path(&chart(slice::from_ref(&split))).matches('M').count(), 2);
    let patient = Line { longest_step: 4 * HOUR, ..split };
    assert_eq!(path(&chart(slice::from_ref(&patient))).matches('M').count(), 1);
}

#[test]
fn a_value_between_gaps_is_a_dot() {
    let hours = buckets((0..24).map(|hour| (hour == 6).then_some(12.5)));
    let line = line("Hafen", &hours);
    let path = path(&chart(slice::from_ref(&line)));
    assert!(path.starts_with("M6 ") && path.ends_with("h0"), "{path}");
}

#[test]
fn the_band_is_drawn_only_where_values_differ() {
    let mut hours = buckets((0..24).map(|hour| (hour != 6).then_some(12.5)));
    hours[3].add(12.1);
    let with_band = line("Hafen", &hours);
    let markup = chart(slice::from_ref(&with_band)).svg().into_string();
    let bands = attributes(&markup, "path class=\"band\"", "d");
    let [band] = bands.as_slice() else { panic!("{markup}") };
    assert_eq!(band.matches('M').count(), 1, "{band}");
}

#[test]
fn values_beyond_the_range_are_left_out() {
    let hours = buckets((0..24).map(|hour| Some(if hour < 12 { 12.0 } else { 50.0 })));
    let line = line("Hafen", &hours);
    let mut chart = chart(slice::from_ref(&line));
    chart.range = MIDNIGHT + 90 * 60..MIDNIGHT + 12 * HOUR;
    let markup = chart.svg().into_string();
    assert_eq!(attributes(&markup, "svg class=\"data\"", "viewBox")[0].split(' ').next(), Some("0"));
    assert!(!markup.contains("50.0"), "{markup}");
}

#[test]
fn ticks_of_values_are_round_and_the_top_one_has_the_unit() {
    let labels = |low: f64, high: f64| {
        let values = buckets([Some(low), Some(high)]);
        let line = line("Hafen", &values);
        let markup = chart(slice::from_ref(&line)).svg().into_string();
        let group = within(&markup, "<g class=\"values\">", "</g>").to_owned();
        group
            .split("</text>")
            .filter_map(|text| text.rsplit_once('>'))
            .map(|(_, label)| label.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(11.93, 14.08), ["11.5", "12.0", "12.5", "13.0", "13.5", "14.0", "14.5\u{a0}V"]);
    assert_eq!(labels(0.0, 100.0), ["0", "20", "40", "60", "80", "100\u{a0}V"]);
    assert_eq!(labels(-7.0, 31.0), ["\u{2212}10", "0", "10", "20", "30", "40\u{a0}V"]);
    assert_eq!(labels(0.02, 0.031).first().map(String::as_str), Some("0.020"));
    // A flat line is not magnified until its noise looks like a course.
    assert_eq!(labels(13.0, 13.001).first().map(String::as_str), Some("12.85"));
    for size in -3..7 {
        for width in 1..40 {
            let (low, high) = (-0.3 * 10f64.powi(size), f64::from(width) * 0.37 * 10f64.powi(size));
            let count = labels(low, high).len();
            assert!((3..=8).contains(&count), "{count} ticks from {low} to {high}");
        }
    }
}

#[test]
fn silences_are_areas_with_their_cause() {
    let hours = buckets((0..24).map(|hour| (!(6..9).contains(&hour)).then_some(12.5)));
    let line = line("Hafen", &hours);
    let silences = [
        silence(MIDNIGHT + 6 * HOUR, Some(MIDNIGHT + 9 * HOUR), SilenceCause::RanEmpty),
        silence(MIDNIGHT - DAY, Some(MIDNIGHT - HOUR), SilenceCause::Collector),
        silence(MIDNIGHT + 18 * HOUR, None, SilenceCause::Uplink),
        silence(MIDNIGHT + 12 * HOUR, Some(MIDNIGHT + 12 * HOUR + 60), SilenceCause::ScheduledReboot),
    ];
    let markup = Chart { silences: &silences, ..chart(slice::from_ref(&line)) }.svg().into_string();
    assert_eq!(
        attributes(&markup, "rect class=\"silence\"", "x").into_iter().map(percent).collect::<Vec<_>>(),
        [25.0, 75.0]
    );
    assert_eq!(
        attributes(&markup, "rect class=\"silence\"", "width").into_iter().map(percent).collect::<Vec<_>>(),
        [12.5, 25.0]
    );
    assert!(markup.contains("<title>Silent from Sun 8 Mar 06:00 to Sun 8 Mar 09:00: ran empty.</title>"), "{markup}");
    assert!(markup.contains(">ran empty</text>") && markup.contains(">uplink lost</text>"), "{markup}");
    assert!(!markup.contains("collector away"), "{markup}");
}

#[test]
fn nights_limit_and_forecast_are_drawn() {
    let hours = buckets((0..12).map(|_| Some(12.5)));
    let line = line("Hafen", &hours);
    let at = |hour| MIDNIGHT + hour * HOUR;
    let forecast = Forecast {
        expected: &[(at(12), 12.5), (at(20), 11.9)],
        earliest: &[(at(12), 12.5), (at(18), 11.9)],
        latest: &[(at(12), 12.5), (at(23), 11.9)],
    };
    let nights = [at(-5)..at(6), at(18)..at(40), at(50)..at(55)];
    let limit = Some(Limit { value: 11.9, label: "Cut-off 11.9 V" });
    let chart = Chart { forecast: Some(forecast), nights: &nights, limit, ..chart(slice::from_ref(&line)) };
    let markup = chart.figure().into_string();
    let night = attributes(&markup, "path class=\"night\"", "d")[0];
    assert!(night.starts_with("M-0.5-") && night.contains("M17.5-") && night.matches('M').count() == 2, "{night}");
    assert_eq!(attributes(&markup, "path class=\"forecast\"", "d"), ["M11.5 0L19.5 300"]);
    assert_eq!(attributes(&markup, "path class=\"interval\"", "d"), ["M11.5 0L17.5 300L22.5 300L11.5 0z"]);
    assert!(
        markup
            .contains("Forecast: 11.900\u{a0}V expected Sun 8 Mar 20:00, between Sun 8 Mar 18:00 and Sun 8 Mar 23:00."),
        "{markup}"
    );
    assert_eq!(attributes(&markup, "line class=\"limit\"", "y1").len(), 1);
    let month = Chart { range: MIDNIGHT - 90 * DAY..MIDNIGHT + DAY, ..chart };
    assert!(!month.svg().into_string().contains("night"), "nights are too narrow to be drawn");
}

#[test]
fn texts_stay_texts() {
    let nasty = "</title><script>alert(1)</script>\"><b>&";
    let hours = buckets([Some(12.5)]);
    let node: NodeId = nasty.parse().unwrap_or_else(|_| "a\"<b>".parse().unwrap());
    let line = Line { live: Some((&node, NumberField::BatteryVoltage)), ..line(nasty, &hours) };
    let lines = [line, line];
    let limit = Some(Limit { value: 11.9, label: nasty });
    let chart = Chart { title: nasty, unit: nasty, limit, ..chart(&lines) };
    for markup in [chart.figure().into_string(), chart.file()] {
        assert!(!markup.contains("<script") && !markup.contains("<b>"), "{markup}");
        assert!(markup.contains("&lt;script&gt;"), "{markup}");
    }
}

#[test]
fn a_chart_says_in_words_what_it_shows_and_has_no_style_attribute() {
    let hours = buckets((0..24).map(|hour| Some(12.0 + f64::from(hour) / 10.0)));
    let line = line("Hafen", &hours);
    let markup = chart(slice::from_ref(&line)).figure().into_string();
    assert!(
        markup.contains("role=\"img\" aria-labelledby=\"chart-title\" aria-describedby=\"chart-description\""),
        "{markup}"
    );
    let description = within(&markup, "<desc id=\"chart-description\">", "</desc>");
    let expected = "From Sun 8 Mar 00:00 to Mon 9 Mar 00:00 (UTC). \
                    Hafen: lowest 12.00\u{a0}V, highest 14.30\u{a0}V, average 13.15\u{a0}V, last 14.30\u{a0}V.";
    assert_eq!(description, expected);
    assert!(!markup.contains("style="), "{markup}");
    let german = Chart { language: Language::German, ..chart(slice::from_ref(&line)) }.svg().into_string();
    assert!(german.contains("niedrigster Wert 12,00\u{a0}V"), "{german}");
}

#[test]
fn a_chart_without_values_says_so() {
    let nothing = buckets(std::iter::repeat_n(None, 24));
    let line = line("Hafen", &nothing);
    for chart in [chart(&[]), chart(slice::from_ref(&line))] {
        let markup = chart.svg().into_string();
        assert!(markup.contains(">No values in this time</text>"), "{markup}");
        assert!(!markup.contains("NaN") && !markup.contains("inf"), "{markup}");
    }
}

#[test]
fn values_that_are_no_numbers_and_empty_ranges_do_no_harm() {
    let mut odd = Bucket::EMPTY;
    for value in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
        odd.add(value);
    }
    let values = [odd; 3];
    let line = Line { longest_step: 0, ..line("Hafen", &values) };
    for (from, to) in [(0, 0), (10, 0), (0, 1), (-MIDNIGHT, 2 * MIDNIGHT)] {
        let range = MIDNIGHT + from..MIDNIGHT + to;
        let chart = Chart { range, ..chart(slice::from_ref(&line)) };
        assert!(chart.svg().into_string().starts_with("<svg"));
    }
}

#[test]
fn a_line_that_grows_names_its_node_and_field() {
    let hours = buckets([Some(12.5)]);
    let node: NodeId = "Hafen".parse().unwrap();
    let line = Line { live: Some((&node, NumberField::BatteryVoltage)), ..line("Hafen", &hours) };
    let markup = chart(slice::from_ref(&line)).svg().into_string();
    assert_eq!(attributes(&markup, "g class=\"line-1\"", "data-node"), ["Hafen"]);
    assert_eq!(attributes(&markup, "g class=\"line-1\"", "data-field"), ["batteryVoltage"]);
    assert_eq!(attributes(&markup, "g class=\"line-1\"", "data-count"), ["1"]);
    assert_eq!(attributes(&markup, "g class=\"line-1\"", "data-steps"), ["1"]);
}

#[test]
fn a_time_zone_without_a_name_is_written_as_its_offset() {
    let zone = |hours| Chart { time_zone: TimeZone::fixed(Offset::from_hours(hours).unwrap()), ..chart(&[]) };
    assert!(zone(-3).svg().into_string().contains("(-03:00)"));
    assert!(zone(5).svg().into_string().contains("data-zone=\"+05:00\""));
}

#[test]
fn a_file_is_a_picture_of_its_own() {
    let hours = buckets([Some(12.5), Some(12.7)]);
    let line = line("Hafen", &hours);
    let file = chart(slice::from_ref(&line)).file();
    assert!(
        file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" ") && file.trim_end().ends_with("</svg>"),
        "{file}"
    );
    assert!(file.contains("<style>") && file.contains(">Voltage</text>"), "{file}");
    assert_eq!(file.matches("<svg").count(), file.matches("</svg>").count());
    assert!(!file.contains(">Hafen"), "one line needs no legend: {file}");
    let two = [line, Line { label: "Rathaus", ..line }];
    let file = chart(&two).file();
    assert!(file.contains("</tspan> Hafen") && file.contains("</tspan> Rathaus"), "{file}");
}

/// The noise of a sensor compresses worst.
#[test]
fn a_chart_is_small() {
    let mut random = 1_u32;
    let mut noise = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(random >> 8) / f64::from(1 << 24) - 0.5
    };
    let mut values = Vec::new();
    for minute in 0..480 {
        let mut bucket = Bucket::EMPTY;
        let course = 13.0 + (f64::from(minute) / 76.0).sin();
        (0..3).for_each(|_| bucket.add(course + noise() * 0.04));
        values.push(bucket);
    }
    let line = Line { longest_step: 900, ..line("Hafen", &values) };
    let chart = Chart { interval: 180, ..chart(slice::from_ref(&line)) };
    let markup = chart.figure().into_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(markup.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap().len();
    println!("{} bytes, {compressed} compressed", markup.len());
    assert!(compressed <= 4096, "{compressed} bytes");
}
