//! A lead-acid battery of six cells.

/// A battery: charge in, charge out, and the voltage between its terminals.
///
/// The open-circuit voltage follows the acid's density; the voltage under current adds the ohmic resistance, which
/// rises as the battery empties and cools, and a polarisation that builds up and relaxes within minutes and hours. The
/// capacity falls with temperature; what the cold withholds comes back with warmth.
///
/// While charging, the polarisation grows with the logarithm of the current (Tafel), and steeply as the current
/// approaches what the plates can still take in, which falls with the missing charge. What they cannot take in makes
/// gas, the more the higher the voltage. So a battery takes the whole current until its voltage reaches the
/// controller's limit, and from then on a current that tapers to the little that makes gas at this voltage.
#[derive(Debug, Clone)]
pub(super) struct Battery {
    /// The capacity at 25 degC when new, Ah.
    nominal: f64,
    /// The fraction of the nominal capacity that is left.
    pub(super) health: f64,
    /// The charge missing from a full battery, Ah.
    missing: f64,
    /// Fast and slow polarisation, V.
    fast: f64,
    slow: f64,
    /// The nearness of the last stored current to the most that the plates can take in. The next one will be near it.
    depth: f64,
}

/// The cells' open-circuit voltage, V, at states of charge of 0, 10, ... 100 percent, at 25 degC.
const OPEN_CIRCUIT: [f64; 11] = [11.20, 11.66, 11.83, 11.97, 12.10, 12.22, 12.34, 12.45, 12.56, 12.67, 12.78];

/// The rise of the polarisation while charging with each factor of e in the current, V, and the current from which on
/// it rises, as a share of the capacity per hour.
const TAFEL: (f64, f64) = (0.12, 0.001);

/// The rise of the polarisation as the current approaches what the plates can take in, V.
const CONCENTRATION: f64 = 0.12;

/// The current that the plates of an empty battery can take in at most, as a share of the capacity per hour.
const INTAKE: f64 = 1.1;

/// The current that makes gas at a voltage and 25 degC, as a share of the capacity per hour, the voltage, and the rise
/// of its logarithm with each volt and each degree.
const GAS: (f64, f64, f64, f64) = (0.001, 13.6, 2.3, 0.069);

/// The greatest depth that is tried: all but a ten thousand millionth of what the plates can take in.
const DEPTH: f64 = 24.0;

/// The fast and the slow part of the polarisation while charging, and their times, seconds.
const CHARGING: [(f64, f64); 2] = [(0.6, 420.0), (0.4, 1800.0)];

/// The fast and the slow polarisation per current while discharging, V per share of the capacity per hour, and their
/// times, seconds.
const DISCHARGING: [(f64, f64); 2] = [(0.5, 420.0), (1.1, 4200.0)];

/// A way to charge the battery for some seconds.
#[derive(Debug, Clone, Copy)]
struct Intake {
    /// The current that is stored, A.
    stored: f64,
    /// The whole current, with what makes gas, A.
    current: f64,
    /// The polarisation at the end, V.
    fast: f64,
    slow: f64,
    /// The voltage at the end, V.
    voltage: f64,
    depth: f64,
}

impl Battery {
    pub(super) fn new(nominal: f64, health: f64, charge: f64) -> Self {
        let missing = nominal * health * (1.0 - charge);
        Self { nominal, health, missing, fast: 0.0, slow: 0.0, depth: 0.0 }
    }

    /// Returns the capacity at 25 degC, Ah.
    pub(super) fn capacity(&self) -> f64 {
        self.nominal * self.health
    }

    /// Returns the capacity at a temperature, Ah.
    fn capacity_at(&self, temperature: f64) -> f64 {
        self.capacity() * (1.0 - 0.007 * (25.0 - temperature)).clamp(0.5, 1.05)
    }

    /// Returns the state of charge, `0..=1`, relative to the capacity at this temperature.
    pub(super) fn charge(&self, temperature: f64) -> f64 {
        (1.0 - self.missing / self.capacity_at(temperature)).clamp(0.0, 1.0)
    }

    fn open_circuit(&self, temperature: f64) -> f64 {
        let place = self.charge(temperature) * 10.0;
        let index = (place as usize).min(9);
        let voltage = OPEN_CIRCUIT[index] + (OPEN_CIRCUIT[index + 1] - OPEN_CIRCUIT[index]) * (place - index as f64);
        voltage + 0.0012 * (temperature - 25.0)
    }

    /// Returns the ohmic resistance, Ohm.
    fn resistance(&self, temperature: f64) -> f64 {
        let empty = 1.0 - self.charge(temperature);
        let size = 12.0 / self.nominal;
        let age = 1.0 + 1.5 * (1.0 - self.health);
        0.045 * size * age * (1.0 + 0.8 * empty.powi(2) + 2.0 * empty.powi(12)) * (1.0 + 0.012 * (25.0 - temperature))
    }

    /// Returns the voltage without any current, V.
    pub(super) fn voltage_at_rest(&self, temperature: f64) -> f64 {
        self.open_circuit(temperature) + self.fast + self.slow
    }

    /// Lets a current flow for some seconds (A, negative when it flows out), but charges no more than keeps the voltage
    /// at or below a limit. Returns the current that flowed and the voltage at the end, V.
    pub(super) fn flow(&mut self, current: f64, limit: f64, temperature: f64, seconds: f64) -> (f64, f64) {
        let self_discharge = self.capacity() * 0.001 / 24.0;
        let (current, stored, voltage) = if current > 0.0 {
            let intake = self.charging(current, limit, temperature, seconds);
            (self.fast, self.slow, self.depth) = (intake.fast, intake.slow, intake.depth);
            (intake.current, intake.stored, intake.voltage)
        } else {
            let rate = current / self.capacity();
            let [(fast, fast_time), (slow, slow_time)] = DISCHARGING;
            self.fast = approached(self.fast, fast * rate, seconds, fast_time);
            self.slow = approached(self.slow, slow * rate, seconds, slow_time);
            let voltage = self.voltage_at_rest(temperature) + current * self.resistance(temperature);
            (current, current, voltage)
        };
        self.missing -= (stored - self_discharge) * seconds / 3600.0;
        self.missing = self.missing.clamp(0.0, self.capacity());
        (current, voltage)
    }

    /// Returns the way to charge for some seconds with a current, or with less if the voltage would pass the limit.
    fn charging(&self, current: f64, limit: f64, temperature: f64, seconds: f64) -> Intake {
        let capacity = self.capacity();
        let open_circuit = self.open_circuit(temperature);
        let resistance = self.resistance(temperature);
        let most = INTAKE * (1.0 - self.charge(temperature)) * (1.0 + 0.015 * (temperature - 25.0)).max(0.3) + 2e-4;
        let [(fast, fast_time), (slow, slow_time)] = CHARGING;
        let (step, least_current) = TAFEL;
        let (gas, gas_voltage, per_volt, per_degree) = GAS;
        // Whatever is stored determines the polarisation, that the gas, and both together the current. `depth` tells
        // how near the stored current is to the most.
        let at = |depth: f64| {
            let stored = most * (1.0 - (-depth).exp());
            let polarisation = step * (stored / least_current).ln_1p() + CONCENTRATION * depth;
            let strength = per_volt * (open_circuit + polarisation - gas_voltage) + per_degree * (temperature - 25.0);
            let current = capacity * (stored + gas * strength.exp());
            let fast = approached(self.fast, fast * polarisation, seconds, fast_time);
            let slow = approached(self.slow, slow * polarisation, seconds, slow_time);
            let voltage = open_circuit + fast + slow + current * resistance;
            Intake { stored: capacity * stored, current, fast, slow, voltage, depth }
        };
        let is_too_much = |intake: Intake| intake.current > current || intake.voltage > limit;
        let (mut low, mut high) = (self.depth, self.depth);
        let mut step = DEPTH / 64.0;
        while low > 0.0 && is_too_much(at(low)) {
            (low, high, step) = ((low - step).max(0.0), low, 2.0 * step);
        }
        while high < DEPTH && !is_too_much(at(high)) {
            (low, high, step) = (high, (high + step).min(DEPTH), 2.0 * step);
        }
        while high - low > 1e-4 {
            let middle = 0.5 * (low + high);
            if is_too_much(at(middle)) { high = middle } else { low = middle }
        }
        at(low)
    }

    /// Ages the battery by a fraction of the nominal capacity.
    pub(super) fn age(&mut self, share: f64) {
        self.health = (self.health - share).max(0.2);
        self.missing = self.missing.min(self.capacity());
    }
}

/// Returns a value after it has approached another for some seconds.
fn approached(value: f64, other: f64, seconds: f64, time: f64) -> f64 {
    value + (other - value) * (1.0 - (-seconds / time).exp())
}
