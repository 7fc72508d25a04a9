//! Decoding the nodes' JSON.

use isems_core::{
    Decoded, Format, Measurement, NumberField, Payload, Reject, RejectReason, Status, TimeSource, decode,
    testing::{SAMPLE_JSON, SAMPLE_TIME},
};

use super::{ARRIVAL, node_id, only_measurement, payload, reasons};

fn decode_json(text: impl AsRef<[u8]>) -> Decoded {
    let payload = payload(text.as_ref());
    decode(&Payload { format: Format::Json, node: Some(node_id("Hut")), ..payload })
}

#[test]
fn reads_every_field() {
    let expected = Measurement {
        time_source: TimeSource::Arrival,
        time_to_shutdown: Some(3592.0),
        power_save_level: Some(0),
        open_circuit_voltage: Some(13.513),
        mpp_voltage: Some(13.588),
        battery_voltage: Some(12.999),
        battery_charge_estimate: Some(95.0),
        battery_health_estimate: Some(100.0),
        battery_temperature: Some(27.84),
        low_voltage_disconnect_voltage: Some(11.9),
        temperature_corrected_voltage: Some(14.014),
        rated_battery_capacity: Some(50.0),
        rated_solar_module_capacity: Some(50.0),
        latitude: Some(52.47388),
        longitude: Some(13.39051),
        status: Status::from_bits(0x100),
        ..Measurement::new(node_id("Hut"), ARRIVAL, ARRIVAL)
    };
    for text in [SAMPLE_JSON.to_owned(), format!(" \n{SAMPLE_JSON}\r\n"), format!("\u{feff}{SAMPLE_JSON}")] {
        assert_eq!(only_measurement(decode_json(text)), expected);
    }
}

#[test]
fn one_value_is_a_measurement() {
    for field in NumberField::ALL {
        let measurement = only_measurement(decode_json(format!("{{\"{}\":1.5}}", field.name())));
        for other in NumberField::ALL {
            assert_eq!(measurement.number(other), (other == field).then_some(1.5));
        }
    }
    assert_eq!(only_measurement(decode_json(r#"{"isPowerSaveMode":3}"#)).power_save_level, Some(3));
    assert_eq!(only_measurement(decode_json(r#"{"status":"001"}"#)).status, Status::from_bits(1));
}

#[test]
fn values_come_in_many_forms() {
    let cases = [
        ("12.5", Some(12.5)),
        ("\"12.5\"", Some(12.5)),
        ("\" 12.5 \"", Some(12.5)),
        ("12", Some(12.0)),
        ("-12", Some(-12.0)),
        ("1.25e1", Some(12.5)),
        ("-1E-1", Some(-0.1)),
        ("null", None),
        ("\"\"", None),
        ("\"-\"", None),
        ("\"nan\"", None),
        ("nan", None),
        ("-nan", None),
        ("NaN", None),
        ("inf", None),
        ("-inf", None),
        ("Infinity", None),
        (" nan ", None),
    ];
    for (text, voltage) in cases {
        let json = format!(
            "{{\"batteryVoltage\":{text},\"latitude\":{text},\"note\":\"it's \\\" nan, inf\",\"longitude\":1}}"
        );
        let measurement = only_measurement(decode_json(&json));
        assert_eq!(measurement.battery_voltage, voltage, "{json}");
        assert_eq!(measurement.latitude, voltage, "{json}");
        assert_eq!(measurement.longitude, Some(1.0), "{json}");
    }
}

#[test]
fn the_status_is_hex_in_any_form() {
    let cases = [
        (r#""941""#, Some(0x941)),
        (r#""0x941""#, Some(0x941)),
        (r#""ABC""#, Some(0xabc)),
        ("941", Some(0x941)),
        ("100", Some(0x100)),
        ("41", Some(0x041)),
        ("1", Some(0x001)),
        ("0", Some(0)),
        ("null", None),
        (r#""""#, None),
        ("nan", None),
    ];
    for (text, bits) in cases {
        let json = format!("{{\"status\":{text},\"latitude\":1}}");
        assert_eq!(only_measurement(decode_json(&json)).status.map(Status::bits), bits, "{json}");
    }
}

#[test]
fn unknown_names_are_ignored() {
    let json = SAMPLE_JSON.replacen(
        '{',
        r#"{"node":"Barn","time":5,"receivedAt":"never","firmware":[1,{"latitude":99}],"batteryvoltage":"x","x":true,"":null,"#,
        1,
    );
    assert_eq!(only_measurement(decode_json(json)), only_measurement(decode_json(SAMPLE_JSON)));
}

#[test]
fn a_value_that_cannot_be_used_costs_itself_only() {
    let number_invalid = RejectReason::NumberInvalid;
    let out_of_range = RejectReason::NumberOutOfRange;
    let cases = [
        ("batteryVoltage", "\"12,5\"", number_invalid),
        ("batteryVoltage", "\"12.5 V\"", number_invalid),
        ("batteryTemperature", "\"N/A\"", number_invalid),
        ("batteryVoltage", "true", number_invalid),
        ("batteryVoltage", "[12.5]", number_invalid),
        ("batteryVoltage", "{\"value\":12.5}", number_invalid),
        ("batteryVoltage", "1e6", out_of_range),
        ("latitude", "-91", out_of_range),
        ("isPowerSaveMode", "0.5", number_invalid),
        ("isPowerSaveMode", "300", out_of_range),
        ("isPowerSaveMode", "true", number_invalid),
        ("status", "\"94\"", RejectReason::StatusInvalid),
        ("status", "\"0x0941\"", RejectReason::StatusInvalid),
        ("status", "9410", RejectReason::StatusInvalid),
        ("status", "-1", RejectReason::StatusInvalid),
        ("status", "1.5", RejectReason::StatusInvalid),
        ("status", "true", RejectReason::StatusInvalid),
        ("status", "[\"941\"]", RejectReason::StatusInvalid),
        ("status", "{}", RejectReason::StatusInvalid),
    ];
    for (name, value, reason) in cases {
        let json = format!("{{\"longitude\":1,\"{name}\":{value}}}");
        let decoded = decode_json(&json);
        let dropped: Vec<_> =
            decoded.dropped.iter().map(|value| (value.field.name(), value.reason, value.line)).collect();
        assert_eq!(dropped, [(name, reason, 1)], "{json}");
        let expected = Measurement {
            time_source: TimeSource::Arrival,
            longitude: Some(1.0),
            ..Measurement::new(node_id("Hut"), ARRIVAL, ARRIVAL)
        };
        assert_eq!((decoded.measurements, decoded.rejects), (vec![expected], Vec::new()), "{json}");
    }
}

#[test]
fn what_is_no_object_or_has_no_value_is_rejected() {
    let number = |text: &str| format!("{{\"longitude\":1,\"batteryVoltage\":{text}}}");
    let broken = RejectReason::JsonInvalid;
    let empty = RejectReason::Empty;
    let cases = [
        (number("maybe"), broken),
        (number("12.5}"), broken),
        (number(""), broken),
        ("[{\"latitude\":1}".into(), broken),
        ("12.5".into(), broken),
        ("nan".into(), broken),
        ("\"text\"".into(), broken),
        ("null".into(), broken),
        ("{".into(), broken),
        (SAMPLE_JSON[..SAMPLE_JSON.len() - 1].into(), broken),
        (format!("{SAMPLE_JSON}{SAMPLE_JSON}"), broken),
        ("<html>".into(), broken),
        ("{latitude:1}".into(), broken),
        ("{}".into(), empty),
        ("{\"unknown\":1}".into(), empty),
        ("{\"batteryVoltage\":nan,\"status\":\"\"}".into(), empty),
        ("{\"batteryVoltage\":\"abc\",\"latitude\":91}".into(), empty),
    ];
    for (json, reason) in cases {
        let decoded = decode_json(&json);
        assert_eq!(reasons(&decoded), [(reason, None)], "{json}");
        assert_eq!((decoded.measurements, decoded.dropped), (Vec::new(), Vec::new()), "{json}");
        assert_eq!(decoded.rejects[0].line, 1);
        assert_eq!(decoded.rejects[0].text, Reject::text_of(json.as_bytes()));
    }
}

#[test]
fn an_object_can_have_a_time_and_a_node() {
    let at = |time: &str| format!("{{\"nodeId\":\"Hut\",\"timestamp\":{time},\"latitude\":1}}");
    for time in
        ["1530364575", "1530364575.9", "\"1530364575\"", "\"2018-06-30T13:16:15Z\"", "\"2018-06-30T15:16:15.5+02:00\""]
    {
        let measurement = only_measurement(decode_json(at(time)));
        assert_eq!((measurement.timestamp, measurement.time_source), (SAMPLE_TIME, TimeSource::Node), "{time}");
        assert_eq!(measurement.received_at, ARRIVAL, "nobody tells when it arrives here");
    }
    let measurement = only_measurement(decode_json(at("null")));
    assert_eq!((measurement.timestamp, measurement.time_source), (ARRIVAL, TimeSource::Arrival));
    let unset = only_measurement(decode_json(at("123456789")));
    assert_eq!((unset.timestamp, unset.time_source), (ARRIVAL, TimeSource::Arrival), "its clock was not set");
    for (json, reason, field) in [
        (at("\"yesterday\""), RejectReason::TimestampInvalid, "timestamp"),
        (at("true"), RejectReason::TimestampInvalid, "timestamp"),
        (at(&(ARRIVAL + 601).to_string()), RejectReason::ClockAhead, "timestamp"),
        (at("1530364575").replace("Hut", "Barn"), RejectReason::NodeMismatch, "nodeId"),
        (at("1530364575").replace("Hut", ";"), RejectReason::NodeIdInvalid, "nodeId"),
    ] {
        assert_eq!(reasons(&decode_json(&json)), [(reason, Some(field))], "{json}");
    }
    let only_a_time = format!("{{\"timestamp\":{SAMPLE_TIME}}}");
    let expected = Measurement::new(node_id("Hut"), SAMPLE_TIME, ARRIVAL);
    assert_eq!(only_measurement(decode_json(only_a_time)), expected, "it says that the node is there");
}

#[test]
fn arrays_pages_and_lines_are_taken_object_by_object() {
    let good = |minute: i64| format!("{{\"timestamp\":{},\"latitude\":1}}", SAMPLE_TIME - 60 * minute);
    let objects = [good(0), "{\"latitude\":nan,\"status\":\"xyz\",\"longitude\":2}".into(), "[1]".into(), good(1)];
    let texts = [
        ("an array", format!("[{}]", objects.join(",")), [1, 2, 3, 4]),
        ("a page", format!("{{\"next\":null,\"measurements\":[{}]}}", objects.join(",")), [1, 2, 3, 4]),
        ("lines", objects.join("\n"), [1, 2, 3, 4]),
        ("lines with blank ones", format!("\u{feff}\r\n{}\r\n", objects.join("\r\n\r\n")), [1, 3, 5, 7]),
    ];
    for (name, text, numbers) in texts {
        let decoded = decode_json(&text);
        assert_eq!(decoded.lines, [numbers[0], numbers[1], numbers[3]], "{name}");
        assert_eq!(reasons(&decoded), [(RejectReason::JsonInvalid, None)], "{name}");
        assert_eq!((decoded.rejects[0].line, &*decoded.rejects[0].text), (numbers[2], "[1]"), "{name}");
        assert_eq!((decoded.dropped.len(), decoded.dropped[0].line), (1, numbers[1]), "{name}");
        assert_eq!(decoded.undated, [numbers[1]], "{name}");
    }
    assert_eq!(decode_json("[]").received() + decode_json("{\"measurements\":[]}").received(), 0);
    let each_with_nan = format!("{0}\n{0}", r#"{"latitude":NaN,"longitude":2}"#);
    assert_eq!(decode_json(each_with_nan).lines, [1, 2]);
    let pretty = SAMPLE_JSON.replace(',', ",\n");
    assert_eq!(only_measurement(decode_json(pretty)), only_measurement(decode_json(SAMPLE_JSON)));
}

#[test]
fn deeply_nested_values_are_rejected() {
    let json = format!("{{\"x\":{}", "[".repeat(100_000));
    assert_eq!(reasons(&decode_json(json)), [(RejectReason::JsonInvalid, None)]);
}

#[test]
fn bytes_that_are_no_text_are_rejected() {
    let decoded = decode_json(b"{\"latitude\":1,\"x\":\"\xff\"}");
    assert_eq!(reasons(&decoded), [(RejectReason::EncodingInvalid, None)]);
    assert!(decoded.rejects[0].text.len() <= Reject::MAX_TEXT_BYTES);
}

#[test]
fn nothing_is_no_object() {
    for text in ["", "\n", " \r\n ", "\u{feff}"] {
        assert_eq!(decode_json(text), Decoded::default(), "{text:?}");
    }
}

#[test]
fn the_transport_must_name_the_node() {
    let decoded = decode(&Payload { format: Format::Json, ..payload(SAMPLE_JSON.as_bytes()) });
    assert_eq!(reasons(&decoded), [(RejectReason::NodeIdInvalid, Some("nodeId"))]);
}

#[test]
fn an_arrival_that_is_no_date_is_rejected() {
    let arriving = |received_at| {
        let payload = payload(SAMPLE_JSON.as_bytes());
        decode(&Payload { format: Format::Json, node: Some(node_id("Hut")), received_at, ..payload })
    };
    assert_eq!(reasons(&arriving(1000)), [(RejectReason::ClockUnset, Some("timestamp"))]);
    assert_eq!(reasons(&arriving(1 << 40)), [(RejectReason::ClockAhead, Some("timestamp"))]);
}
