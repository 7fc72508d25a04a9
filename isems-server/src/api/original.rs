//! The endpoints of the original collector, as scripts and its web app know them.

use std::{collections::BTreeMap, iter, sync::Arc};

use isems_core::{Measurement, MeasurementQuery, Node, NodeId};
use isems_insight::Watcher;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::{Serialize, Serializer};

use super::{
    Tag,
    node_numbers::NodeNumbers,
    problem::{FAILED, FORBIDDEN, Problems, Refused, UNAUTHORIZED},
    rendered::Rendered,
    tagged::{IfNoneMatch, Tagged},
};
use crate::berlin::Berlin;

/// The number of measurements in `/measurements/{nodeId}/latest`: a day at one a minute.
const NEWEST: usize = 1440;

/// The approximate size of a measurement in JSON.
const RECORD_BYTES: usize = 560;

/// Measurements in the form of the original collector.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OriginalMeasurements", example)]
pub(crate) struct OriginalMeasurements {
    /// The measurements, in the order that the operation describes.
    measurements: Vec<OriginalMeasurement>,
}

impl Example for OriginalMeasurements {
    fn example() -> Self {
        Self { measurements: vec![OriginalMeasurement::example()] }
    }
}

/// Measured values of a node at one time, in the form of the original collector. A value that the node did not report
/// is null.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "OriginalMeasurement", rename_all = "camelCase", example)]
pub(crate) struct OriginalMeasurement {
    /// Charge that the node derives from the battery's voltage, percent. The load is cut at about 36, not at 0.
    #[oai(nullable)]
    battery_charge_estimate: Option<f64>,
    /// Health of the battery, percent. 100 can mean that it was not measured since the last reboot.
    #[oai(nullable)]
    battery_health_estimate: Option<f64>,
    /// Battery temperature, degrees Celsius. 25 when the sensor is missing (status bit 0x020).
    #[oai(nullable)]
    battery_temperature: Option<f64>,
    /// Battery voltage, V. 0 when the node has lost its solar controller.
    #[oai(nullable)]
    battery_voltage: Option<f64>,
    /// Unique number of the measurement, which never changes; below 2^53.
    id: u64,
    /// `true` if the node saves power, at any level.
    is_power_save_mode: bool,
    /// Revision of the packet format.
    #[oai(nullable)]
    isems_revision: Option<String>,
    /// Latitude, degrees north. 52.52 is the shipped default, 0 is unset.
    #[oai(nullable)]
    latitude: Option<f64>,
    /// Longitude, degrees east. 13.4 is the shipped default, 0 is unset.
    #[oai(nullable)]
    longitude: Option<f64>,
    /// The voltage below which the load is cut, V.
    #[oai(nullable)]
    low_voltage_disconnect_voltage: Option<f64>,
    /// Panel voltage at the tracked maximum power point, V. 0 or below the battery's voltage at night.
    #[oai(nullable)]
    mpp_voltage: Option<f64>,
    /// The node's name, as its owner typed it.
    node_id: String,
    /// Panel voltage without load, V.
    #[oai(nullable)]
    open_circuit_voltage: Option<f64>,
    /// Name of the firmware.
    #[serde(rename = "openMPPTFirmwareVersion")]
    #[oai(rename = "openMPPTFirmwareVersion", nullable)]
    firmware_version: Option<String>,
    /// Rated capacity of the battery as its owner typed it in, Ah.
    #[oai(nullable)]
    rate_battery_capacity: Option<f64>,
    /// Rated power of the panel as its owner typed it in, W.
    #[oai(nullable)]
    rated_solar_module_capacity: Option<f64>,
    /// Status word of twelve bits in hex, most significant bit first: 0x800 charging, 0x400 discharging, 0x200 fully
    /// charged, 0x100 healthy, 0x080 battery low, 0x040 capacity too small, 0x020 temperature sensor missing, 0x010
    /// solar controller lost, 0x008 battery overheating, 0x004 battery cold, 0x002 firmware upgrade not allowed. 0x000
    /// when the node reports none.
    #[oai(validator(pattern = "^0x[0-9a-f]{3}$"))]
    status: String,
    /// Charge end voltage at this temperature, V.
    #[oai(nullable)]
    temperature_corrected_voltage: Option<f64>,
    /// The watchdog's countdown to the next scheduled power cycle, nominally minutes. Not how long the battery lasts.
    #[oai(nullable)]
    time_to_shutdown: Option<f64>,
    /// The measured time, in Europe/Berlin without an offset, so that one hour each autumn is ambiguous.
    timestamp: String,
}

impl Example for OriginalMeasurement {
    fn example() -> Self {
        Self {
            battery_charge_estimate: Some(100.0),
            battery_health_estimate: Some(100.0),
            battery_temperature: Some(28.0),
            battery_voltage: Some(14.073),
            id: 5_825_331_871,
            is_power_save_mode: false,
            isems_revision: Some("1".into()),
            latitude: Some(52.507_309),
            longitude: Some(13.458_635),
            low_voltage_disconnect_voltage: Some(11.67),
            mpp_voltage: Some(18.614),
            node_id: "Elektra-Dach".into(),
            open_circuit_voltage: Some(18.614),
            firmware_version: Some("ATmega8_A_1".into()),
            rate_battery_capacity: Some(7.0),
            rated_solar_module_capacity: Some(20.0),
            status: "0x300".into(),
            temperature_corrected_voltage: Some(14.086),
            time_to_shutdown: Some(711.0),
            timestamp: "2018-06-30T15:16:15".into(),
        }
    }
}

impl OriginalMeasurement {
    fn new(number: u32, measurement: &Measurement, berlin: &Berlin) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(Into::into);
        Self {
            battery_charge_estimate: measurement.battery_charge_estimate,
            battery_health_estimate: measurement.battery_health_estimate,
            battery_temperature: measurement.battery_temperature,
            battery_voltage: measurement.battery_voltage,
            id: u64::from(number) << 32 | measurement.timestamp as u64,
            is_power_save_mode: measurement.power_save_level.is_some_and(|level| level > 0),
            isems_revision: text(&measurement.isems_revision),
            latitude: measurement.latitude,
            longitude: measurement.longitude,
            low_voltage_disconnect_voltage: measurement.low_voltage_disconnect_voltage,
            mpp_voltage: measurement.mpp_voltage,
            node_id: measurement.node_id.to_string(),
            open_circuit_voltage: measurement.open_circuit_voltage,
            firmware_version: text(&measurement.firmware_version),
            rate_battery_capacity: measurement.rated_battery_capacity,
            rated_solar_module_capacity: measurement.rated_solar_module_capacity,
            status: measurement.status.unwrap_or_default().to_string(),
            temperature_corrected_voltage: measurement.temperature_corrected_voltage,
            time_to_shutdown: measurement.time_to_shutdown,
            timestamp: berlin.wall_clock(measurement.timestamp).to_string(),
        }
    }
}

/// The measurements.
#[derive(ApiResponse)]
pub(crate) enum MeasurementsResponse {
    /// The measurements.
    #[oai(status = 200)]
    Found(Rendered<OriginalMeasurements>),
}

/// The problems of these endpoints.
pub(crate) enum OfOriginal {}

impl Problems for OfOriginal {
    const STATUSES: &'static [(u16, &'static str)] = &[UNAUTHORIZED, FORBIDDEN, FAILED];
}

/// Renders records one by one, as they are made.
fn rendered(records: impl ExactSizeIterator<Item = OriginalMeasurement> + Clone) -> Rendered<OriginalMeasurements> {
    struct Records<I>(I);

    impl<I: Iterator<Item = OriginalMeasurement> + Clone> Serialize for Records<I> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0.clone())
        }
    }

    let capacity = 32 + records.len() * RECORD_BYTES;
    Rendered::new(&BTreeMap::from([("measurements", Records(records))]), capacity)
}

/// The endpoints of the original collector.
pub(crate) struct OriginalApi {
    pub(crate) watcher: Watcher,
    pub(crate) numbers: Arc<NodeNumbers>,
    pub(crate) berlin: Berlin,
}

#[OpenApi(tag = "Tag::Original")]
impl OriginalApi {
    /// Get the newest measurement of every node
    ///
    /// Nodes are in byte order of their names. A node whose newest measurement is older than `HIDE_INACTIVE_AFTER_DAYS`
    /// (30 by default) is left out unless `all` is `true`.
    #[oai(path = "/measurements/latest", method = "get", operation_id = "latestMeasurements")]
    async fn latest(
        &self,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
        /// `true` includes inactive nodes. Any other value does not.
        #[oai(example = "example_of_all")]
        Query(all): Query<Option<String>>,
    ) -> Result<Tagged<OriginalMeasurements>, Refused<OfOriginal>> {
        let shown = match all.as_deref() {
            Some("true") => self.watcher.repository().nodes().await?,
            _ => self.watcher.nodes_in_use().await?,
        };
        let shown: Vec<&Node> = shown.iter().map(|node| &**node).collect();
        let numbers = self.numbers.of(&shown).await?;
        let records = shown
            .iter()
            .zip(&numbers)
            .map(|(node, number)| OriginalMeasurement::new(*number, &node.latest, &self.berlin));
        Ok(Tagged::new(&known, rendered(records)))
    }

    /// Get the newest measurements of a node
    ///
    /// Answers with the newest 1440, a day at one a minute, newest first. An unknown node has none.
    #[oai(path = "/measurements/:nodeId/latest", method = "get", operation_id = "latestMeasurementsOfNode")]
    async fn latest_of_node(
        &self,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "example_node_name")]
        Path(node): Path<String>,
    ) -> Result<MeasurementsResponse, Refused<OfOriginal>> {
        let Some((number, measurements)) = self.newest_of(&node).await? else {
            return Ok(MeasurementsResponse::Found(rendered(iter::empty())));
        };
        let record = |measurement| OriginalMeasurement::new(number, measurement, &self.berlin);
        Ok(MeasurementsResponse::Found(rendered(measurements.iter().map(record))))
    }
}

impl OriginalApi {
    async fn newest_of(&self, name: &str) -> Result<Option<(u32, Vec<Measurement>)>, isems_core::RepositoryError> {
        let Ok(id) = NodeId::new(name) else { return Ok(None) };
        let repository = self.watcher.repository();
        let Some(node) = repository.node(&id).await? else { return Ok(None) };
        let number = self.numbers.of(&[&node]).await?[0];
        let query = MeasurementQuery { limit: NEWEST, ..MeasurementQuery::newest_first(id) };
        Ok(Some((number, repository.measurements(&query).await?)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an example has the type of its parameter")]
fn example_of_all() -> Option<String> {
    Some("true".into())
}

fn example_node_name() -> String {
    "Elektra-Dach".into()
}
