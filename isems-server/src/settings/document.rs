//! Settings in serialized form: the tables of the file, overlaid with environment and flags.

use std::{fmt, ops::Range};

use isems_transport_mqtt::MqttConfig;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::{Chosen, Settings, flag::Flag};

/// The key of the table of brokers' common settings.
const MQTT: &str = "mqtt";

/// The key of the table of the bridge to Home Assistant.
const HOME_ASSISTANT: &str = "homeassistant";

/// Settings in serialized form.
#[derive(Default)]
pub(super) struct Document<'a> {
    table: DeTable<'a>,
}

/// A fault in a document. The message shows no value of the wrong type, which can be a secret.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    /// The position in the file; empty if the value comes from elsewhere.
    pub(super) span: Range<usize>,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self { message: plain(error.message()), span: error.span().unwrap_or_default() }
    }
}

impl Fault {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span }
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(table: DeTable<'a>) -> Self {
        Self { table }
    }

    /// Sets the value at a path of keys, joined by dots.
    pub(super) fn set(&mut self, path: &str, value: DeValue<'a>) {
        set(&mut self.table, path, value);
    }

    /// Deserializes the settings.
    pub(super) fn settings(&self) -> Result<Settings, Fault> {
        self.check_moved()?;
        let mut table = self.table.clone();
        if let Some(mqtt) = as_table_mut(table.get_mut(MQTT)) {
            mqtt.remove("brokers");
        }
        let brokers = self.brokers()?.into_iter().map(|(broker, _)| broker).collect();
        Ok(Settings { brokers, ..read(table)? })
    }

    /// Checks settings that can only be judged together.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (broker, span) in self.brokers()? {
            broker.check().map_err(|error| Fault::new(format!("broker {:?}: {error}", broker.name), span))?;
        }
        let Settings { homeassistant, brokers, .. } = self.settings()?;
        let span = self.table.get(HOME_ASSISTANT).map(Spanned::span).unwrap_or_default();
        homeassistant.connection(&brokers).map_err(|error| Fault::new(error.to_string(), span))?;
        Ok(())
    }

    /// Returns the brokers, each with its position: their own settings override the common ones.
    fn brokers(&self) -> Result<Vec<(MqttConfig, Range<usize>)>, Fault> {
        let Some(DeValue::Table(common)) = self.table.get(MQTT).map(Spanned::get_ref) else { return Ok(Vec::new()) };
        if let Some(several) = common.get("broker").filter(|broker| broker.get_ref().is_array()) {
            return Err(Fault::new("expected one broker; list several under `brokers`", several.span()));
        }
        let mut common = common.clone();
        let Some(entries) = common.remove("brokers") else {
            let Some(broker) = common.get("broker").map(Spanned::span) else { return Ok(Vec::new()) };
            return Ok(vec![(read(common)?, broker)]);
        };
        let DeValue::Array(entries) = entries.get_ref() else {
            return Err(Fault::new("expected a list of addresses or tables", entries.span()));
        };
        let mut brokers: Vec<(MqttConfig, Range<usize>)> = Vec::new();
        for (number, entry) in (1..).zip(entries) {
            let mut table = common.clone();
            if number > 1 {
                let name = format!("{}-{number}", MqttConfig::default().name);
                table.entry(unplaced("name".into())).or_insert(unplaced(DeValue::String(name.into())));
            }
            let broker: MqttConfig = match entry.get_ref() {
                DeValue::String(address) => read::<MqttConfig>(table)?
                    .at(address.trim())
                    .map_err(|error| Fault::new(error.to_string(), entry.span()))?,
                DeValue::Table(own) if own.contains_key("broker") => {
                    table.extend(own.clone());
                    read(table)?
                }
                DeValue::Table(_) => return Err(Fault::new("the key `broker`, its address, is missing", entry.span())),
                _ => return Err(Fault::new("expected an address or a table", entry.span())),
            };
            if brokers.iter().any(|(other, _)| other.name == broker.name) {
                let message = format!("two brokers are named {:?}; rename one of them", broker.name);
                return Err(Fault::new(message, entry.span()));
            }
            brokers.push((broker, entry.span()));
        }
        Ok(brokers)
    }

    /// Returns every value by the path of its keys, joined by dots.
    pub(super) fn chosen(&self) -> Chosen {
        let mut chosen = Chosen::default();
        flatten(&self.table, "", &mut chosen);
        chosen
    }

    /// Says where a key belongs that was named like its flag.
    fn check_moved(&self) -> Result<(), Fault> {
        for (key, value) in &self.table {
            if value.get_ref().is_table() {
                continue;
            }
            let flag = Flag::of("serve").find(|flag| flag.flat_key() == **key.get_ref());
            if let Some((table, name)) = flag.and_then(|flag| flag.path.rsplit_once('.')) {
                let message = format!("this setting is called `{name}` in the table [{table}]");
                return Err(Fault::new(message, key.span()));
            }
        }
        Ok(())
    }
}

fn flatten(table: &DeTable<'_>, prefix: &str, chosen: &mut Chosen) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(inner, &format!("{path}."), chosen),
            value => chosen.insert(path, text(value)),
        }
    }
}

/// Formats a value so that others have another text.
fn text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is_set) => is_set.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value.get_ref())).collect();
            format!("[{}]", values.join(", "))
        }
        DeValue::Table(table) => {
            let entries: Vec<String> =
                table.iter().map(|(key, value)| format!("{:?} = {}", key.get_ref(), text(value.get_ref()))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn read<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, Fault> {
    Ok(T::deserialize(Deserializer::from(unplaced(table)))?)
}

fn set<'a>(table: &mut DeTable<'a>, path: &str, value: DeValue<'a>) {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(unplaced(path.to_owned().into()), unplaced(value));
        return;
    };
    let inner = table.entry(unplaced(first.to_owned().into()));
    let inner = inner.or_insert_with(|| unplaced(DeValue::Table(DeTable::default())));
    if let DeValue::Table(inner) = inner.get_mut() {
        set(inner, rest, value);
    }
}

fn as_table_mut<'t, 'a>(value: Option<&'t mut Spanned<DeValue<'a>>>) -> Option<&'t mut DeTable<'a>> {
    match value?.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Wraps a value that is not from the file, with an empty position.
fn unplaced<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

/// Rewords an error from serde for people. A value of the wrong type is left out, because it can be a secret.
fn plain(message: &str) -> String {
    if message.starts_with("invalid type: ") || message.starts_with("invalid value: ") {
        let expected = message.rsplit_once(", expected ").map_or(message, |(_, expected)| expected);
        return format!("expected {}", kind(expected));
    }
    if let Some((_, expected)) = message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        return format!("unknown key; {expected}");
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return format!("invalid value {}", rest.replacen(", expected", ": expected", 1));
    }
    match message.strip_prefix("missing field ") {
        Some(name) => format!("the key {name} is missing"),
        None => message.into(),
    }
}

/// Returns an everyday name for a Rust type.
fn kind(expected: &str) -> String {
    match expected {
        "path string" => "a string".into(),
        "a sequence" => "a list".into(),
        "a boolean" => "true or false".into(),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        expected if expected.starts_with("struct ") || expected == "a map" => "a table".into(),
        expected => expected.into(),
    }
}
