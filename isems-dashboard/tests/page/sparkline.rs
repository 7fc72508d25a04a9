use isems_dashboard::Sparkline;

use crate::markup::attributes;

#[test]
fn a_sparkline_is_one_short_path_with_its_gaps() {
    let mut values: Vec<Option<f64>> = (0..48).map(|half_hour| Some(12.0 + f64::from(half_hour % 17) / 10.0)).collect();
    values[20..24].fill(None);
    values[47] = None;
    let sparkline = Sparkline { values: &values, covers: 11.8..=14.4, label: "12.0\u{2013}13.6 \"V\" <i>" };
    let markup = sparkline.svg().into_string();
    assert!(markup.len() < 500, "{} bytes: {markup}", markup.len());
    let paths = attributes(&markup, "path", "d");
    let [path] = paths.as_slice() else { panic!("{markup}") };
    assert_eq!(path.matches('M').count(), 2, "{path}");
    assert!(path.starts_with("M0 ") && path.contains("M24 "), "{path}");
    assert!(markup.contains("&quot;V&quot; &lt;i&gt;"), "{markup}");
}

#[test]
fn values_beyond_the_range_lie_on_its_edge() {
    let markup = Sparkline { values: &[Some(-5.0), Some(500.0)], covers: 0.0..=100.0, label: "" }.svg().into_string();
    assert_eq!(attributes(&markup, "path", "d"), ["M0 20l1-20"]);
}
