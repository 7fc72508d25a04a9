//! Ten minutes of a node, reduced to a few bytes.

use isems_core::{Measurement, Status, StatusFlag, TimeSource};

/// The measurements of a node in ten minutes, as means, in 20 bytes, so that a month of a node takes 90 kB.
///
/// Values that the node itself declares void are left out: all values while its controller is lost, and the temperature
/// while its sensor is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    battery: Mean<1000>,
    panel: Mean<1000>,
    open_circuit: Mean<1000>,
    charge: Mean<100>,
    /// Kelvin, since numbers are not negative.
    temperature: Mean<100>,
    /// The last one in the slot, rounded up.
    countdown: u16,
    /// The flags that were set in any status.
    flags: u16,
    readings: u8,
    valid: u8,
    late: u8,
    /// The offsets of the first and last reading, in units of [`OFFSET_SECONDS`].
    first: u8,
    last: u8,
}

const OFFSET_SECONDS: i64 = 3;
const MISSING: u16 = u16::MAX;
const FREEZING_KELVIN: f64 = 273.15;

/// A mean of numbers from 0 to 65.534 times 1000 / `SCALE`, with a resolution of 1 / `SCALE`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mean<const SCALE: u16>(u16);

impl<const SCALE: u16> Mean<SCALE> {
    const NONE: Self = Self(MISSING);

    fn get(self) -> Option<f64> {
        (self.0 != MISSING).then(|| f64::from(self.0) / f64::from(SCALE))
    }

    /// Takes in one more number beside `count` that are in the mean.
    fn add(&mut self, number: Option<f64>, count: u8) {
        let Some(number) = number.filter(|number| number.is_finite()) else { return };
        let mean = self.get().map_or(number, |mean| mean + (number - mean) / (f64::from(count) + 1.0));
        self.0 = (mean * f64::from(SCALE)).round().clamp(0.0, f64::from(MISSING - 1)) as u16;
    }
}

impl Slot {
    /// The length of a slot, seconds. Slots begin at multiples of it.
    pub const SECONDS: i64 = 600;

    /// A measurement that arrives this much later than it was made was late, seconds.
    pub const LATE_SECONDS: i64 = 3600;

    /// A slot in which nothing was measured.
    pub const EMPTY: Self = Self {
        battery: Mean::NONE,
        panel: Mean::NONE,
        open_circuit: Mean::NONE,
        charge: Mean::NONE,
        temperature: Mean::NONE,
        countdown: MISSING,
        flags: 0,
        readings: 0,
        valid: 0,
        late: 0,
        first: u8::MAX,
        last: 0,
    };

    /// Takes in a measurement that was made within this slot.
    pub(crate) fn add(&mut self, measurement: &Measurement) {
        let is_lost = is_controller_lost(measurement);
        let has = |flag| measurement.status.is_some_and(|status| status.contains(flag));
        if !is_lost {
            self.battery.add(measurement.battery_voltage, self.valid);
            self.panel.add(measurement.mpp_voltage, self.valid);
            self.open_circuit.add(measurement.open_circuit_voltage, self.valid);
            self.charge.add(measurement.battery_charge_estimate, self.valid);
            let temperature = measurement.battery_temperature.filter(|_| !has(StatusFlag::TemperatureSensorMissing));
            self.temperature.add(temperature.map(|celsius| celsius + FREEZING_KELVIN), self.valid);
            self.valid = self.valid.saturating_add(1);
        }
        let offset = (measurement.timestamp.rem_euclid(Self::SECONDS) / OFFSET_SECONDS) as u8;
        if offset >= self.last
            && let Some(countdown) = measurement.time_to_shutdown
        {
            self.countdown = countdown.ceil().clamp(0.0, f64::from(MISSING - 1)) as u16;
        }
        self.first = self.first.min(offset);
        self.last = self.last.max(offset);
        self.flags |= measurement.status.map_or(0, Status::bits);
        self.readings = self.readings.saturating_add(1);
        let is_dated_by_node = measurement.time_source == TimeSource::Node;
        if is_dated_by_node && measurement.received_at - measurement.timestamp > Self::LATE_SECONDS {
            self.late = self.late.saturating_add(1);
        }
    }

    /// Returns whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.readings == 0
    }

    /// Returns the number of measurements, up to 255.
    pub fn readings(&self) -> u32 {
        self.readings.into()
    }

    /// Returns the number of measurements with an answering controller, up to 255.
    pub fn valid_readings(&self) -> u32 {
        self.valid.into()
    }

    /// Returns the number of measurements that were late, up to 255.
    pub fn late_readings(&self) -> u32 {
        self.late.into()
    }

    /// Returns the mean battery voltage, V.
    pub fn battery_voltage(&self) -> Option<f64> {
        self.battery.get()
    }

    /// Returns the mean panel voltage (`mppVoltage`), V.
    pub fn panel_voltage(&self) -> Option<f64> {
        self.panel.get()
    }

    /// Returns the mean open-circuit voltage of the panel, V. At night, it is the last one of the day or 0, depending
    /// on the firmware.
    pub fn open_circuit_voltage(&self) -> Option<f64> {
        self.open_circuit.get()
    }

    /// Returns the mean of the node's charge gauge, percent.
    pub fn gauge(&self) -> Option<f64> {
        self.charge.get()
    }

    /// Returns the mean battery temperature, degC. `None` without a sensor.
    pub fn temperature(&self) -> Option<f64> {
        self.temperature.get().map(|kelvin| kelvin - FREEZING_KELVIN)
    }

    /// Returns the countdown to the scheduled reboot in the last measurement, in the node's own units.
    pub fn countdown(&self) -> Option<f64> {
        (self.countdown != MISSING).then(|| self.countdown.into())
    }

    /// Returns whether a flag was set in any status.
    pub fn has_flag(&self, flag: StatusFlag) -> bool {
        self.flags & flag.mask() != 0
    }

    /// Returns a slot with one measurement, for its values without those that are void.
    pub fn of(measurement: &Measurement) -> Self {
        let mut slot = Self::EMPTY;
        slot.add(measurement);
        slot
    }

    /// Returns the seconds from the beginning of the slot to its first and its last measurement, to within three
    /// seconds.
    pub fn offsets(&self) -> Option<(i64, i64)> {
        (!self.is_empty()).then(|| (i64::from(self.first) * OFFSET_SECONDS, i64::from(self.last) * OFFSET_SECONDS))
    }

    /// Returns whether the panel charges the battery: its voltage is above the battery's.
    pub fn is_charging(&self) -> Option<bool> {
        Some(self.panel_voltage()? > self.battery_voltage()?)
    }
}

/// Returns whether a measurement is void because the node has lost its solar controller: the flag is set, or the
/// battery has no voltage.
pub(crate) fn is_controller_lost(measurement: &Measurement) -> bool {
    measurement.status.is_some_and(|status| status.contains(StatusFlag::ControllerLost))
        || measurement.battery_voltage == Some(0.0)
}
