//! Decoding csvlog lines.

use isems_core::{
    ClockState, CsvlogDecoder, Decoded, DroppedValue, Field, Measurement, NumberField, Payload, Reject, RejectReason,
    Status, TimeSource, decode,
    testing::{SAMPLE_LINE_18, SAMPLE_LINE_19, SAMPLE_TIME},
};

use super::{ARRIVAL, decode_polled, decode_whole, line_at, line_with, node_id, only_measurement, payload, reasons};

#[test]
fn reads_every_field() {
    let measurement = only_measurement(decode_whole(SAMPLE_LINE_19));
    let expected = Measurement {
        isems_revision: Some("1".into()),
        firmware_version: Some("ATmega8_A_1".into()),
        time_to_shutdown: Some(711.0),
        power_save_level: Some(0),
        open_circuit_voltage: Some(18.614),
        mpp_voltage: Some(18.614),
        battery_voltage: Some(14.073),
        battery_charge_estimate: Some(100.0),
        battery_health_estimate: Some(100.0),
        battery_temperature: Some(28.0),
        low_voltage_disconnect_voltage: Some(11.67),
        temperature_corrected_voltage: Some(14.086),
        rated_battery_capacity: Some(7.0),
        rated_solar_module_capacity: Some(20.0),
        latitude: Some(52.507_309),
        longitude: Some(13.458_635),
        status: Status::from_bits(0x941),
        ..Measurement::new(node_id("Elektra-Dach"), SAMPLE_TIME, ARRIVAL)
    };
    assert_eq!(measurement, expected);
    assert_eq!(measurement.time_source, TimeSource::Node);
}

#[test]
fn the_oldest_nodes_send_no_status() {
    let with = only_measurement(decode_whole(SAMPLE_LINE_19));
    let without = only_measurement(decode_whole(SAMPLE_LINE_18));
    assert_eq!(without, Measurement { status: None, ..with });
}

#[test]
fn prints_the_line_that_it_read() {
    for line in [SAMPLE_LINE_18, SAMPLE_LINE_19, &line_with(7, ""), &line_with(2, ""), &line_with(5, "-1")] {
        assert_eq!(only_measurement(decode_whole(line)).to_string(), line);
    }
}

#[test]
fn lines_end_in_any_way() {
    let (first, second) = (line_at(SAMPLE_TIME), line_at(SAMPLE_TIME + 1));
    let payloads = [
        format!("{first}\n{second}\n"),
        format!("{first}\n{second}"),
        format!("{first}\r\n{second}\r\n"),
        format!("{first}\r\n{second}\r"),
        format!("\n\n{first}\n \t\n\r\n{second}\n\n\n"),
        format!("\u{feff}{first}\n{second}\n"),
        format!("\u{feff}\r\n{first}\n{second}\n"),
        format!("\u{feff}{first}\n\u{feff}{second}\n\u{feff}\n"),
    ];
    for text in payloads {
        for decoded in [decode_whole(&text), decode_polled(&text)] {
            let times: Vec<_> = decoded.measurements.iter().map(|measurement| measurement.timestamp).collect();
            assert_eq!(times, [SAMPLE_TIME, SAMPLE_TIME + 1], "{text:?}");
            assert_eq!(decoded.received(), 2, "{text:?}");
            assert_eq!(decoded.incomplete_bytes, 0, "{text:?}");
        }
    }
}

#[test]
fn nothing_is_no_line() {
    for text in ["", "\n", "\r\n\r\n", "\u{feff}", "\u{feff}\n", "  \n\t\n"] {
        assert_eq!(decode_whole(text), Decoded::default(), "{text:?}");
        assert_eq!(decode_polled(text), Decoded::default(), "{text:?}");
    }
}

#[test]
fn a_line_half_written_is_left_for_the_next_time() {
    let next = line_at(SAMPLE_TIME + 1);
    for cut in 1..next.len() {
        let log = format!("{SAMPLE_LINE_19}\n{}", &next[..cut]);
        let decoded = decode_polled(&log);
        assert_eq!(decoded.measurements.len(), 1, "{log}");
        assert_eq!(decoded.received(), 1, "{log}");
        assert_eq!(decoded.incomplete_bytes, cut, "{log}");
    }
}

#[test]
fn a_line_without_its_end_is_whole_with_19_fields_and_three_status_digits() {
    let cases = [
        (SAMPLE_LINE_19.to_owned(), true),
        (line_with(19, "0x941"), true),
        (line_with(19, "94"), false),
        (line_with(19, "9"), false),
        (line_with(19, "0x94"), false),
        (line_with(19, ""), false),
        (line_with(19, "0x"), false),
        (SAMPLE_LINE_18.to_owned(), false),
        (format!("{SAMPLE_LINE_19};"), false),
        ("  ".to_owned(), false),
    ];
    for (line, is_whole) in cases {
        let decoded = decode_polled(&line);
        assert_eq!(decoded.measurements.len(), usize::from(is_whole), "{line:?}");
        assert_eq!(decoded.incomplete_bytes, if is_whole { 0 } else { line.len() }, "{line:?}");
        assert_eq!(decoded.rejects, [], "{line:?}");
    }
}

#[test]
fn a_line_half_written_is_read_once_it_is_written() {
    let log = format!("{SAMPLE_LINE_18}\n{}\n", line_at(SAMPLE_TIME + 1));
    let all = decode_polled(&log);
    for cut in 0..log.len() {
        let before = decode_polled(&log[..cut]);
        let after = decode_polled(&log[cut - before.incomplete_bytes..]);
        let times: Vec<_> = before.measurements.iter().chain(&after.measurements).map(|m| m.timestamp).collect();
        assert_eq!(times, [SAMPLE_TIME, SAMPLE_TIME + 1], "cut at {cut}");
        assert_eq!((&before.rejects, &after.rejects), (&all.rejects, &all.rejects), "cut at {cut}");
    }
}

#[test]
fn a_bad_line_harms_no_neighbour() {
    let first = line_at(SAMPLE_TIME - 60);
    let bad: [&[u8]; 5] = [b"rubbish", b"H\xfcgel;1;1530364575", b"\xff\xfe\x00", b";;;;;;;;;;;;;;;;;;", b"\0"];
    for line in bad {
        let log = [first.as_bytes(), line, SAMPLE_LINE_19.as_bytes()].join(&b'\n');
        let decoded = decode_polled(&log);
        assert_eq!(decoded.measurements.len(), 2, "{}", log.escape_ascii());
        assert_eq!(decoded.received(), 3);
        let [reject] = &*decoded.rejects else { panic!("there is one reject: {:?}", decoded.rejects) };
        assert_eq!(reject.line, 2);
        assert_eq!(reject.text, String::from_utf8_lossy(line));
    }
}

#[test]
fn without_node_or_time_a_line_is_worthless() {
    let long = "x".repeat(129);
    let far = (ARRIVAL + 601).to_string();
    let cases: &[(usize, &str, RejectReason, &str)] = &[
        (1, "", RejectReason::NodeIdInvalid, "nodeId"),
        (1, "  ", RejectReason::NodeIdInvalid, "nodeId"),
        (1, "a\tb", RejectReason::NodeIdInvalid, "nodeId"),
        (1, "a\u{feff}b", RejectReason::NodeIdInvalid, "nodeId"),
        (1, &long, RejectReason::NodeIdInvalid, "nodeId"),
        (3, "", RejectReason::TimestampInvalid, "timestamp"),
        (3, "-", RejectReason::TimestampInvalid, "timestamp"),
        (3, "nan", RejectReason::TimestampInvalid, "timestamp"),
        (3, "inf", RejectReason::TimestampInvalid, "timestamp"),
        (3, "2018-06-30", RejectReason::TimestampInvalid, "timestamp"),
        (3, &far, RejectReason::ClockAhead, "timestamp"),
        (3, "9223372036854775807", RejectReason::ClockAhead, "timestamp"),
        (3, "99999999999999999999", RejectReason::ClockAhead, "timestamp"),
    ];
    for (place, value, reason, field) in cases {
        let decoded = decode_whole(line_with(*place, value));
        assert_eq!(reasons(&decoded), [(*reason, Some(*field))], "field {place} is {value:?}");
        assert_eq!((decoded.measurements, decoded.dropped), (Vec::new(), Vec::new()));
    }
}

#[test]
fn a_value_that_cannot_be_used_costs_itself_only() {
    let long = "x".repeat(129);
    let cases: &[(usize, &str, RejectReason, &str)] = &[
        (2, &long, RejectReason::TextInvalid, "isemsRevision"),
        (4, &long, RejectReason::TextInvalid, "openMPPTFirmwareVersion"),
        (4, "a\u{7}b", RejectReason::TextInvalid, "openMPPTFirmwareVersion"),
        (5, "1,5", RejectReason::NumberInvalid, "timeToShutdown"),
        (5, "1e9", RejectReason::NumberOutOfRange, "timeToShutdown"),
        (6, "x", RejectReason::NumberInvalid, "isPowerSaveMode"),
        (6, "0.5", RejectReason::NumberInvalid, "isPowerSaveMode"),
        (6, "-1", RejectReason::NumberOutOfRange, "isPowerSaveMode"),
        (6, "256", RejectReason::NumberOutOfRange, "isPowerSaveMode"),
        (7, "18.6V", RejectReason::NumberInvalid, "openCircuitVoltage"),
        (7, "1000.1", RejectReason::NumberOutOfRange, "openCircuitVoltage"),
        (8, "18.6 18.6", RejectReason::NumberInvalid, "mppVoltage"),
        (9, "0x10", RejectReason::NumberInvalid, "batteryVoltage"),
        (9, "1e999", RejectReason::NumberOutOfRange, "batteryVoltage"),
        (10, "100%", RejectReason::NumberInvalid, "batteryChargeEstimate"),
        (11, "--", RejectReason::NumberInvalid, "batteryHealthEstimate"),
        (12, "-273.16", RejectReason::NumberOutOfRange, "batteryTemperature"),
        (13, "null", RejectReason::NumberInvalid, "lowVoltageDisconnectVoltage"),
        (14, "1_000", RejectReason::NumberInvalid, "temperatureCorrectedVoltage"),
        (15, "-1", RejectReason::NumberOutOfRange, "rateBatteryCapacity"),
        (16, "1000001", RejectReason::NumberOutOfRange, "ratedSolarModuleCapacity"),
        (17, "90.000001", RejectReason::NumberOutOfRange, "latitude"),
        (18, "-180.1", RejectReason::NumberOutOfRange, "longitude"),
        (19, "94", RejectReason::StatusInvalid, "status"),
        (19, "9", RejectReason::StatusInvalid, "status"),
        (19, "0941", RejectReason::StatusInvalid, "status"),
        (19, "0x0941", RejectReason::StatusInvalid, "status"),
        (19, "x941", RejectReason::StatusInvalid, "status"),
        (19, "94g", RejectReason::StatusInvalid, "status"),
        (19, "+94", RejectReason::StatusInvalid, "status"),
        (19, "0x+94", RejectReason::StatusInvalid, "status"),
        (10, "5000", RejectReason::NumberOutOfRange, "batteryChargeEstimate"),
        (12, "1e9", RejectReason::NumberOutOfRange, "batteryTemperature"),
        (12, "N/A", RejectReason::NumberInvalid, "batteryTemperature"),
        (17, "91", RejectReason::NumberOutOfRange, "latitude"),
        (17, "N/A", RejectReason::NumberInvalid, "latitude"),
        (5, "abc", RejectReason::NumberInvalid, "timeToShutdown"),
        (19, "xyz", RejectReason::StatusInvalid, "status"),
    ];
    let whole = serde_json::to_value(only_measurement(decode_whole(SAMPLE_LINE_19))).expect("it can be written");
    for (place, value, reason, field) in cases {
        let decoded = decode_whole(format!("{SAMPLE_LINE_19}\n{}", line_with(*place, value)));
        let field = Field::from_name(field).expect("it is one");
        let text = (*value).to_owned();
        let expected = DroppedValue { reason: *reason, field, line: 2, text };
        assert_eq!(decoded.dropped, [expected], "field {place} is {value:?}");
        assert_eq!(decoded.rejects, []);
        let mut rest = whole.clone();
        rest[field.name()] = serde_json::Value::Null;
        let measurement = serde_json::to_value(&decoded.measurements[1]).expect("it can be written");
        assert_eq!(measurement, rest, "field {place} is {value:?}");
    }
}

#[test]
fn a_line_without_any_value_that_can_be_used_still_says_that_the_node_is_there() {
    let decoded = decode_whole(format!("Hut;x\ty;{SAMPLE_TIME}{}", ";x".repeat(16).replacen(";x", ";a\u{7}", 1)));
    let [measurement] = &*decoded.measurements else { panic!("there is one measurement: {decoded:?}") };
    assert_eq!(*measurement, Measurement::new(node_id("Hut"), SAMPLE_TIME, ARRIVAL));
    assert_eq!((decoded.dropped.len(), decoded.dropped[0].text.as_str()), (17, "x\ty"));
}

#[test]
fn a_missing_value_leaves_the_rest_of_its_line() {
    let words =
        ["", "-", "nan", "-nan", "NaN", "inf", "-inf", "INF", "infinity", "-Infinity", " ", " nan ", "+", "+inf"];
    for word in words {
        let numbers = (5..=18).filter(|place| *place != 6).zip(NumberField::ALL);
        for (place, missing) in numbers {
            let measurement = only_measurement(decode_whole(line_with(place, word)));
            for field in NumberField::ALL {
                assert_eq!(measurement.number(field).is_none(), field == missing, "field {place} is {word:?}");
            }
        }
        assert_eq!(only_measurement(decode_whole(line_with(6, word))).power_save_level, None, "{word:?}");
        assert_eq!(only_measurement(decode_whole(line_with(19, word))).status, None, "{word:?}");
    }
    for word in ["", "-"] {
        assert_eq!(only_measurement(decode_whole(line_with(2, word))).isems_revision, None);
        assert_eq!(only_measurement(decode_whole(line_with(4, word))).firmware_version, None);
    }
}

#[test]
fn numbers_are_printed_in_many_ways() {
    let cases = [
        ("28", 28.0),
        ("28.5", 28.5),
        ("-3.25", -3.25),
        ("+3", 3.0),
        (" 28 ", 28.0),
        ("028", 28.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e2", 100.0),
        ("-0", 0.0),
        ("1000", 1000.0),
        ("-273.15", -273.15),
    ];
    for (text, number) in cases {
        let measurement = only_measurement(decode_whole(line_with(12, text)));
        assert_eq!(measurement.battery_temperature, Some(number), "{text:?}");
    }
}

#[test]
fn the_status_is_three_hex_digits() {
    let cases = [
        ("941", 0x941),
        ("0x941", 0x941),
        ("0X941", 0x941),
        ("abc", 0xabc),
        ("ABC", 0xabc),
        ("0xAbC", 0xabc),
        ("000", 0),
        ("fff", 0xfff),
        (" 300 ", 0x300),
    ];
    for (text, bits) in cases {
        let measurement = only_measurement(decode_whole(line_with(19, text)));
        assert_eq!(measurement.status.map(Status::bits), Some(bits), "{text:?}");
    }
}

#[test]
fn other_numbers_of_fields_are_no_line() {
    let fields: Vec<_> = SAMPLE_LINE_19.split(';').collect();
    for count in (1..18).chain(20..40) {
        let line = fields.iter().cycle().take(count).copied().collect::<Vec<_>>().join(";");
        assert_eq!(reasons(&decode_whole(&line)), [(RejectReason::FieldCount, None)], "{count} fields");
    }
}

#[test]
fn an_error_page_is_rejected_line_by_line() {
    let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body>&nbsp;</body>\n</html>\n";
    let decoded = decode_polled(format!("{page}{SAMPLE_LINE_19}\n"));
    assert_eq!(decoded.measurements.len(), 1);
    assert_eq!(reasons(&decoded), [(RejectReason::FieldCount, None); 4]);
}

#[test]
fn long_lines_are_kept_in_part() {
    let long = "ä".repeat(500_000);
    let decoded = decode_whole(format!("{SAMPLE_LINE_19}\n{long}\n{SAMPLE_LINE_18}"));
    assert_eq!(decoded.measurements.len(), 2);
    assert_eq!(decoded.rejects[0].text, "ä".repeat(Reject::MAX_TEXT_BYTES / 2));
}

#[test]
fn a_placeholder_is_no_measurement() {
    let zeros = |count: usize| vec!["0"; count].join(";");
    let placeholders = [
        format!("Hut;1;0;{}", zeros(16)),
        format!("Hut;1;0;{}", zeros(15)),
        format!("Hut;0;0;{}", zeros(16)),
        format!("Hut;1;0;{};000", zeros(15)),
        format!("Hut;1;0;{};0x000", zeros(15)),
        format!("Hut;1;0;0.0;{}", zeros(15)),
    ];
    for line in placeholders {
        let decoded = decode_whole(&line);
        assert_eq!(reasons(&decoded), [(RejectReason::Placeholder, None)], "{line}");
        let decoded = decode_whole(format!("{}\n{line}\n", line_at(SAMPLE_TIME)));
        assert_eq!(decoded.measurements.len(), 1, "{line}");
        assert_eq!(decoded.measurements[0].time_source, TimeSource::Node, "{line}");
    }
    let measured = line_with(3, "0");
    assert_eq!(decode_whole(measured).measurements.len(), 1, "an unset clock alone makes no placeholder");
}

#[test]
fn an_unset_clock_is_dated_by_arrival() {
    let unset = Measurement::CLOCK_UNSET_BEFORE - 1;
    for timestamp in [0, 1, -5, 123_456_789, unset] {
        let measurement = only_measurement(decode_whole(line_at(timestamp)));
        assert_eq!(measurement.timestamp, ARRIVAL, "{timestamp}");
        assert_eq!(measurement.time_source, TimeSource::Arrival, "{timestamp}");
        assert_eq!(measurement.battery_voltage, Some(14.073), "{timestamp}");
    }
    let measurement = only_measurement(decode_whole(line_at(Measurement::CLOCK_UNSET_BEFORE)));
    assert_eq!(measurement.timestamp, Measurement::CLOCK_UNSET_BEFORE);
    assert_eq!(measurement.time_source, TimeSource::Node);
}

#[test]
fn of_unset_clocks_only_the_newest_line_can_be_dated() {
    use Outcome::{Dated, Itself, Unset};
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Outcome {
        /// Stored at the time of its arrival.
        Dated,
        /// Stored at its own time.
        Itself,
        /// Rejected.
        Unset,
    }
    let genuine = |minute: i64| SAMPLE_TIME - 3600 + 60 * minute;
    let cases: [(&str, Vec<(i64, Outcome)>); 6] = [
        ("unset all along", vec![(60, Unset), (75, Unset), (90, Dated)]),
        ("set while running", vec![(60, Unset), (75, Unset), (genuine(0), Itself), (genuine(1), Itself)]),
        ("lost at a reboot", vec![(genuine(0), Itself), (60, Unset), (75, Dated)]),
        ("back again", vec![(genuine(0), Itself), (60, Unset), (genuine(1), Itself)]),
        ("several times", vec![(60, Unset), (genuine(0), Itself), (60, Unset), (genuine(1), Itself), (60, Dated)]),
        ("one", vec![(123_456_789, Dated)]),
    ];
    for (name, lines) in cases {
        let log: String = lines.iter().map(|(time, _)| line_at(*time) + "\n").collect();
        let decoded = decode_whole(&log);
        assert_eq!(decoded.received(), lines.len() as u64, "{name}");
        let stored: Vec<_> = decoded.measurements.iter().map(|m| (m.timestamp, m.time_source)).collect();
        let expected: Vec<_> = lines
            .iter()
            .filter_map(|(time, outcome)| match outcome {
                Dated => Some((ARRIVAL, TimeSource::Arrival)),
                Itself => Some((*time, TimeSource::Node)),
                Unset => None,
            })
            .collect();
        assert_eq!(stored, expected, "{name}");
        let rejected: Vec<_> = decoded.rejects.iter().map(|reject| reject.line).collect();
        let expected: Vec<_> =
            (1..).zip(&lines).filter(|(_, (_, outcome))| *outcome == Unset).map(|(line, _)| line).collect();
        assert_eq!(rejected, expected, "{name}");
        assert!(reasons(&decoded).iter().all(|reason| *reason == (RejectReason::ClockUnset, Some("timestamp"))));
    }
}

#[test]
fn rejects_stay_in_the_order_of_their_lines() {
    let log = format!("{}\nrubbish\n{}\nmore rubbish\n{}\n", line_at(60), line_at(75), line_at(90));
    let decoded = decode_whole(log);
    assert_eq!(decoded.measurements.len(), 1);
    let lines: Vec<_> = decoded.rejects.iter().map(|reject| (reject.line, reject.reason.code())).collect();
    assert_eq!(lines, [(1, "clock_unset"), (2, "field_count"), (3, "clock_unset"), (4, "field_count")]);
}

#[test]
fn an_unset_clock_at_both_ends_is_rejected() {
    let text = line_at(60);
    let decoded = decode(&Payload { received_at: 1000, ..payload(text.as_bytes()) });
    assert_eq!(reasons(&decoded), [(RejectReason::ClockUnset, Some("timestamp"))]);
    assert_eq!(decoded.measurements, []);
}

#[test]
fn a_clock_may_run_ahead_by_ten_minutes() {
    let measurement = only_measurement(decode_whole(line_at(ARRIVAL + 600)));
    assert_eq!(measurement.timestamp, ARRIVAL + 600);
    let decoded = decode_whole(format!("{}\n{SAMPLE_LINE_19}\n", line_at(ARRIVAL + 601)));
    assert_eq!(reasons(&decoded), [(RejectReason::ClockAhead, Some("timestamp"))]);
    assert_eq!(decoded.measurements.len(), 1, "the line after it is stored");
}

#[test]
fn a_fraction_of_a_second_is_cut_off() {
    for text in ["1530364575.0", "1530364575.999", " 1530364575 ", "1530364575.25"] {
        assert_eq!(only_measurement(decode_whole(line_with(3, text))).timestamp, SAMPLE_TIME, "{text}");
    }
}

#[test]
fn the_transports_word_goes_before_the_lines() {
    let log = format!("{SAMPLE_LINE_19}\n{}\n{}\n", line_with(1, "Hut"), line_with(1, "elektra-dach"));
    let named = |name| decode(&Payload { node: Some(node_id(name)), ..payload(log.as_bytes()) });
    let mismatch = (RejectReason::NodeMismatch, Some("nodeId"));

    let decoded = named("Elektra-Dach");
    assert_eq!(decoded.measurements.len(), 1);
    assert_eq!(reasons(&decoded), [mismatch; 2]);
    let decoded = named("Barn");
    assert_eq!(decoded.measurements, []);
    assert_eq!(reasons(&decoded), [mismatch; 3]);
    assert_eq!(decode_whole(&log).measurements.len(), 3, "without the transport's word the line's counts");
}

#[test]
fn node_ids_are_free_text() {
    let longest = "x".repeat(128);
    for name in ["Größe 1.2", " Hut ", "a/b", "#", "日本", "\u{a0}x", &longest] {
        let measurement = only_measurement(decode_whole(line_with(1, name)));
        assert_eq!(measurement.node_id.as_str(), name);
        let line = line_with(1, name);
        let named = Payload { node: Some(node_id(name)), ..payload(line.as_bytes()) };
        assert_eq!(only_measurement(decode(&named)), measurement);
    }
}

#[test]
fn a_stream_of_lines_gives_what_the_payload_gives() {
    let lines = [
        "\u{feff}".to_owned() + SAMPLE_LINE_19,
        String::new(),
        " \r".into(),
        line_at(SAMPLE_TIME + 15) + "\r",
        SAMPLE_LINE_18.into(),
        "rubbish".into(),
        line_with(9, "garbage"),
        line_with(1, "Hut"),
        line_at(SAMPLE_TIME + 86_400),
        SAMPLE_LINE_19.into(),
    ];
    let mut decoder = CsvlogDecoder::new(ARRIVAL, ClockState::Plausible);
    let mut streamed = Decoded::default();
    for (number, line) in (1..).zip(&lines) {
        match decoder.decode(number, line.as_bytes(), true, &mut streamed.dropped) {
            None => {}
            Some(Ok(measurement)) => {
                streamed.measurements.push(measurement);
                streamed.lines.push(number);
            }
            Some(Err(reject)) => streamed.rejects.push(reject),
        }
    }
    assert_eq!(streamed, decode_whole(lines.join("\n")));
    assert_eq!((streamed.measurements.len(), streamed.rejects.len(), streamed.dropped.len()), (6, 2, 1));
}

#[test]
fn in_a_stream_nothing_dates_a_clock_that_is_not_set_and_no_broken_line_is_taken() {
    let decode = |line: &str, is_ended| {
        let decoded = CsvlogDecoder::new(ARRIVAL, ClockState::Plausible)
            .decode(1, line.as_bytes(), is_ended, &mut Vec::new())
            .expect("it is not blank");
        decoded.map_err(|reject| reject.reason)
    };
    assert_eq!(decode(&line_at(123_456_789), true), Err(RejectReason::ClockUnset));
    assert!(decode(SAMPLE_LINE_19, false).is_ok());
    assert!(decode(SAMPLE_LINE_18, true).is_ok());
    assert_eq!(decode(SAMPLE_LINE_18, false), Err(RejectReason::FieldCount), "its last number can be cut");
}
