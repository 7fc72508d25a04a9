//! The settings that somebody has chosen.

use std::{collections::BTreeMap, fmt};

/// The settings that were given by a flag, the environment or the file, by key. Their values can be secrets, so they
/// are only compared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Chosen(BTreeMap<String, String>);

impl Chosen {
    pub(super) fn insert(&mut self, key: String, value: String) {
        self.0.insert(key, value);
    }

    /// Returns their number.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the keys that only one of two has, or whose values differ.
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let (all, others) = (self.0.keys(), other.0.keys().filter(|key| !self.0.contains_key(*key)));
        let mut keys: Vec<&str> =
            all.chain(others).filter(|key| self.0.get(*key) != other.0.get(*key)).map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// Takes over another one's value of a key.
    pub fn adopt(&mut self, key: &str, other: &Self) {
        match other.0.get(key) {
            Some(value) => self.0.insert(key.into(), value.clone()),
            None => self.0.remove(key),
        };
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
