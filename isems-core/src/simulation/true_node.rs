//! One node of a mesh with ground truth: panel, battery, controller and firmware.

use std::sync::Arc;

use super::{
    battery::Battery,
    gauge::{Gauge, HealthEstimate, Voltages},
    node::{node_name, rounded},
    panel::{Obstacle, Panel},
    random::Random,
    sky::Moment,
};
use crate::{Measurement, NodeId, Status, StatusFlag, TimeSource};

/// The voltage above which the controller reconnects the load, V.
const LOAD_ON: f64 = 12.3;

/// The current drawn by a controller whose load is off, A.
const IDLE: f64 = 0.004;

/// The way in which a node's measurements reach the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ESP32 that publishes each measurement: whatever cannot be sent is lost.
    Esp32,
    /// An `OpenWrt` router whose log is polled: whatever could not be fetched comes later.
    Router,
}

/// The state of a node's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clock {
    Right,
    /// Counting from the last start.
    Unset,
    /// Off by some seconds: ahead, or behind if negative.
    Skewed(i64),
    /// Right at a time, and off by so many seconds more each day since.
    Drifting {
        since: i64,
        a_day: f64,
    },
}

impl Clock {
    /// Returns what it shows at a time; the time itself if it is not set, for that is when the measurement arrives.
    fn shows(self, time: i64) -> i64 {
        match self {
            Self::Right | Self::Unset => time,
            Self::Skewed(ahead) => time + ahead,
            Self::Drifting { since, a_day } => time + (a_day * (time - since) as f64 / 86_400.0) as i64,
        }
    }
}

/// A reboot that a node is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reboot {
    Scheduled,
    Unplanned,
}

/// A node: its installation, its true state, and its reports.
#[derive(Debug, Clone)]
pub(super) struct TrueNode {
    pub(super) id: NodeId,
    pub(super) kind: Kind,
    pub(super) panel: Panel,
    pub(super) battery: Battery,
    pub(super) random: Random,
    pub(super) is_controller_lost: bool,
    /// Minutes until the node has restarted; 0 while it is running.
    pub(super) starting: u32,
    /// The reboot that is not over.
    pub(super) reboot: Option<Reboot>,
    pub(super) is_load_on: bool,
    pub(super) clock: Clock,
    /// The fraction of the capacity that the battery loses per minute because something is wrong with it.
    pub(super) fast_ageing: f64,
    /// The battery's temperature, degC.
    pub(super) temperature: f64,
    /// The battery's voltage, V.
    voltage: f64,
    firmware: Arc<str>,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    nominal_capacity: f64,
    pub(super) cut_off: f64,
    load: f64,
    typed_load: f64,
    /// The fraction of the capacity that it loses, and of the light that new dust takes away, per minute.
    ageing: f64,
    dust: f64,
    has_temperature_sensor: bool,
    /// The countdown after a start, in the firmware's own units; 0 means off.
    countdown_start: f64,
    countdown: f64,
    load_drift: f64,
    /// The passing clouds and the wind that only this node has, in standard deviations.
    clouds: f64,
    wind: f64,
    /// The light that its passing clouds let through, as a fraction of what the mesh's sky gives.
    passed: f64,
    /// The cells' usual heating in the sun, degC per W/m2.
    heating: f64,
    /// The open-circuit voltage in the last sweep, V.
    swept: f64,
    gauge: Option<Gauge>,
    health: HealthEstimate,
}

impl TrueNode {
    pub(super) fn new(seed: u64, index: u32, latitude: f64, longitude: f64) -> Self {
        let mut random = Random::new(seed ^ 0x5f5f, index);
        let kind = if random.chance(0.5) { Kind::Esp32 } else { Kind::Router };
        let load = 0.9 + 1.8 * random.uniform();
        let nominal_capacity = random.choice([7.2, 9.0, 12.0, 12.0, 17.0, 17.0, 24.0]);
        // Owners plan for a few percent of the panel's rated power, some of them badly.
        let panel_power = random.choice([20.0, 20.0, 30.0, 30.0, 50.0, 50.0, 80.0, 100.0]);
        let health = (1.0 - 0.45 * random.uniform().powi(2)).min(1.0);
        let obstacle = random.chance(0.15).then(|| {
            let from = 100.0 + 120.0 * random.uniform();
            let to = from + 20.0 + 30.0 * random.uniform();
            Obstacle { from, to, height: 15.0 + 30.0 * random.uniform() }
        });
        let is_southern = latitude < 0.0;
        let obstacle = obstacle.map(|obstacle| if is_southern { obstacle.mirrored() } else { obstacle });
        let noon = if is_southern { 0.0 } else { 180.0 };
        let heating = 0.022 + 0.016 * random.uniform();
        let countdown_start = match kind {
            Kind::Router => random.choice([0.0, 1440.0, 1440.0]),
            Kind::Esp32 => random.choice([0.0, 5760.0, 5760.0, 1440.0]),
        };
        Self {
            id: NodeId::new(&node_name(index)).expect("the simulated names are valid"),
            kind,
            panel: Panel {
                power: panel_power,
                tilt: 30.0 + 40.0 * random.uniform(),
                azimuth: noon + random.normal(0.0, 25.0),
                open_circuit: 20.0 + 2.5 * random.uniform(),
                heating,
                obstacles: [obstacle, None],
                dust: 0.04 * random.uniform(),
                dirt: 0.0,
                snow: 0.0,
                cover: 0.0,
                is_disconnected: false,
            },
            battery: Battery::new(nominal_capacity, health, 0.7 + 0.3 * random.uniform()),
            is_controller_lost: false,
            starting: 0,
            reboot: None,
            is_load_on: true,
            clock: Clock::Right,
            fast_ageing: 0.0,
            temperature: 10.0,
            voltage: 12.5,
            firmware: if kind == Kind::Esp32 { "FF-ESP-1A".into() } else { "ATmega8_A_1".into() },
            latitude: rounded(latitude + random.normal(0.0, 0.04), 1e6),
            longitude: rounded(longitude + random.normal(0.0, 0.06), 1e6),
            nominal_capacity,
            cut_off: random.choice([11.5, 11.7, 11.9, 11.9, 11.9]),
            load,
            typed_load: load * (0.88 + 0.24 * random.uniform()),
            ageing: (0.004 + 0.016 * random.uniform()) / 43_200.0,
            dust: (0.0005 + 0.002 * random.uniform()) / 1440.0,
            has_temperature_sensor: !random.chance(0.08),
            countdown_start,
            countdown: countdown_start * random.uniform(),
            load_drift: 0.0,
            clouds: 0.0,
            wind: 0.0,
            passed: 1.0,
            heating,
            swept: 0.0,
            gauge: None,
            health: HealthEstimate::start(),
            random,
        }
    }

    /// Restarts the node, which takes a few minutes, if it is running.
    pub(super) fn reboot(&mut self, reboot: Reboot) {
        if self.is_up() {
            self.reboot = Some(reboot);
            self.start();
        }
    }

    fn start(&mut self) {
        self.starting = 2 + (2.0 * self.random.uniform()) as u32;
        self.gauge = None;
        self.health = HealthEstimate::start();
        self.countdown = self.countdown_start;
    }

    /// Returns whether the watchdog is due, and counts down for a minute.
    pub(super) fn count_down(&mut self) -> bool {
        if self.countdown_start <= 0.0 || !self.is_load_on || self.starting > 0 {
            return false;
        }
        self.countdown -= if self.kind == Kind::Esp32 { 4.0 } else { 1.0 };
        self.countdown <= 0.0
    }

    /// Returns whether the node is running and measures.
    pub(super) fn is_up(&self) -> bool {
        self.is_load_on && self.starting == 0
    }

    /// Returns the light that passes its clouds and what lies on the panel, as a fraction of what the mesh's sky gives.
    pub(super) fn light(&self) -> f64 {
        self.passed * self.panel.clearness()
    }

    /// Advances by a minute, and returns the measurement at its end, unless the node is down.
    pub(super) fn live(&mut self, time: i64, sky: &Moment) -> Option<Measurement> {
        self.starting = self.starting.saturating_sub(1);
        if self.starting == 0 || !self.is_load_on {
            self.reboot = None;
        }
        // Clouds pass within twenty minutes, and the wind changes within hours.
        self.clouds = 0.95 * self.clouds + 0.312 * self.random.normal(0.0, 1.0);
        self.wind = 0.995 * self.wind + 0.1 * self.random.normal(0.0, 1.0);
        self.panel.heating = self.heating * (1.0 - 0.2 * self.wind).max(0.2);
        self.passed = (sky.patchiness * self.clouds).exp().min(1.5);
        let irradiance = self.panel.irradiance(sky) * self.passed;
        self.temperature += (sky.temperature + 0.006 * irradiance - self.temperature) / 150.0;
        let temperature = self.temperature;
        self.panel.weather(sky, self.dust);
        self.battery.age(self.ageing + self.fast_ageing);

        // The panel's power, as far as the battery takes it without exceeding the charge end voltage. A controller
        // without a sensor takes the temperature for 25 degC.
        let shown = if self.has_temperature_sensor { temperature } else { 25.0 };
        let charge_end = charge_end(shown);
        let open_circuit = self.panel.open_circuit_at(irradiance, sky.temperature);
        let offered = if open_circuit > self.battery.voltage_at_rest(temperature) + 1.0 {
            0.9 * self.panel.power_at(irradiance, sky.temperature) / self.voltage
        } else {
            0.0
        };
        self.load_drift = 0.995 * self.load_drift + self.random.normal(0.0, 0.003);
        let hour = (time as f64 / 3600.0 + self.longitude / 15.0).rem_euclid(24.0);
        let evening = 0.06 * (-((hour - 20.0) / 3.0).powi(2)).exp();
        let load = if self.is_load_on { self.load * (1.0 + self.load_drift + evening) / self.voltage } else { IDLE };
        let (current, voltage) = self.battery.flow(offered - load, charge_end, temperature, 60.0);
        self.voltage = voltage.max(1.0);
        let drawn = if offered > 0.0 { ((current + load) / offered).clamp(0.0, 1.0) } else { 0.0 };

        if self.is_load_on && voltage < self.cut_off {
            self.is_load_on = false;
            self.reboot = None;
        } else if !self.is_load_on && voltage > LOAD_ON {
            self.is_load_on = true;
            self.start();
        }
        if !self.is_up() {
            return None;
        }
        let weak = offered < 0.02 * self.panel.power / 12.0;
        let panel = if open_circuit < voltage || offered <= 0.0 {
            open_circuit.min(voltage - 0.3).max(0.0)
        } else {
            let idle = if weak { 1.0 } else { 1.0 - drawn };
            let at_power = open_circuit / 1.24;
            (at_power + (open_circuit - 0.3 - at_power) * idle).max(voltage + 0.1)
        };
        if panel > 13.0 && voltage < charge_end - 0.02 {
            self.swept = open_circuit + self.random.normal(0.0, 0.04);
        } else if panel < voltage && self.kind == Kind::Router {
            self.swept = 0.0;
        }
        let voltages = Voltages { battery: voltage, panel, open_circuit, charge_end };
        let gauge = self.gauge.get_or_insert_with(|| Gauge::start(&voltages));
        gauge.run(&voltages);
        let percent = gauge.percent();
        // Berlin's winter time is close enough.
        let minute = (time + 3600).rem_euclid(86_400) / 60;
        self.health.run(minute, percent, self.nominal_capacity, self.typed_load);
        Some(self.measurement(time, &voltages, percent))
    }

    fn measurement(&mut self, time: i64, voltages: &Voltages, percent: f64) -> Measurement {
        let lost = self.is_controller_lost;
        let noise = |random: &mut Random, deviation: f64| random.normal(0.0, deviation);
        let printed = |voltage: f64| Some(if lost { 0.0 } else { rounded(voltage, 1e3) });
        let battery = voltages.battery + noise(&mut self.random, 0.006);
        let panel = (voltages.panel + noise(&mut self.random, 0.03)).max(0.0);
        let shown = if self.has_temperature_sensor { self.temperature + noise(&mut self.random, 0.1) } else { 25.0 };
        let percent = if self.kind == Kind::Esp32 { rounded(percent, 1e1) } else { percent.round() };
        let health = if lost && self.kind == Kind::Router { 0.0 } else { self.health.percent().round() };
        let status = self.status(voltages, percent, shown, health);
        Measurement {
            isems_revision: (self.kind == Kind::Router).then(|| "1".into()),
            firmware_version: Some(self.firmware.clone()),
            time_to_shutdown: Some(self.countdown.max(0.0).round()),
            power_save_level: Some(u8::from(percent < 40.0)),
            open_circuit_voltage: printed(self.swept),
            mpp_voltage: printed(panel),
            battery_voltage: printed(battery),
            battery_charge_estimate: Some(if lost { 0.0 } else { percent }),
            battery_health_estimate: Some(health),
            battery_temperature: Some(rounded(shown, 1e2)),
            low_voltage_disconnect_voltage: Some(self.cut_off),
            temperature_corrected_voltage: printed(voltages.charge_end),
            rated_battery_capacity: Some(self.nominal_capacity),
            rated_solar_module_capacity: Some(self.panel.power),
            latitude: Some(self.latitude),
            longitude: Some(self.longitude),
            status: Some(status),
            time_source: if self.clock == Clock::Unset { TimeSource::Arrival } else { TimeSource::Node },
            ..Measurement::new(self.id.clone(), self.clock.shows(time), time)
        }
    }

    fn status(&self, voltages: &Voltages, percent: f64, temperature: f64, health: f64) -> Status {
        let lost = self.is_controller_lost;
        let is_esp32 = self.kind == Kind::Esp32;
        let has_sun = voltages.panel >= voltages.battery;
        let is_full = percent >= 100.0;
        let capacity_limit = if is_esp32 { 5.0 } else { 2.5 };
        let too_small = self.nominal_capacity * health / 100.0 / (self.panel.power / 15.0) <= capacity_limit;
        let low = percent <= if is_esp32 { 50.0 } else { 30.0 };
        [
            (StatusFlag::Charging, !lost && has_sun && !is_full),
            (StatusFlag::Discharging, !lost && !has_sun),
            (StatusFlag::FullyCharged, !lost && is_full),
            (StatusFlag::Healthy, !too_small && !low),
            (StatusFlag::BatteryLow, low),
            (StatusFlag::CapacityTooSmall, too_small),
            (StatusFlag::TemperatureSensorMissing, !self.has_temperature_sensor),
            (StatusFlag::ControllerLost, lost),
            (StatusFlag::BatteryOverheating, temperature >= 40.0),
            (StatusFlag::BatteryCold, temperature <= -10.0),
            (StatusFlag::UpgradeNotAllowed, voltages.battery - self.cut_off < 0.2 || self.countdown < 15.0),
        ]
        .into_iter()
        .filter_map(|(flag, is_set)| is_set.then_some(flag))
        .collect()
    }
}

/// The voltage at which charging ends, V.
fn charge_end(temperature: f64) -> f64 {
    if temperature > 42.0 { 13.1 } else { 14.7 - 0.03 * (temperature - 25.0) }
}
