//! Reads the history of a node into columns, ready for a statistics library, and computes the time of day at which the
//! battery is fullest.
//!
//! `cargo run -p isems-examples --bin columns -- isems.redb Elektra-Dach`. The server must not have the file open.

use std::env;

use futures_util::TryStreamExt;
use isems_core::{BoxError, Field, MeasurementQuery, NumberField, RedbRepository, pages};

/// One column per field; a value that the node did not report is NaN.
#[derive(Default)]
struct Columns {
    timestamp: Vec<i64>,
    battery_voltage: Vec<f64>,
    battery_temperature: Vec<f64>,
}

async fn read(repository: &RedbRepository, query: MeasurementQuery) -> Result<Columns, BoxError> {
    let mut columns = Columns::default();
    let mut pages = pages(repository, query);
    while let Some(page) = pages.try_next().await? {
        for measurement in page {
            columns.timestamp.push(measurement.timestamp);
            columns.battery_voltage.push(measurement.battery_voltage.unwrap_or(f64::NAN));
            columns.battery_temperature.push(measurement.battery_temperature.unwrap_or(f64::NAN));
        }
    }
    Ok(columns)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.filter(|value| !value.is_nan()).fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    sum / count
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("which database? name a file and a node")?;
    let node = arguments.next().ok_or("which node? name a file and a node")?.parse()?;
    let repository = RedbRepository::open(path)?;
    let fields =
        [NumberField::BatteryVoltage, NumberField::BatteryTemperature].map(Field::Number).into_iter().collect();
    let query = MeasurementQuery { fields, ..MeasurementQuery::oldest_first(node) };
    let columns = read(&repository, query).await?;
    println!(
        "{} measurements, on average {:.2} degC",
        columns.timestamp.len(),
        mean(columns.battery_temperature.iter().copied())
    );
    for hour in 0..24 {
        let rows = columns.timestamp.iter().zip(&columns.battery_voltage);
        let volts = mean(rows.filter(|(time, _)| *time / 3600 % 24 == hour).map(|(_, volts)| *volts));
        println!("{hour:02}:00 UTC  {volts:.2} V");
    }
    Ok(())
}
