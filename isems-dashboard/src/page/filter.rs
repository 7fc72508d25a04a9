//! The filter of the overview.

use std::cmp::Ordering;

use isems_insight::{FindingCode, Level, NodeState, WatchedNode, attention::needs_attention};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A condition of nodes, to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It needs attention, urgently or not.
    NeedsAttention,
    /// It needs attention now.
    Urgent,
    /// Nothing needs doing.
    Well,
    /// Too little is known to say.
    Unknown,
    /// Nothing has arrived for some time.
    Silent,
    /// Nothing is expected any more.
    Inactive,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 6] =
        [Self::NeedsAttention, Self::Urgent, Self::Well, Self::Unknown, Self::Silent, Self::Inactive];

    /// Returns the stable name that stands in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeedsAttention => "needs-attention",
            Self::Urgent => "urgent",
            Self::Well => "ok",
            Self::Unknown => "unknown",
            Self::Silent => "silent",
            Self::Inactive => "inactive",
        }
    }

    /// Returns whether a node is in this condition.
    pub fn is_of(self, node: &WatchedNode) -> bool {
        let is_in_use = node.state != NodeState::Inactive;
        match self {
            Self::NeedsAttention => needs_attention(node),
            Self::Urgent => is_in_use && node.level() == Level::Urgent,
            Self::Well => is_well(node),
            Self::Unknown => is_in_use && node.level() == Level::Unknown,
            Self::Silent => node.state == NodeState::Silent,
            Self::Inactive => !is_in_use,
        }
    }
}

/// Returns whether a node reports and needs nothing.
pub(crate) fn is_well(node: &WatchedNode) -> bool {
    node.state == NodeState::Active && node.level() == Level::Ok
}

/// An order of nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Those that most need attention first, then by name.
    #[default]
    Need,
    /// By name.
    Name,
    /// By charge, lowest first.
    Charge,
    /// By the time at which the load is expected to go off.
    SwitchOff,
    /// By the time at which something last arrived, longest ago first.
    LastSeen,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 5] = [Self::Need, Self::Name, Self::Charge, Self::SwitchOff, Self::LastSeen];

    /// Returns the stable name that stands in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Need => "need",
            Self::Name => "name",
            Self::Charge => "charge",
            Self::SwitchOff => "switch-off",
            Self::LastSeen => "last-seen",
        }
    }

    /// Sorts nodes that are ordered by name, given those that need attention, worst first.
    pub(crate) fn sort<'a>(self, nodes: &mut [&'a WatchedNode], worst: &[&'a WatchedNode]) {
        let unknown_last =
            |a: Option<f64>, b: Option<f64>| a.unwrap_or(f64::INFINITY).total_cmp(&b.unwrap_or(f64::INFINITY));
        let usable = |node: &WatchedNode| node.assessment.as_ref()?.energy.usable_percent;
        let off = |node: &WatchedNode| Some(node.assessment.as_ref()?.energy.load_off?.when.expected_at as f64);
        match self {
            Self::Need => {
                let mut rest: Vec<_> = nodes.iter().copied().filter(|node| !needs_attention(node)).collect();
                rest.sort_by_key(|node| node.state == NodeState::Inactive);
                let sorted = worst.iter().copied().chain(rest);
                for (place, node) in nodes.iter_mut().zip(sorted) {
                    *place = node;
                }
            }
            Self::Name => nodes.sort_by(|a, b| by_name(a, b)),
            Self::Charge => nodes.sort_by(|a, b| unknown_last(usable(a), usable(b))),
            Self::SwitchOff => nodes.sort_by(|a, b| unknown_last(off(a), off(b))),
            Self::LastSeen => nodes.sort_by_key(|node| node.node.last_received_at),
        }
    }
}

/// Orders nodes by name as people do, without regard to case.
fn by_name(a: &WatchedNode, b: &WatchedNode) -> Ordering {
    let name = |node: &WatchedNode| node.node.id.as_str().to_lowercase();
    name(a).cmp(&name(b))
}

/// The nodes that somebody wants to see, as the query of an address says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the name, in any case; empty for all.
    pub text: String,
    /// The condition.
    pub condition: Option<Condition>,
    /// The kind of finding.
    pub finding: Option<FindingCode>,
    /// The order.
    pub order: Order,
}

impl Filter {
    /// Reads the parameters of a query. Others, and values that are unknown, are ignored: an old address shows more
    /// than was asked for.
    pub fn of<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut filter = Self::default();
        for (name, value) in parameters {
            match name {
                "q" => filter.text = value.trim().into(),
                "condition" => filter.condition = Condition::ALL.into_iter().find(|known| known.name() == value),
                "finding" => filter.finding = FindingCode::ALL.into_iter().find(|known| known.name() == value),
                "sort" => filter.order = Order::ALL.into_iter().find(|known| known.name() == value).unwrap_or_default(),
                _ => {}
            }
        }
        filter
    }

    /// Returns the query, with its question mark; empty if all nodes are to be shown. It is read back by [`Self::of`].
    pub fn query(&self) -> String {
        let text = utf8_percent_encode(&self.text, NON_ALPHANUMERIC).to_string();
        let parameters = [
            ("q", &*text),
            ("condition", self.condition.map_or("", Condition::name)),
            ("finding", self.finding.map_or("", FindingCode::name)),
        ];
        let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
        let query = given.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// Returns whether a node is to be shown.
    pub fn selects(&self, node: &WatchedNode) -> bool {
        let has_finding = |code| node.assessment.as_ref().is_some_and(|assessment| assessment.finding(code).is_some());
        (self.text.is_empty() || node.node.id.as_str().to_lowercase().contains(&self.text.to_lowercase()))
            && self.condition.is_none_or(|condition| condition.is_of(node))
            && self.finding.is_none_or(has_finding)
    }
}
