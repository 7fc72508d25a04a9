//! Stopping long work once nobody is waiting for its result.

use std::sync::{Arc, Weak};

use super::failure::Failure;

/// Someone waiting for a result. Dropping it ends the work.
#[derive(Debug, Default)]
pub(super) struct Asker(Arc<()>);

impl Asker {
    /// Returns the handle that the work checks.
    pub(super) fn patience(&self) -> Patience {
        Patience(Arc::downgrade(&self.0))
    }
}

/// The handle that work on a whole file checks at least once per node.
#[derive(Debug)]
pub(super) struct Patience(Weak<()>);

impl Patience {
    /// Fails once nobody is waiting any more.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.0.strong_count() == 0 {
            Err(Failure::Closed("nobody is waiting for the result any more"))
        } else {
            Ok(())
        }
    }
}
