//! The transport against the conformance suite of the core.

use std::time::Duration;

use isems_core::{Measurement, Payload, Transport, decode, testing::transport};
use isems_transport_http::{HttpConfig, HttpTransport};

use super::{
    lines,
    router::{RANGES, Router},
    target,
};

/// A router somewhere in the mesh.
struct Far(Router);

impl transport::Source for Far {
    fn transport(&self) -> Box<dyn Transport> {
        let targets = vec![target(&self.0.address())];
        let interval = Duration::from_millis(20);
        Box::new(HttpTransport::new(HttpConfig { targets, interval, ..HttpConfig::default() }).unwrap())
    }

    fn expected(&self) -> Vec<Measurement> {
        decode(&Payload::csvlog(lines("Dach", 0..50).as_bytes(), "expected")).measurements
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_conforms() {
    transport::conformance(async || Far(Router::start(RANGES, &lines("Dach", 0..50)).await)).await;
}
