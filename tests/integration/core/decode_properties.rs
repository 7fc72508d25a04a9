//! Properties that hold for any input.

use std::sync::Arc;

use isems_core::{
    Decoded, Format, Inbox, Limits, Measurement, NodeId, NumberField, Payload, RedbRepository, Reject, Repository,
    Status, decode, testing::SAMPLE_LINE_19,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{ARRIVAL, node_id};

/// Bytes that look a bit like lines or objects, so that the tests get past the first check.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let word = select(
        &[
            ";",
            "\n",
            "\r\n",
            "\r",
            "1530364575",
            "0",
            "Hut",
            "nan",
            "-",
            "0x",
            "941",
            "1e5",
            "-1",
            ".",
            "ä",
            "\u{feff}",
            "{",
            "}",
            "\"",
            ":",
            ",",
            "latitude",
            "\"status\":",
            "\"batteryVoltage\":",
            "\\",
            "null",
            "[",
            "\0",
            SAMPLE_LINE_19,
        ][..],
    )
    .prop_map(|word| word.as_bytes().to_vec());
    let piece = prop_oneof![4 => word, 1 => vec(any::<u8>(), 0..4)];
    let pieces = vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    prop_oneof![3 => damaged_log(), 3 => pieces, 1 => vec(any::<u8>(), 0..300)]
}

/// A log with some bytes replaced.
fn damaged_log() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(&b";\n\r.-0123456789xna "[..]), any::<u8>()];
    (1..5_usize, vec((any::<prop::sample::Index>(), byte), 0..6)).prop_map(|(lines, damage)| {
        let mut log = format!("{SAMPLE_LINE_19}\n").repeat(lines).into_bytes();
        for (place, byte) in damage {
            let place = place.index(log.len());
            log[place] = byte;
        }
        log
    })
}

fn any_payload(bytes: &[u8], format: Format, node: Option<NodeId>, received_at: i64, whole: bool) -> Payload<'_> {
    Payload { format, node, source: "a test", received_at, whole, bytes }
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(ARRIVAL), 1 => any::<i64>(), 1 => select(&[0, i64::MIN, i64::MAX, 1 << 32][..])]
}

/// Measurements as produced by decoding.
fn measurement() -> impl Strategy<Value = Measurement> {
    let name = "[^;\\p{Cc}\u{feff}]{1,32}".prop_filter_map("not a node id", |name| NodeId::new(&name).ok());
    let text = || option::of("[^;\\p{Cc}]{1,32}".prop_filter("stands for a missing text", |text| text != "-"));
    let time = Measurement::CLOCK_UNSET_BEFORE..=ARRIVAL + Measurement::CLOCK_AHEAD_SECONDS;
    let numbers = NumberField::ALL.map(|field| option::weighted(0.8, field.range().clone()));
    let status = option::of((0..=0xfff_u16).prop_map(|bits| Status::from_bits(bits).expect("it has twelve bits")));
    (name, time, text(), text(), numbers, option::of(any::<u8>()), status).prop_map(
        |(node, time, revision, firmware, numbers, level, status)| {
            let mut measurement = Measurement::new(node, time, ARRIVAL);
            measurement.isems_revision = revision.map(Into::into);
            measurement.firmware_version = firmware.map(Into::into);
            measurement.power_save_level = level;
            measurement.status = status;
            for (field, number) in NumberField::ALL.into_iter().zip(numbers) {
                *measurement.number_mut(field) = number;
            }
            measurement
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_decoded_is_valid_and_counted(
        bytes in anything(),
        is_csvlog in any::<bool>(),
        is_named in any::<bool>(),
        received_at in any_time(),
        whole in any::<bool>(),
    ) {
        let format = if is_csvlog { Format::Csvlog } else { Format::Json };
        let node = is_named.then(|| node_id("Elektra-Dach"));
        let decoded = decode(&any_payload(&bytes, format, node, received_at, whole));

        prop_assert!(decoded.incomplete_bytes <= bytes.len());
        prop_assert!(!whole || decoded.incomplete_bytes == 0);
        if is_csvlog {
            let complete = &bytes[..bytes.len() - decoded.incomplete_bytes];
            let lines = complete.split(|byte| *byte == b'\n');
            let lines = lines.map(|line| line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line));
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            prop_assert_eq!(decoded.received(), lines.count() as u64);
        } else {
            prop_assert!(decoded.received() <= bytes.len() as u64);
        }
        for measurement in &decoded.measurements {
            prop_assert_eq!(measurement.validate(), Ok(()));
            prop_assert_eq!(measurement.received_at, received_at);
            prop_assert!(measurement.timestamp <= received_at.saturating_add(Measurement::CLOCK_AHEAD_SECONDS));
            prop_assert!((Measurement::CLOCK_UNSET_BEFORE..=i64::from(u32::MAX)).contains(&measurement.timestamp));
            for field in NumberField::ALL {
                prop_assert!(measurement.number(field).is_none_or(|number| field.range().contains(&number)));
            }
        }
        for reject in &decoded.rejects {
            prop_assert!(reject.line > 0 && reject.text.len() <= Reject::MAX_TEXT_BYTES);
        }
        prop_assert!(decoded.rejects.is_sorted_by_key(|reject| reject.line));
        for value in &decoded.dropped {
            prop_assert!(decoded.lines.contains(&value.line) && value.text.len() <= Reject::MAX_TEXT_BYTES);
        }
        prop_assert!(decoded.dropped.is_sorted_by_key(|value| value.line));
    }

    #[test]
    fn what_is_decoded_again_is_the_same(bytes in anything()) {
        let decode = |bytes: &[u8]| decode(&any_payload(bytes, Format::Csvlog, None, ARRIVAL, true));
        for measurement in decode(&bytes).measurements {
            let again = decode(measurement.to_string().as_bytes());
            let time_source = measurement.time_source;
            let again: Vec<_> = again.measurements.into_iter().map(|m| Measurement { time_source, ..m }).collect();
            prop_assert_eq!(again, [measurement]);
        }
    }

    #[test]
    fn a_printed_line_reads_back_as_it_was(measurement in measurement()) {
        prop_assert_eq!(measurement.validate(), Ok(()));
        for line in [format!("{measurement}\n"), measurement.to_string()] {
            let decoded = decode(&any_payload(line.as_bytes(), Format::Csvlog, None, ARRIVAL, true));
            let expected = Decoded { measurements: vec![measurement.clone()], lines: vec![1], ..Decoded::default() };
            prop_assert_eq!(decoded, expected);
        }
    }

    #[test]
    fn serialized_measurements_read_back_as_they_were(measurement in measurement()) {
        let json = serde_json::to_string(&measurement).expect("it is serializable");
        prop_assert_eq!(serde_json::from_str::<Measurement>(&json).expect("it is readable"), measurement);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_and_whatever_the_clock_receipts_add_up(
        deliveries in vec((anything(), any::<bool>(), any_time(), any::<bool>()), 1..8),
        allowance in 1..20_u32,
    ) {
        let limits = Limits { lines_at_once: allowance, nodes: 2, new_nodes_at_once: allowance, ..Limits::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let repository = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
            let inbox = Inbox::new("test", repository.clone()).limits(limits);
            let mut stored = 0;
            for (bytes, is_csvlog, received_at, whole) in deliveries {
                let (format, node) = if is_csvlog { (Format::Csvlog, None) } else { (Format::Json, Some(node_id("Hut"))) };
                let payload = any_payload(&bytes, format, node, received_at, whole);
                let decoded = decode(&payload).received();
                let receipt = inbox.deliver(payload).await.expect("it is stored");
                prop_assert_eq!(receipt.received, decoded);
                prop_assert_eq!(receipt.stored + receipt.duplicates + receipt.rejected.total(), receipt.received);
                stored += receipt.stored;
            }
            let nodes = repository.nodes().await.expect("it can be read");
            prop_assert_eq!(nodes.iter().map(|node| node.measurements).sum::<u64>(), stored);
            prop_assert!(nodes.len() <= 2);
            Ok(())
        })?;
    }
}
