use isems_core::Measurement;
use isems_insight::{Assessment, FindingCode::BatteryDue};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed, history, minutes};

/// A node with a battery of known capacity, whose voltage falls by 1.2 V from full to empty.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Ah, at 25 degC.
    capacity: f64,
    rated: f64,
    /// A, as it is and as its owner typed it in.
    load: f64,
    temperature: f64,
    /// The node has estimated its health each night, and not rebooted since.
    measures_health: bool,
    /// The percentage of the capacity that it loses a month.
    loss: f64,
}

const NODE: Node = Node { capacity: 9.0, rated: 12.0, load: 0.2, temperature: 25.0, measures_health: true, loss: 0.0 };

const NIGHTS: i64 = 20;
const BEGIN: i64 = MIDNIGHT + DAY / 2;
const AT: i64 = BEGIN + NIGHTS * DAY;

impl Node {
    /// The fall of charge in an hour of load, a share.
    fn fall(self, night: i64) -> f64 {
        let capacity = self.capacity * (1.0 - self.loss / 100.0 * night as f64 / 30.0);
        self.load / (capacity * (1.0 - 0.007 * (25.0 - self.temperature)))
    }

    /// Nights from 18:00 to 06:00 that begin at 12.6 V.
    fn measurements(self, name: &str) -> Vec<Measurement> {
        minutes(name, BEGIN, AT, |measurement| {
            let (night, minute) =
                ((measurement.timestamp - BEGIN) / DAY, (measurement.timestamp - BEGIN) % DAY / MINUTE);
            let hours = minute as f64 / 60.0 - 6.0;
            measurement.rated_battery_capacity = Some(self.rated);
            measurement.battery_temperature = Some(self.temperature);
            if (0.0..12.0).contains(&hours) {
                let volts = 12.6 - 1.2 * self.fall(night) * hours;
                measurement.battery_voltage = Some(volts);
                measurement.battery_charge_estimate = Some(10.0 + (volts - 11.6) * 85.0);
            } else {
                measurement.battery_voltage = Some(13.5);
                measurement.mpp_voltage = Some(17.0);
            }
            // By the node's clock, it is an hour later, so it estimates from 21:00 to 03:00.
            let measured_nights = if hours >= 9.0 { night + 1 } else { night };
            measurement.battery_health_estimate = Some(100.0);
            if self.measures_health && measured_nights > 0 {
                let fall = 6.0 * 102.0 * self.fall(measured_nights - 1);
                let health = 100.0 * 100.0 * self.load * 6.0 / (self.rated * fall);
                // A node prints whole percent, so that the estimate changes from night to night.
                measurement.battery_health_estimate = Some(health.round() + f64::from(measured_nights as u8 % 2));
            }
        })
    }

    fn assessed(self) -> Assessment {
        assessed(&[history("Hut", &self.measurements("Hut"))], AT)
    }
}

/// Says whether a capacity was estimated to within 15 %, and lies in the interval.
fn is_close(assessment: &Assessment, capacity: f64) -> bool {
    let estimate = assessment.battery.estimated_capacity_ah.expect("the capacity is estimated");
    let error = (estimate.value - capacity).abs();
    error < 0.15 * capacity && error < estimate.uncertainty && estimate.uncertainty < 0.25 * capacity
}

#[test]
fn nights_and_health_estimates_tell_the_capacity() {
    for capacity in [8.0, 10.0, 12.0] {
        let assessment = Node { capacity, ..NODE }.assessed();
        assert!(is_close(&assessment, capacity), "{capacity}: {:?}", assessment.battery);
        let percent = assessment.battery.capacity_percent_of_rated.unwrap().value;
        let ah = assessment.battery.estimated_capacity_ah.unwrap().value;
        assert!((percent - 100.0 * ah / 12.0).abs() < 1e-9);
    }
}

#[test]
fn the_cold_is_taken_out() {
    let cold = Node { temperature: -5.0, ..NODE }.assessed();
    assert!(is_close(&cold, 9.0), "{:?}", cold.battery);
}

#[test]
fn two_batteries_in_series_have_the_capacity_of_one() {
    let mut stored = NODE.measurements("Hut");
    for measurement in &mut stored {
        measurement.battery_voltage = measurement.battery_voltage.map(|voltage| 2.0 * voltage);
        measurement.mpp_voltage = measurement.mpp_voltage.map(|voltage| 2.0 * voltage);
    }
    let assessment = assessed(&[history("Hut", &stored)], AT);
    assert!(is_close(&assessment, 9.0), "{:?}", assessment.battery);
}

#[test]
fn a_health_of_100_that_was_not_measured_does_not_enter() {
    let alone = Node { measures_health: false, ..NODE }.assessed();
    assert_eq!(alone.battery.estimated_capacity_ah, None);
    assert!(alone.unknown.iter().any(|unknown| unknown.what == "battery.estimatedCapacityAh"));

    // Neighbours with the same load tell what it draws, with a wider interval.
    let node = history("Hut", &Node { measures_health: false, ..NODE }.measurements("Hut"));
    let neighbours = (0..8).map(|index| history("Hut", &NODE.measurements(&format!("Hut-{index}"))));
    let with_neighbours = assessed(&std::iter::once(node).chain(neighbours).collect::<Vec<_>>(), AT);
    assert!(is_close(&with_neighbours, 9.0), "{:?}", with_neighbours.battery);
    let uncertainty = |assessment: &Assessment| assessment.battery.estimated_capacity_ah.unwrap().uncertainty;
    assert!(uncertainty(&with_neighbours) > 1.2 * uncertainty(&NODE.assessed()));
}

#[test]
fn an_estimate_of_zero_or_from_a_night_with_a_reboot_does_not_enter() {
    let changed = |change: &dyn Fn(&mut Measurement)| {
        let mut stored = NODE.measurements("Hut");
        stored.iter_mut().for_each(change);
        assessed(&[history("Hut", &stored)], AT).battery.estimated_capacity_ah
    };
    assert_eq!(changed(&|measurement| measurement.battery_health_estimate = Some(0.0)), None);
    // The countdown starts anew each midnight.
    let rebooted = changed(&|measurement| {
        measurement.time_to_shutdown = Some(1440.0 - (measurement.timestamp % DAY / MINUTE) as f64);
    });
    assert_eq!(rebooted, None);
}

#[test]
fn only_nights_since_the_rated_capacity_was_changed_count() {
    let mut stored = NODE.measurements("Hut");
    let replaced_at = BEGIN + 10 * DAY;
    let new = Node { capacity: 24.0, rated: 24.0, ..NODE }.measurements("Hut");
    for (measurement, new) in stored.iter_mut().zip(new) {
        if measurement.timestamp >= replaced_at {
            *measurement = new;
        }
    }
    let assessment = assessed(&[history("Hut", &stored)], AT);
    assert!(is_close(&assessment, 24.0), "{:?}", assessment.battery);
}

#[test]
fn neighbours_tell_no_load_by_a_rated_capacity_that_they_had_not_then() {
    let node = history("Hut", &Node { measures_health: false, ..NODE }.measurements("Hut"));
    let mut stored = NODE.measurements("Mill");
    let last = stored.last_mut().unwrap();
    last.rated_battery_capacity = Some(24.0);
    let assessment = assessed(&[node, history("Mill", &stored)], AT);
    assert_eq!(assessment.battery.estimated_capacity_ah, None);
}

#[test]
fn a_worn_battery_is_due() {
    let worn = Node { capacity: 5.0, ..NODE }.assessed();
    let finding = worn.finding(BatteryDue).unwrap();
    assert_eq!(finding.node_agrees, Some(true));
    assert_eq!(worn.battery.months_to_replacement, Some(0.0));
    assert!(Node { capacity: 9.0, ..NODE }.assessed().finding(BatteryDue).is_none());
}

#[test]
fn the_trend_follows_the_nights_and_tells_the_time_to_replacement() {
    let steady = NODE.assessed().battery;
    let fading = Node { loss: 12.0, ..NODE }.assessed().battery;
    let (steady_trend, fading_trend) =
        (steady.trend_percent_per_month.unwrap(), fading.trend_percent_per_month.unwrap());
    assert!((-2.0..0.0).contains(&steady_trend), "{steady_trend}");
    assert!((-12.0..-6.0).contains(&fading_trend), "{fading_trend} of -12 % of three quarters");
    let months = fading.months_to_replacement.unwrap();
    let left = fading.capacity_percent_of_rated.unwrap().value - 60.0;
    assert!((months + left / fading_trend).abs() < 1e-9 && months > 0.0, "{months}");
}

#[test]
fn a_node_without_nights_or_ratings_has_no_capacity() {
    let day = minutes("Hut", MIDNIGHT, MIDNIGHT + 10 * HOUR, |_| {});
    let assessment = assessed(&[history("Hut", &day)], MIDNIGHT + 10 * HOUR);
    assert_eq!(assessment.battery.estimated_capacity_ah, None);
    let mut stored = NODE.measurements("Hut");
    for measurement in &mut stored {
        measurement.rated_battery_capacity = None;
    }
    assert_eq!(assessed(&[history("Hut", &stored)], AT).battery.estimated_capacity_ah, None);
}
