//! The observers of stored measurements.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crate::Measurement;

type Observer = Arc<dyn Fn(&[Measurement]) + Send + Sync>;

/// The observers of a collector. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Observers(Arc<RwLock<Vec<Observer>>>);

impl Observers {
    pub(crate) fn add(&self, observer: impl Fn(&[Measurement]) + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(observer));
    }

    pub(crate) fn are_there(&self) -> bool {
        !self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Calls the observers, if there is anything new.
    pub(crate) fn tell(&self, new: &[Measurement]) {
        if new.is_empty() {
            return;
        }
        for observer in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            observer(new);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Observers").finish_non_exhaustive()
    }
}
