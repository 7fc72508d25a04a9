//! Long work that ends when nobody waits for its result any more.

use std::sync::{Arc, Weak};

use super::failure::Failure;

/// Whoever waits for a result. Dropping it ends the work.
#[derive(Debug, Default)]
pub(super) struct Asker(Arc<()>);

impl Asker {
    /// Returns what the work looks at.
    pub(super) fn patience(&self) -> Patience {
        Patience(Arc::downgrade(&self.0))
    }
}

/// What work over a whole file looks at, at least once a node.
#[derive(Debug)]
pub(super) struct Patience(Weak<()>);

impl Patience {
    /// Fails when nobody waits any more.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.0.strong_count() == 0 { Err(Failure::Closed("nobody waits for the result any more")) } else { Ok(()) }
    }
}
