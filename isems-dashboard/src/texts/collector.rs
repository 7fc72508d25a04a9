//! The texts of the pages about the collector: its state, the first steps, and signing in.

use isems_core::TransportState;

/// The texts of the pages about the collector in one language.
#[derive(Debug)]
pub struct CollectorTexts {
    /// The page with the map.
    pub map: &'static str,
    /// The link that leads from the list of nodes to the same nodes on the map.
    pub on_map: &'static str,
    /// The link that leads from the map to the list of the same nodes.
    pub as_list: &'static str,
    /// The page of the collector.
    pub collector: &'static str,
    /// The heading of the transports.
    pub transports: &'static str,
    /// There is no transport.
    pub no_transports: &'static str,
    /// The state of a transport.
    pub state: fn(TransportState) -> &'static str,
    /// The number of lines and messages that arrived.
    pub received: &'static str,
    /// The number of those that were new.
    pub stored: &'static str,
    /// The number of those that were known.
    pub duplicates: &'static str,
    /// The number of those that were rejected.
    pub rejected: &'static str,
    /// The number of values that were dropped.
    pub dropped: &'static str,
    /// The time of the last delivery.
    pub last_delivery: &'static str,
    /// The last failure.
    pub last_error: &'static str,
    /// The things that a transport follows.
    pub follows: &'static str,
    /// A source answers: since when.
    pub up: fn(&str) -> String,
    /// A source does not answer: since when.
    pub down: fn(&str) -> String,
    /// The number of sources that answer.
    pub answering: fn(usize) -> String,
    /// The heading of the rejects.
    pub rejects: &'static str,
    /// There are no rejects.
    pub no_rejects: &'static str,
    /// Rejects are shown only to those who have signed in.
    pub rejects_need_token: &'static str,
    /// The time of a reject.
    pub time: &'static str,
    /// The source of a reject.
    pub source: &'static str,
    /// The reason of a reject.
    pub reason: &'static str,
    /// The line that was rejected.
    pub line: &'static str,
    /// The heading of the database.
    pub database: &'static str,
    /// The number of nodes.
    pub nodes: &'static str,
    /// The number of measurements.
    pub measurements: &'static str,
    /// The size of the file.
    pub size: &'static str,
    /// The growth of the file.
    pub growth: &'static str,
    /// An amount a month.
    pub a_month: fn(&str) -> String,
    /// The time until the disk is full.
    pub full: &'static str,
    /// About a number of months.
    pub about_months: fn(&str) -> String,
    /// The database is only in memory.
    pub in_memory: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// The time of the start.
    pub started: &'static str,
    /// The button that polls all nodes.
    pub poll: &'static str,
    /// The button that fetches a copy of the database.
    pub backup: &'static str,
    /// The heading of the start page.
    pub welcome: &'static str,
    /// No node was heard so far.
    pub no_node: &'static str,
    /// There are three ways to get measurements.
    pub ways: &'static str,
    /// The collector polls nodes.
    pub way_poll: &'static str,
    /// The collector subscribes to a broker.
    pub way_broker: &'static str,
    /// Nodes send their measurements.
    pub way_push: &'static str,
    /// Simulated nodes.
    pub way_demo: &'static str,
    /// The heading of the state of the collector on the start page.
    pub seen: &'static str,
    /// To sign in.
    pub sign_in: &'static str,
    /// To sign out: the name of the token.
    pub sign_out: fn(&str) -> String,
    /// The explanation of signing in.
    pub sign_in_why: &'static str,
    /// The field for the token.
    pub token: &'static str,
    /// The token is unknown.
    pub wrong_token: &'static str,
    /// The server has no tokens.
    pub no_tokens: &'static str,
}
