//! The collector's own troubles, as far as they show in what it reports of itself.

use isems_core::{ClockState, TransportState, TransportStatus};
use isems_insight::{Assessment, SilenceCause};

use crate::{Problem, Trouble};

/// The number of polled nodes from which it is the collector's trouble if none of them can be reached. Fewer may well
/// have run empty.
const MANY: usize = 3;

/// Returns the transports that reach nothing: a broker that is away, or all polled nodes.
pub(crate) fn of_transports(transports: &[TransportStatus]) -> impl Iterator<Item = Problem> {
    transports.iter().filter_map(|transport| {
        let TransportStatus { name, follows, sources, state, last_error, .. } = transport;
        let (since, detail) = if sources.is_empty() {
            let error = last_error.as_ref().filter(|_| *state == TransportState::Waiting)?;
            (error.at, error.message.clone())
        } else {
            let are_nodes = sources.keys().any(|source| follows.contains(source));
            if sources.values().any(|source| source.up) || are_nodes && sources.len() < MANY {
                return None;
            }
            let (address, first) = sources.first_key_value()?;
            let error = first.error.as_deref().unwrap_or_default();
            (sources.values().map(|source| source.since).max()?, format!("{address}: {error}"))
        };
        Some(Problem::of_collector(name, Trouble::SourcesAway, since, Some(detail)))
    })
}

/// Returns the trouble of the collector's clock.
pub(crate) fn of_clock(state: ClockState, at: i64) -> Option<Problem> {
    let trouble = match state {
        ClockState::Plausible => return None,
        ClockState::Behind => Trouble::ClockBehind,
        ClockState::Unset => Trouble::ClockUnset,
    };
    Some(Problem::of_collector("", trouble, at, None))
}

/// Returns the trouble that nearly all nodes fell silent together, which insight says of each of them.
pub(crate) fn of_silences<'a>(assessments: impl Iterator<Item = &'a Assessment>) -> Option<Problem> {
    let silences = assessments.filter_map(|assessment| assessment.silence.as_ref());
    let since = silences.filter(|silence| silence.cause == SilenceCause::Collector).map(|silence| silence.since).min();
    since.map(|since| Problem::of_collector("", Trouble::AllNodesSilent, since, None))
}
