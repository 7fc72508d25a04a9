//! The condition of a node in words.

use isems_insight::{Finding, FindingCode, Level, NodeState, SilenceCause, Survival, WatchedNode};
use maud::{Markup, html};

use crate::{map::mark, viewer::Viewer};

/// The probability from which something is said to happen, rather than that it may.
const LIKELY: f64 = 0.8;

/// The words for what a node is going through.
pub(crate) struct Condition {
    pub(crate) text: String,
    /// The finding that the words tell of.
    code: Option<FindingCode>,
    /// Set if the words make a sentence with the name of the node before them.
    is_sentence: bool,
    /// Set if they say what is expected, too.
    pub(crate) tells_outlook: bool,
    /// Set if they say no more than the level.
    pub(crate) repeats_level: bool,
}

impl Condition {
    /// Returns the words as they follow the name of the node.
    pub(crate) fn after_name(&self) -> String {
        format!("{}{}", if self.is_sentence { " " } else { ": " }, self.text)
    }

    /// Returns whether the words tell of a finding.
    pub(crate) fn says(&self, finding: &Finding) -> bool {
        self.code == Some(finding.code)
    }
}

impl Viewer {
    /// Returns what a node is going through.
    pub(crate) fn condition(&self, node: &WatchedNode) -> Condition {
        let texts = self.pages();
        let sentence =
            |text, code| Condition { text, code, is_sentence: true, tells_outlook: true, repeats_level: false };
        if node.state == NodeState::Inactive {
            return sentence((texts.given_up)(&self.when(node.node.last_received_at)), None);
        }
        let Some(assessment) = &node.assessment else {
            return match node.state {
                NodeState::Silent => {
                    sentence((texts.silent_since)(&self.when(node.node.latest.timestamp), None, None), None)
                }
                _ => sentence(texts.not_assessed.into(), None),
            };
        };
        if let Some(silence) = &assessment.silence {
            let cause = Some((self.texts().cause)(silence.cause)).filter(|_| silence.cause != SilenceCause::Unknown);
            let back = silence.expected_back_at.map(|back| self.when(back.expected_at));
            let code = [FindingCode::RanEmpty, FindingCode::Silent]
                .into_iter()
                .find(|code| assessment.finding(*code).is_some());
            return sentence((texts.silent_since)(&self.when(silence.since), cause, back.as_deref()), code);
        }
        let is_predicted = assessment.finding(FindingCode::LoadOffPredicted).is_some();
        if let Some(off) = assessment.energy.load_off.filter(|_| is_predicted) {
            let text = (texts.will_switch_off)(&self.when(off.when.expected_at), off.probability >= LIKELY);
            return sentence(text, Some(FindingCode::LoadOffPredicted));
        }
        let worst = assessment.findings.first().filter(|finding| finding.severity.level() != Level::Ok);
        let code = worst.map(|worst| worst.code);
        let text = match (code, assessment.level) {
            (Some(code), _) => (self.texts().finding)(code).title,
            (None, level) => (self.texts().level)(level),
        };
        Condition { text: text.into(), code, is_sentence: false, tells_outlook: false, repeats_level: code.is_none() }
    }

    /// Returns what is expected of a node's battery, in a few words.
    pub(crate) fn outlook(&self, node: &WatchedNode) -> Option<String> {
        let texts = self.pages();
        let assessment = node.assessment.as_ref().filter(|_| node.state != NodeState::Inactive)?;
        let energy = &assessment.energy;
        let back = energy.comeback.or_else(|| assessment.silence.as_ref()?.expected_back_at);
        if let Some(back) = back {
            return Some((texts.back)(&self.when(back.expected_at)));
        }
        if assessment.silence.is_some() {
            return None;
        }
        if let Some(off) = energy.load_off.filter(|off| off.probability >= 1.0 - LIKELY) {
            let probability = self.language.quantity(100.0 * off.probability, 0, "%");
            return Some((texts.off)(&self.when(off.when.expected_at), &probability));
        }
        energy.survives_night.map(|survival| {
            let words = match survival {
                Survival::Yes => texts.lasts,
                Survival::Uncertain => texts.may_not_last,
                Survival::No => texts.does_not_last,
            };
            words.into()
        })
    }

    /// Returns the figures of a finding with their labels, in parentheses; empty if there are none.
    pub(crate) fn facts(&self, finding: &Finding) -> String {
        let facts = finding.values.iter();
        let facts: Vec<String> =
            facts.filter_map(|(name, value)| self.language.fact(name, value, self.now, &self.time_zone)).collect();
        if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
    }

    /// Shows the level and the state of a node by shape, colour and text.
    pub(crate) fn level(&self, node: &WatchedNode) -> Markup {
        let texts = self.texts();
        let level = shown_level(node);
        html! {
            span class={ "level " (level.name()) " " (node.state.name()) } {
                (mark(level.name()))
                @if node.state == NodeState::Active { ((texts.level)(level)) } @else { ((texts.state)(node.state)) }
            }
        }
    }
}

/// Returns the level that is shown of a node. Nothing is known of one that was given up.
pub(crate) fn shown_level(node: &WatchedNode) -> Level {
    if node.state == NodeState::Inactive { Level::Unknown } else { node.level() }
}

/// Returns a text with a capital letter at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
