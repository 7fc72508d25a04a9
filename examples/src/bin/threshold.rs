//! Acts when a battery falls below a voltage: this one prints a line, yours might switch a relay. It sees measurements
//! as they are stored, and acts once until the battery has recovered.
//!
//! `cargo run -p isems-examples --bin threshold -- 12.4` demonstrates it with three simulated nodes over two days.

use std::{
    collections::HashSet,
    env,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use isems_core::{
    BoxError, Collector, Inbox, Measurement, NodeId, RedbRepository, Transport, async_trait, simulation::Fleet,
};

/// The voltage must rise this far above the threshold before another fall counts, V.
const HYSTERESIS: f64 = 0.2;

/// Watches for batteries that fall below a voltage.
struct LowBattery {
    threshold: f64,
    low: Mutex<HashSet<NodeId>>,
}

impl LowBattery {
    /// Called by the collector with the measurements just stored, so it must be quick.
    fn observe(&self, stored: &[Measurement]) {
        let mut low = self.low.lock().unwrap_or_else(PoisonError::into_inner);
        for measurement in stored {
            let Some(volts) = measurement.battery_voltage else { continue };
            if volts < self.threshold && low.insert(measurement.node_id.clone()) {
                println!("{}: the battery is low, {volts} V at {}", measurement.node_id, measurement.timestamp);
            } else if volts > self.threshold + HYSTERESIS && low.remove(&measurement.node_id) {
                println!("{}: the battery has recovered, {volts} V at {}", measurement.node_id, measurement.timestamp);
            }
        }
    }
}

/// Two days of three simulated nodes, all at once.
struct TwoDays(Fleet);

#[async_trait]
impl Transport for TwoDays {
    fn name(&self) -> &'static str {
        "simulator"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let measurements = self.0.by_ref().take(3 * 2 * 1440).collect();
        inbox.deliver_measurements("two simulated days", measurements).await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let threshold = env::args().nth(1).ok_or("below which voltage? name it, such as 12.4")?.parse()?;
    let low_battery = LowBattery { threshold, low: Mutex::default() };
    Collector::new(Arc::new(RedbRepository::in_memory()?))
        .observe(move |stored| low_battery.observe(stored))
        .transport(TwoDays(Fleet::new(1, 3, 1_767_139_200)))?
        .run(pending())
        .await;
    Ok(())
}
