//! Values in series that mean nothing.

use isems_core::{Bucket, NumberField, Series};

use crate::{Assessment, FindingCode};

/// The lowest and the highest temperature that nodes report without a sensor, degC.
const WITHOUT_SENSOR: (f64, f64) = (25.0, 25.0);

/// Empties the buckets of a series that hold nothing but void values: all fields while the battery has no voltage,
/// because the node has lost its solar controller, and 25 degC where the node's temperature sensor is found to be
/// missing.
///
/// A bucket that also holds other values stays as it is, and nothing is void for want of a voltage in a series without
/// battery voltages.
pub fn remove_void(series: &mut Series, assessment: Option<&Assessment>) {
    let voltages = series.fields.iter().find(|(field, _)| *field == NumberField::BatteryVoltage);
    let is_lost = |bucket: &Bucket| bucket.count > 0 && bucket.max <= 0.0;
    let lost: Vec<bool> = voltages.map_or_else(Vec::new, |(_, buckets)| buckets.iter().map(is_lost).collect());
    let has_no_sensor =
        assessment.is_some_and(|assessment| assessment.finding(FindingCode::TemperatureSensorMissing).is_some());
    for (field, buckets) in &mut series.fields {
        let is_temperature = *field == NumberField::BatteryTemperature && has_no_sensor;
        for (place, bucket) in buckets.iter_mut().enumerate() {
            let is_default = is_temperature && (bucket.min, bucket.max) == WITHOUT_SENSOR;
            if is_default || lost.get(place) == Some(&true) {
                *bucket = Bucket::EMPTY;
            }
        }
    }
}
