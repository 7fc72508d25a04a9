//! The topic filters that a session at the broker has.

use futures_util::{
    FutureExt,
    future::{self, BoxFuture},
};
use isems_core::{Inbox, RepositoryError};

/// Separates filters. No filter contains it (MQTT 3.1.1, section 4.7.3).
const SEPARATOR: &str = "\0";

/// Filters that are being remembered.
pub(crate) type Remembering<'a> = BoxFuture<'a, Result<(), RepositoryError>>;

/// The topic filters that a session at the broker has or may have.
///
/// A session outlives the collector, and its subscriptions with it. A filter that is removed from the settings must be
/// unsubscribed, or the broker goes on delivering what it matches. So filters are remembered when they are subscribed,
/// and forgotten once the broker has confirmed that they are gone. Subscribing does not wait until they are on disk,
/// which can take a commit interval: the broker keeps nothing for filters that it does not know yet.
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

    /// Remembers filters that are being subscribed, in addition to those that the session has.
    pub(crate) fn add<'a>(&mut self, inbox: &'a Inbox, filters: &[String]) -> Remembering<'a> {
        let mut all = self.remembered.clone();
        all.extend(filters.iter().filter(|filter| !self.remembered.contains(filter)).cloned());
        self.remember(inbox, all)
    }

    /// Returns the filters that the session may have besides the wanted ones.
    pub(crate) fn obsolete(&self, wanted: &[String]) -> Vec<String> {
        self.remembered.iter().filter(|filter| !wanted.contains(filter)).cloned().collect()
    }

    /// Forgets all filters but the wanted ones.
    pub(crate) fn keep_only<'a>(&mut self, inbox: &'a Inbox, wanted: &[String]) -> Remembering<'a> {
        let kept = self.remembered.iter().filter(|filter| wanted.contains(filter)).cloned().collect();
        self.remember(inbox, kept)
    }

    fn remember<'a>(&mut self, inbox: &'a Inbox, filters: Vec<String>) -> Remembering<'a> {
        if filters == self.remembered {
            return future::ready(Ok(())).boxed();
        }
        let (key, value) = (self.key.clone(), filters.join(SEPARATOR).into_bytes());
        self.remembered = filters;
        async move { inbox.remember(&key, value).await }.boxed()
    }
}
