//! The topic filters that a session at the broker has.

use isems_core::{Inbox, RepositoryError};

/// Separates filters. No filter contains it (MQTT 3.1.1, section 4.7.3).
const SEPARATOR: &str = "\0";

/// The topic filters that a session at the broker has or may have.
///
/// A session outlives the collector, and its subscriptions with it. A filter that is removed from the settings must be
/// unsubscribed, or the broker goes on delivering what it matches. So filters are remembered before they are
/// subscribed, and forgotten once the broker has confirmed that they are gone.
pub(crate) struct Subscriptions {
    key: String,
    remembered: Vec<String>,
}

impl Subscriptions {
    /// Recalls the filters of the session that a broker keeps for a client id.
    pub(crate) async fn recall(inbox: &Inbox, broker: &str, client_id: &str) -> Result<Self, RepositoryError> {
        let key = format!("topics {broker} {client_id}");
        let kept = inbox.recall(&key).await?.and_then(|kept| String::from_utf8(kept).ok()).unwrap_or_default();
        let remembered = kept.split(SEPARATOR).filter(|filter| !filter.is_empty()).map(String::from).collect();
        Ok(Self { key, remembered })
    }

    /// Remembers filters that are about to be subscribed, in addition to those that the session has.
    pub(crate) async fn add(&mut self, inbox: &Inbox, filters: &[String]) -> Result<(), RepositoryError> {
        let mut all = self.remembered.clone();
        all.extend(filters.iter().filter(|filter| !self.remembered.contains(filter)).cloned());
        self.remember(inbox, all).await
    }

    /// Returns the filters that the session may have besides the wanted ones.
    pub(crate) fn obsolete(&self, wanted: &[String]) -> Vec<String> {
        self.remembered.iter().filter(|filter| !wanted.contains(filter)).cloned().collect()
    }

    /// Forgets all filters but the wanted ones.
    pub(crate) async fn keep_only(&mut self, inbox: &Inbox, wanted: &[String]) -> Result<(), RepositoryError> {
        let kept = self.remembered.iter().filter(|filter| wanted.contains(filter)).cloned().collect();
        self.remember(inbox, kept).await
    }

    async fn remember(&mut self, inbox: &Inbox, filters: Vec<String>) -> Result<(), RepositoryError> {
        if filters != self.remembered {
            inbox.remember(&self.key, filters.join(SEPARATOR).into_bytes()).await?;
            self.remembered = filters;
        }
        Ok(())
    }
}
