//! One node: its installation, its state and its measurements, minute by minute.

use std::{f64::consts::PI, sync::Arc};

use super::random::Random;
use crate::{Measurement, NodeId, Status, StatusFlag};

const NAMES: [&str; 10] = [
    "Elektra-Dach",
    "Elektra-Balkon",
    "Dorfkirche",
    "Wasserturm",
    "Feuerwehr",
    "Bibliothek",
    "Kirchturm-Nord",
    "Schule-Sued",
    "Rathaus",
    "Hafen",
];
const FIRMWARES: [&str; 3] = ["ATmega8_A_1", "FF-ESP-1A", "ESP_1A"];

/// Solar time minus UTC at the nodes' location, hours.
const SOLAR_TIME_OFFSET: f64 = 1.0;
const SECONDS_A_DAY: i64 = 86_400;
const MINUTES_A_DAY: i32 = 1440;
/// The probability per minute that a node with a bad contact loses its solar controller, and the number of minutes that
/// lasts.
const CONTROLLER_LOSS: f64 = 1.0 / 3000.0;
const CONTROLLER_LOST_MINUTES: u32 = 3;

/// Returns the name of the simulated node with this index, such as `Elektra-Dach` or `Dorfkirche-012`.
pub fn node_name(index: u32) -> String {
    let name = NAMES[index as usize % NAMES.len()];
    if (index as usize) < NAMES.len() { name.into() } else { format!("{name}-{index:03}") }
}

/// A simulated node: an endless iterator over its measurements, one a minute, always at the same second of the minute.
///
/// Measurements arrive when they are measured. Printing and decoding one does not change it.
#[derive(Debug, Clone)]
pub struct SimulatedNode {
    id: NodeId,
    revision: Arc<str>,
    firmware: Arc<str>,
    installation: Installation,
    random: Random,
    next_timestamp: i64,
    /// The fraction of sunlight that the clouds let through, `0..=1`.
    clearness: f64,
    /// The battery's state of charge, `0..=1`.
    charge: f64,
    minutes_to_reboot: i32,
    controller_lost_minutes: u32,
}

/// The fixed properties of a node.
#[derive(Debug, Clone)]
struct Installation {
    latitude: f64,
    longitude: f64,
    /// Ah.
    battery_capacity: f64,
    /// Percent.
    battery_health: f64,
    /// W.
    module_power: f64,
    /// W.
    load: f64,
    /// V.
    disconnect_voltage: f64,
    /// degC, over the day.
    mean_temperature: f64,
    has_temperature_sensor: bool,
    has_bad_contact: bool,
}

impl Installation {
    fn new(random: &mut Random) -> Self {
        Self {
            latitude: rounded(random.normal(52.507_309, 0.05), 1e6),
            longitude: rounded(random.normal(13.458_635, 0.08), 1e6),
            battery_capacity: random.choice([7.0, 7.0, 9.0, 12.0, 17.2, 24.0]),
            battery_health: random.choice([100.0, 100.0, 100.0, 97.0, 88.0, 74.0]),
            module_power: random.choice([10.0, 20.0, 20.0, 30.0, 50.0, 100.0]),
            load: 1.2 + 1.8 * random.uniform(),
            disconnect_voltage: random.choice([11.3, 11.67, 11.9, 11.9]),
            mean_temperature: random.normal(16.0, 5.0),
            has_temperature_sensor: !random.chance(0.06),
            has_bad_contact: random.chance(0.1),
        }
    }

    /// The energy in the full battery, Wh.
    fn energy(&self) -> f64 {
        self.battery_capacity * 12.0 * self.battery_health / 100.0
    }

    /// Returns whether the battery is too small for the panel.
    fn is_battery_too_small(&self) -> bool {
        self.battery_capacity * self.battery_health / 100.0 <= self.module_power / 3.0
    }
}

/// The voltages at one moment, V.
struct Voltages {
    open_circuit: f64,
    mpp: f64,
    battery: f64,
    charge_end: f64,
}

impl SimulatedNode {
    /// Makes the node with this index. Its first measurement is in the minute from `start` on (Unix seconds), at the
    /// node's own second of the minute. The same seed, index and start give the same measurements.
    #[expect(clippy::missing_panics_doc, reason = "the simulated names are valid")]
    pub fn new(seed: u64, index: u32, start: i64) -> Self {
        let mut random = Random::new(seed, index);
        let phase = (60.0 * random.uniform()) as i64;
        let installation = Installation::new(&mut random);
        Self {
            id: NodeId::new(&node_name(index)).expect("the simulated names are valid"),
            revision: "1".into(),
            firmware: FIRMWARES[index as usize % FIRMWARES.len()].into(),
            installation,
            next_timestamp: start + phase,
            clearness: random.uniform(),
            charge: 0.55 + 0.4 * random.uniform(),
            minutes_to_reboot: 20 + (1400.0 * random.uniform()) as i32,
            controller_lost_minutes: 0,
            random,
        }
    }

    /// Returns the node's name.
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// Returns the time of its next measurement, Unix seconds.
    pub fn next_timestamp(&self) -> i64 {
        self.next_timestamp
    }

    fn temperature(&mut self, hour: f64) -> f64 {
        if !self.installation.has_temperature_sensor {
            return 25.0;
        }
        let swing = 7.0 * ((hour - 9.0) / 12.0 * PI).sin();
        rounded(self.random.normal(self.installation.mean_temperature + swing, 0.15), 1e2)
    }

    /// Returns the fraction of the panel's rated power that the sun provides.
    fn sun(&mut self, hour: f64) -> f64 {
        self.clearness = self.random.normal(self.clearness, 0.02).clamp(0.05, 1.0);
        let elevation = ((hour - 6.0) / 12.0 * PI).sin().max(0.0);
        elevation * (0.25 + 0.75 * self.clearness)
    }

    /// Charges and drains the battery for a minute, and returns the resulting voltages.
    fn minute(&mut self, sun: f64, temperature: f64) -> Voltages {
        let Installation { module_power, load, .. } = self.installation;
        let gain = 0.8 * sun * module_power;
        self.charge += (0.9 * gain - load) / 60.0 / self.installation.energy();
        self.charge = self.charge.clamp(0.03, 1.0);

        let charge_end = if temperature > 42.0 { 13.1 } else { 14.7 - 0.03 * (temperature - 25.0) };
        let at_rest = 11.6 + 1.2 * self.charge;
        let battery = if gain > load {
            charge_end.min(at_rest + 0.35 + 1.6 * sun * (0.4 + 0.6 * self.charge))
        } else {
            at_rest - 0.05
        };
        let battery = self.random.normal(battery, 0.008).clamp(11.8, 14.4);
        let (open_circuit, mpp) = if sun > 0.02 {
            let open_circuit = self.random.normal(17.2 + 4.0 * (2.0 * sun).min(1.0), 0.05);
            let mpp = if self.charge < 0.99 { open_circuit / 1.24 } else { open_circuit - 0.4 };
            (open_circuit, mpp.max(battery + 0.2))
        } else {
            (0.0, 0.0)
        };
        Voltages { open_circuit, mpp, battery, charge_end }
    }

    /// Returns whether the controller fails to answer in this minute.
    fn is_controller_lost(&mut self) -> bool {
        if self.installation.has_bad_contact && self.random.chance(CONTROLLER_LOSS) {
            self.controller_lost_minutes = CONTROLLER_LOST_MINUTES;
        }
        let is_lost = self.controller_lost_minutes > 0;
        self.controller_lost_minutes = self.controller_lost_minutes.saturating_sub(1);
        is_lost
    }

    fn status(&self, voltages: &Voltages, percent: f64, temperature: f64, is_controller_lost: bool) -> Status {
        let is_full = percent >= 100.0;
        let has_sun = voltages.mpp >= voltages.battery;
        let is_battery_too_small = self.installation.is_battery_too_small();
        [
            (StatusFlag::Charging, !is_controller_lost && has_sun && !is_full),
            (StatusFlag::Discharging, !is_controller_lost && !has_sun),
            (StatusFlag::FullyCharged, !is_controller_lost && is_full),
            (StatusFlag::Healthy, !is_battery_too_small && percent > 50.0),
            (StatusFlag::BatteryLow, !is_battery_too_small && percent <= 50.0),
            (StatusFlag::CapacityTooSmall, is_battery_too_small),
            (StatusFlag::TemperatureSensorMissing, !self.installation.has_temperature_sensor),
            (StatusFlag::ControllerLost, is_controller_lost),
            (StatusFlag::BatteryOverheating, temperature >= 40.0),
            (StatusFlag::BatteryCold, temperature <= -10.0),
            (
                StatusFlag::UpgradeNotAllowed,
                voltages.battery - self.installation.disconnect_voltage < 0.2 || self.minutes_to_reboot < 15,
            ),
        ]
        .into_iter()
        .filter_map(|(flag, is_set)| is_set.then_some(flag))
        .collect()
    }
}

impl Iterator for SimulatedNode {
    type Item = Measurement;

    fn next(&mut self) -> Option<Measurement> {
        let timestamp = self.next_timestamp;
        self.next_timestamp += 60;
        self.minutes_to_reboot -= 1;
        if self.minutes_to_reboot <= 0 {
            self.minutes_to_reboot = MINUTES_A_DAY;
        }
        let hour = timestamp.rem_euclid(SECONDS_A_DAY) as f64 / 3600.0 + SOLAR_TIME_OFFSET;
        let temperature = self.temperature(hour);
        let sun = self.sun(hour);
        let mut voltages = self.minute(sun, temperature);
        let is_controller_lost = self.is_controller_lost();
        if is_controller_lost {
            voltages = Voltages { open_circuit: 0.0, mpp: 0.0, battery: 0.0, charge_end: 0.0 };
        }
        let percent = (100.0 * self.charge).ceil();
        let status = self.status(&voltages, percent, temperature, is_controller_lost);
        let installation = &self.installation;
        Some(Measurement {
            isems_revision: Some(self.revision.clone()),
            firmware_version: Some(self.firmware.clone()),
            time_to_shutdown: Some(f64::from(self.minutes_to_reboot)),
            power_save_level: Some(u8::from(percent < 25.0)),
            open_circuit_voltage: Some(rounded(voltages.open_circuit, 1e3)),
            mpp_voltage: Some(rounded(voltages.mpp, 1e3)),
            battery_voltage: Some(rounded(voltages.battery, 1e3)),
            battery_charge_estimate: Some(percent),
            battery_health_estimate: Some(installation.battery_health),
            battery_temperature: Some(temperature),
            low_voltage_disconnect_voltage: Some(installation.disconnect_voltage),
            temperature_corrected_voltage: Some(rounded(voltages.charge_end, 1e3)),
            rated_battery_capacity: Some(installation.battery_capacity),
            rated_solar_module_capacity: Some(installation.module_power),
            latitude: Some(installation.latitude),
            longitude: Some(installation.longitude),
            status: Some(status),
            ..Measurement::new(self.id.clone(), timestamp, timestamp)
        })
    }
}

/// Rounds a number to as many decimals as `scale` has zeros. The result is never `-0`, which no node prints.
pub(super) fn rounded(number: f64, scale: f64) -> f64 {
    (number * scale).round() / scale + 0.0
}
