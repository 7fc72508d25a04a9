//! Lead-acid batteries of 12 V, as data sheets describe them.

/// The open-circuit voltages at states of charge of 10, 20, ... 100 percent, V, at 25 degC. Source: the table in the
/// user's guide of Trojan Battery. The step below 10 percent goes on as the last one.
const OPEN_CIRCUIT: [f64; 10] = [11.51, 11.66, 11.81, 11.96, 12.10, 12.24, 12.37, 12.50, 12.62, 12.73];

/// The rise of the open-circuit voltage with temperature, V per degree: 0.2 mV for each of six cells.
const VOLTS_PER_DEGREE: f64 = 0.0012;

/// The share of its capacity that a battery loses for each degree below 25 degC.
pub(crate) const CAPACITY_PER_DEGREE: f64 = 0.007;

/// A battery that shows more is two in series, V.
const MOST_OF_ONE: f64 = 18.0;

/// Returns the number of batteries of 12 V in series that show a voltage: two if it is above 18 V, else one.
pub(crate) fn batteries(voltage: f64) -> f64 {
    if voltage > MOST_OF_ONE { 2.0 } else { 1.0 }
}

/// Returns the voltage of one battery of 12 V where one or two in series show a voltage, V.
pub(crate) fn voltage_of_one(voltage: f64) -> f64 {
    voltage / batteries(voltage)
}

/// Returns the state of charge of a battery that rests, by its voltage in V and its temperature in degC: a share that
/// is beyond `0..=1` where the voltage is beyond the table.
pub(crate) fn charge_at_rest(voltage: f64, temperature: f64) -> f64 {
    let voltage = voltage_of_one(voltage) - VOLTS_PER_DEGREE * (temperature - 25.0);
    let above = OPEN_CIRCUIT.partition_point(|step| *step < voltage).clamp(1, OPEN_CIRCUIT.len() - 1);
    let (low, high) = (OPEN_CIRCUIT[above - 1], OPEN_CIRCUIT[above]);
    (above as f64 + (voltage - low) / (high - low)) / 10.0
}

/// Returns the capacity at a temperature in degC, as a share of that at 25 degC.
pub(crate) fn capacity_share(temperature: f64) -> f64 {
    (1.0 - CAPACITY_PER_DEGREE * (25.0 - temperature)).clamp(0.5, 1.1)
}
