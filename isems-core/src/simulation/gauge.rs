//! The charge gauge and the health estimate of the firmwares, with their faults.

/// The measurements from which the firmware estimates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voltages {
    pub(super) battery: f64,
    pub(super) panel: f64,
    pub(super) open_circuit: f64,
    pub(super) charge_end: f64,
}

impl Voltages {
    fn is_discharging(&self) -> bool {
        self.panel < self.battery
    }

    /// Returns the charge that the firmware derives from the voltages at once, percent.
    fn percent(&self) -> f64 {
        let discharging = |voltage: f64| {
            if voltage < 12.6 { 10.0 + (voltage - 11.6) * 85.0 } else { 95.0 + (voltage - 12.6) * 20.0 }
        };
        let percent = if self.is_discharging() {
            discharging(self.battery)
        } else if self.battery >= 0.995 * self.charge_end {
            // Near the end-of-charge voltage, the panel's voltage tells how little current is still drawn.
            let idle = (self.panel / self.open_circuit.max(1.0) - 1.0 / 1.24) / (0.97 - 1.0 / 1.24);
            90.0 + 10.0 * idle.clamp(0.0, 1.0)
        } else if self.panel < 0.88 * self.open_circuit {
            let place = (self.battery / self.charge_end - 0.85) / 0.15;
            90.0 * place.clamp(0.0, 1.0)
        } else {
            85.0 + (self.battery - 12.6) * 25.0
        };
        percent.clamp(0.0, 100.0)
    }
}

/// The gauge. It runs every 15 seconds and moves by a tenth of a percent at most.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    percent: f64,
}

impl Gauge {
    /// Starts it, as after a reboot, from the voltages.
    pub(super) fn start(voltages: &Voltages) -> Self {
        Self { percent: voltages.percent() }
    }

    /// Runs it for a minute.
    pub(super) fn run(&mut self, voltages: &Voltages) {
        const STEP: f64 = 0.1 * 4.0;
        let wanted = voltages.percent();
        let lowest = if voltages.battery < 12.9 { -STEP } else { 0.0 };
        self.percent = (self.percent + (wanted - self.percent).clamp(lowest, STEP)).clamp(0.0, 100.0);
    }

    pub(super) fn percent(&self) -> f64 {
        self.percent
    }
}

/// The health estimate: 100 until a night from 22:00 to 04:00 has been seen to its end.
#[derive(Debug, Clone)]
pub(super) struct HealthEstimate {
    percent: f64,
    at_ten: Option<f64>,
}

impl HealthEstimate {
    pub(super) fn start() -> Self {
        Self { percent: 100.0, at_ten: None }
    }

    /// Takes note of a minute of the local day, given the capacity (Ah) and the mean load (W) entered by the owner.
    pub(super) fn run(&mut self, minute_of_day: i64, gauge: f64, capacity: f64, load: f64) {
        match minute_of_day {
            1320 => self.at_ten = Some(gauge),
            240 => {
                if let Some(at_ten) = self.at_ten.take().filter(|at_ten| at_ten - gauge > 0.5) {
                    let used = 100.0 * 6.0 * load / (12.0 * capacity);
                    self.percent = (100.0 * used / (at_ten - gauge)).min(100.0);
                }
            }
            _ => {}
        }
    }

    pub(super) fn percent(&self) -> f64 {
        self.percent
    }
}
