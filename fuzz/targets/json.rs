//! The nodes' JSON objects, and the collector's own.

#![no_main]

use isems_core::{Measurement, NodeId, Payload, Reject, TimeSource, decode};
use libfuzzer_sys::fuzz_target;

/// 2026-01-01T00:00:00Z.
const ARRIVAL: i64 = 1_767_225_600;

fuzz_target!(|bytes: &[u8]| {
    let node = NodeId::new("Hut").expect("it is a node id");
    let object = Payload { received_at: ARRIVAL, ..Payload::json(bytes, node.clone(), "fuzz") };
    let decoded = decode(&object);
    assert_eq!(decoded.incomplete_bytes, 0);
    assert!(decoded.rejects.iter().all(|reject| reject.line >= 1 && reject.text.len() <= Reject::MAX_TEXT_BYTES));
    for measurement in decoded.measurements {
        assert_eq!(measurement.validate(), Ok(()));
        let line = measurement.to_string();
        let line =
            Payload { received_at: ARRIVAL, node: Some(node.clone()), ..Payload::csvlog(line.as_bytes(), "fuzz") };
        let expected = Measurement { time_source: TimeSource::Node, received_at: ARRIVAL, ..measurement };
        assert_eq!(decode(&line).measurements, [expected], "an object's values read back from a line as they were");
    }
});
