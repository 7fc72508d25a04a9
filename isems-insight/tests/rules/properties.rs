//! Any series at all: no panic, and no number that is none.

use isems_core::{Measurement, NumberField, Status, TimeSource};
use isems_insight::{Assessment, FindingValue, History};
use proptest::prelude::*;

use crate::series::{DAY, MIDNIGHT, assessed, history, measured};

/// A measurement with any values within the ranges of the fields, at any time within some weeks.
fn anything() -> impl Strategy<Value = Measurement> {
    let values = prop::collection::vec((0..NumberField::ALL.len(), 0.0..1.0_f64), 0..6);
    (0..40 * DAY, values, 0..0x1000_u16, any::<bool>(), -900..90_000_i64).prop_map(
        |(offset, values, status, is_by_arrival, delay)| {
            let mut measurement = measured("Hut", MIDNIGHT + offset);
            for (index, share) in values {
                let field = NumberField::ALL[index];
                let range = field.range();
                let value = range.start() + (range.end() - range.start()) * share;
                *measurement.number_mut(field) = (share > 0.05).then_some(value);
            }
            measurement.status = Status::from_bits(status);
            measurement.received_at = measurement.timestamp + delay;
            if is_by_arrival {
                measurement.time_source = TimeSource::Arrival;
            }
            measurement
        },
    )
}

/// Every number in an assessment.
fn numbers(assessment: &Assessment) -> Vec<f64> {
    let Assessment { energy, battery, panel, data, silence, .. } = assessment;
    let values = assessment.findings.iter().flat_map(|finding| finding.values.values());
    let values = values.filter_map(|value| match value {
        FindingValue::Number(number) => Some(*number),
        FindingValue::Time(_) | FindingValue::Text(_) => None,
    });
    let estimates = [battery.estimated_capacity_ah, battery.capacity_percent_of_rated].into_iter().flatten();
    let estimates = estimates.flat_map(|estimate| [estimate.value, estimate.uncertainty]);
    [
        energy.charge_percent,
        energy.usable_percent,
        energy.load_off.map(|off| off.probability),
        energy.autonomy_hours,
        energy.margin_hours,
        energy.dark_day_reserve_days,
        energy.winter_reserve_days,
        battery.trend_percent_per_month,
        battery.months_to_replacement,
        panel.yield_percent_of_mesh,
        panel.yield_trend_percent_per_month,
        data.completeness_percent,
        data.late_percent,
        data.measuring_interval,
        silence.as_ref().map(|silence| silence.confidence),
    ]
    .into_iter()
    .flatten()
    .chain(values)
    .chain(estimates)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_series_is_assessed(
        nodes in prop::collection::vec(prop::collection::vec(anything(), 0..200), 1..5),
        at in MIDNIGHT..MIDNIGHT + 41 * DAY,
    ) {
        let histories: Vec<History> = nodes
            .iter()
            .map(|measurements| {
                let before: Vec<Measurement> =
                    measurements.iter().filter(|measurement| measurement.timestamp < at).cloned().collect();
                history("Hut", &before)
            })
            .collect();
        let assessment = assessed(&histories, at);
        for number in numbers(&assessment) {
            prop_assert!(number.is_finite(), "{:?}", assessment);
        }
        if let Some(off) = assessment.energy.load_off {
            prop_assert!((0.0..=1.0).contains(&off.probability));
            prop_assert!(off.when.earliest <= off.when.expected_at && off.when.expected_at <= off.when.latest);
            prop_assert!(off.when.earliest >= at);
        }
    }
}
