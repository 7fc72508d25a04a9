//! Addresses of nodes and brokers, as people type them.

#![no_main]

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use isems_transport_http::Target;
use isems_transport_mqtt::Broker;
use libfuzzer_sys::fuzz_target;

const PASSWORD: &str = "hunter2";

fn check<T: FromStr<Err: Display> + Display + Debug>(text: &str) {
    let shown = match text.parse::<T>() {
        Ok(address) => {
            let shown = address.to_string();
            let again =
                shown.parse::<T>().unwrap_or_else(|error| panic!("{shown} is shown, but cannot be read: {error}"));
            assert_eq!(again.to_string(), shown, "what is shown of an address is one");
            format!("{shown} {address:?}")
        }
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains(PASSWORD), "a password is shown: {shown}");
}

fuzz_target!(|text: &str| {
    if text.contains(PASSWORD) {
        return;
    }
    check::<Target>(text);
    check::<Target>(&format!("http://name:{PASSWORD}@{text}"));
    check::<Broker>(text);
    check::<Broker>(&format!("mqtt://name:{PASSWORD}@{text}"));
});
