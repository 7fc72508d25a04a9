//! A lead-acid battery of six cells.

/// A battery: charge in, charge out, and the voltage between its terminals.
///
/// The open-circuit voltage follows the acid's density; the voltage under current adds the ohmic resistance, which
/// rises as the battery empties and cools, and a polarisation that builds up and relaxes within minutes and hours. The
/// capacity falls with temperature; what the cold withholds comes back with warmth.
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
}

/// The cells' open-circuit voltage, V, at states of charge of 0, 10, ... 100 percent, at 25 degC.
const OPEN_CIRCUIT: [f64; 11] = [11.20, 11.66, 11.83, 11.97, 12.10, 12.22, 12.34, 12.45, 12.56, 12.67, 12.78];

impl Battery {
    pub(super) fn new(nominal: f64, health: f64, charge: f64) -> Self {
        let missing = nominal * health * (1.0 - charge);
        Self { nominal, health, missing, fast: 0.0, slow: 0.0 }
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

    /// Returns the voltage while a current flows into the battery (A, negative when it flows out), V.
    pub(super) fn voltage(&self, current: f64, temperature: f64) -> f64 {
        self.open_circuit(temperature) + self.fast + self.slow + current * self.resistance(temperature)
    }

    /// Returns the highest current that the battery accepts without exceeding a voltage, A. A full battery accepts next
    /// to nothing.
    pub(super) fn acceptance(&self, limit: f64, temperature: f64) -> f64 {
        let headroom = limit - self.open_circuit(temperature) - self.fast - self.slow;
        let by_voltage = headroom / self.resistance(temperature);
        let by_charge = self.capacity() * (0.004 + 0.45 * (1.0 - self.charge(temperature)));
        by_voltage.min(by_charge).max(0.0)
    }

    /// Lets a current flow for some seconds.
    pub(super) fn flow(&mut self, current: f64, temperature: f64, seconds: f64) {
        let hours = seconds / 3600.0;
        let charge = self.charge(temperature);
        let efficiency = if current > 0.0 { 0.96 - 0.30 * charge.powi(10) } else { 1.0 };
        let self_discharge = self.capacity() * 0.001 / 24.0;
        self.missing -= (current * efficiency - self_discharge) * hours;
        self.missing = self.missing.clamp(0.0, self.capacity());
        // Charging polarizes far more than discharging, above all when nearly full.
        let rate = current / self.capacity();
        let fast = if current > 0.0 { 3.2 * rate.powf(0.7) * (0.5 + 0.9 * charge.powi(4)) } else { 0.5 * rate };
        let slow = if current > 0.0 { (0.10 + 1.15 * charge.powi(6)) * (rate / 0.02).min(1.0) } else { 1.1 * rate };
        self.fast += (fast - self.fast) * (1.0 - (-seconds / 420.0).exp());
        let time = if current > 0.0 { 1800.0 } else { 4200.0 };
        self.slow += (slow - self.slow) * (1.0 - (-seconds / time).exp());
    }

    /// Ages the battery by a fraction of the nominal capacity.
    pub(super) fn age(&mut self, share: f64) {
        self.health = (self.health - share).max(0.2);
        self.missing = self.missing.min(self.capacity());
    }
}
