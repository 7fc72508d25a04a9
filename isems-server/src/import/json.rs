//! Reading JSON other than one object per line: arrays of measurements, and one or more pages as returned by the HTTP
//! service. The objects are decoded one by one, so that memory use stays flat.

use std::{cell::RefCell, fmt, io::Read};

use isems_core::{BoxError, JsonDecoder};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::feed::Feed;

/// The name under which a page holds its measurements.
const MEASUREMENTS: &str = "measurements";

/// Feeds the objects of an input.
pub(super) fn read(input: impl Read, feed: &mut Feed) -> Result<(), BoxError> {
    let decoder = JsonDecoder::of_collector(feed.now(), feed.clock());
    let objects = RefCell::new(Objects { decoder, number: 0, feed });
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    while json.end().is_err() {
        let read = Document(&objects).deserialize(&mut json);
        read.map_err(|error| format!("cannot read the JSON to its end: {error}"))?;
    }
    Ok(())
}

struct Objects<'a> {
    decoder: JsonDecoder,
    number: u32,
    feed: &'a mut Feed,
}

impl Objects<'_> {
    fn take<E: Error>(&mut self, object: &str) -> Result<(), E> {
        if self.feed.is_over() {
            return Err(E::custom("interrupted"));
        }
        self.number = self.number.saturating_add(1);
        let mut dropped = Vec::new();
        match self.decoder.decode(self.number, object, &mut dropped) {
            Ok(measurement) => self.feed.decoded(self.number, measurement, dropped),
            Err(line) => self.feed.reject(line, None),
        }
        Ok(())
    }
}

/// A document: an array, a page, or a single measurement.
struct Document<'a, 'b>(&'a RefCell<Objects<'b>>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("measurements: an array of objects, a page that has one, or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(object) = sequence.next_element::<Box<RawValue>>()? {
            self.0.borrow_mut().take(object.get())?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut object = String::new();
        let mut is_page = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == MEASUREMENTS {
                is_page = true;
                map.next_value_seed(Document(self.0))?;
                continue;
            }
            let value = map.next_value::<Box<RawValue>>()?;
            object.push(if object.is_empty() { '{' } else { ',' });
            object.push_str(&serde_json::to_string(&name).map_err(A::Error::custom)?);
            object.push(':');
            object.push_str(value.get());
        }
        if is_page {
            return Ok(());
        }
        object.push_str(if object.is_empty() { "{}" } else { "}" });
        self.0.borrow_mut().take(&object)
    }
}
