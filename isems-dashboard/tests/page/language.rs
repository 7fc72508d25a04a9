use isems_dashboard::Language;
use isems_insight::SilenceCause;
use jiff::tz::TimeZone;

#[test]
fn numbers_are_written_as_in_the_language() {
    let both = |number, decimals| Language::ALL.map(|language| language.number(number, decimals));
    assert_eq!(both(-3.25, 1), ["\u{2212}3.2", "\u{2212}3,2"]);
    assert_eq!(both(-0.04, 1), ["0.0", "0,0"]);
    assert_eq!(both(12.0, 0), ["12", "12"]);
    assert_eq!(Language::German.quantity(11.9, 1, "V"), "11,9\u{a0}V");
    assert_eq!(Language::German.quantity(11.9, 1, ""), "11,9");
}

#[test]
fn moments_are_in_the_time_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let moments = Language::ALL.map(|language| language.moment(1_772_928_000, &berlin));
    assert_eq!(moments, ["Sun 8 Mar 01:00", "So 8.3. 01:00"]);
}

#[test]
fn every_cause_has_a_name_of_its_own() {
    for language in Language::ALL {
        let mut names = SilenceCause::ALL.map(language.texts().cause).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SilenceCause::ALL.len(), "{names:?}");
    }
}
