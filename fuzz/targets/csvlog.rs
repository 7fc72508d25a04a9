//! csvlog lines, whole and as they are read from a log that is being written.

#![no_main]

use isems_core::{Format, Measurement, NodeId, Payload, Reject, decode};
use libfuzzer_sys::fuzz_target;

/// 2026-01-01T00:00:00Z.
const ARRIVAL: i64 = 1_767_225_600;

fn payload(bytes: &[u8], node: Option<NodeId>, whole: bool) -> Payload<'_> {
    Payload { format: Format::Csvlog, node, source: "fuzz", received_at: ARRIVAL, whole, bytes }
}

fn check(bytes: &[u8], node: Option<NodeId>, whole: bool) {
    let decoded = decode(&payload(bytes, node.clone(), whole));
    assert!(decoded.incomplete_bytes <= bytes.len());
    assert!(!whole || decoded.incomplete_bytes == 0);
    let lines = bytes[..bytes.len() - decoded.incomplete_bytes].split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line));
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    assert_eq!(decoded.received(), lines.count() as u64, "every line is a measurement or a reject");
    for reject in &decoded.rejects {
        assert!(reject.line > 0 && reject.text.len() <= Reject::MAX_TEXT_BYTES);
    }
    for measurement in decoded.measurements {
        assert_eq!(measurement.validate(), Ok(()));
        assert!(measurement.timestamp <= ARRIVAL + Measurement::CLOCK_AHEAD_SECONDS);
        assert!(node.as_ref().is_none_or(|node| *node == measurement.node_id));
        let line = measurement.to_string();
        let again = decode(&payload(line.as_bytes(), node.clone(), true)).measurements;
        let time_source = measurement.time_source;
        let again: Vec<_> = again.into_iter().map(|again| Measurement { time_source, ..again }).collect();
        assert_eq!(again, [measurement], "a printed line reads back as it was");
    }
}

fuzz_target!(|bytes: &[u8]| {
    for whole in [false, true] {
        check(bytes, None, whole);
        check(bytes, NodeId::new("Elektra-Dach").ok(), whole);
    }
});
