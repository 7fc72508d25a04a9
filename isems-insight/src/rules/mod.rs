//! The rules, one a file. Each is a pure function of the [`Evidence`].

mod ageing;
mod capacity;
mod capacity_too_small;
mod charge;
mod clock;
mod comeback;
mod controller;
mod covered;
mod dark_reserve;
mod data;
mod deep_nights;
pub(crate) mod full_charge;
mod panel;
mod panel_yield;
mod position_jump;
mod ratings;
mod reboots;
mod shade;
mod shared_id;
mod shipped_defaults;
mod silence;
mod temperature;
mod upgrade;
mod wear;

pub use self::silence::past_silences;
use crate::{Assessment, Course, Evidence, Finding, Level, Unknown, mesh::Presence};

/// The verdict of a rule: its part of the assessment, its findings, and the questions it could not answer.
#[derive(Debug, Default)]
pub(crate) struct Verdict<T> {
    /// The part of the assessment.
    pub(crate) part: T,
    /// The findings.
    pub(crate) findings: Vec<Finding>,
    /// The questions that could not be answered.
    pub(crate) unknown: Vec<Unknown>,
}

impl<T> Verdict<T> {
    /// Moves findings and gaps to the collected ones, and returns the part.
    fn into_part(self, findings: &mut Vec<Finding>, unknown: &mut Vec<Unknown>) -> T {
        findings.extend(self.findings);
        unknown.extend(self.unknown);
        self.part
    }
}

/// Assesses a node at an instant: its condition and what comes next, based only on the evidence.
///
/// The level is that of the worst finding. It is [`Level::Unknown`] if there is none and the node's charge is not
/// known.
pub fn assess(evidence: &Evidence<'_>) -> Assessment {
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    let presence = Presence::of(evidence.history, evidence.at);
    let mut silence = presence.as_ref().and_then(|presence| silence::judge(evidence, presence));
    let energy = charge::judge(evidence, silence.as_ref()).into_part(&mut findings, &mut unknown);
    silence::expect_back(&mut silence, &energy);
    if let Some(silence) = &silence {
        silence::finding(evidence, silence).into_part(&mut findings, &mut unknown);
    }
    let battery = wear::judge(evidence).into_part(&mut findings, &mut unknown);
    let panel = panel::judge(evidence).into_part(&mut findings, &mut unknown);
    let upgrade = upgrade::judge(evidence, &energy).into_part(&mut findings, &mut unknown);
    let data = data::judge(evidence).into_part(&mut findings, &mut unknown);
    for verdict in [
        temperature::judge(evidence),
        controller::judge(evidence),
        presence.map_or_else(Verdict::default, |presence| reboots::judge(evidence, &presence)),
        shipped_defaults::judge(evidence),
        ratings::judge(evidence),
        shared_id::judge(evidence),
        position_jump::judge(evidence),
        clock::judge(evidence),
    ] {
        verdict.into_part(&mut findings, &mut unknown);
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.code.cmp(&b.code)));
    let level = match findings.first() {
        Some(worst) if worst.severity.level() != Level::Ok => worst.severity.level(),
        _ if energy.charge_percent.is_none() => Level::Unknown,
        _ => Level::Ok,
    };
    let node = evidence.history.node().clone();
    let course = Course::of(evidence.history, evidence.at);
    Assessment {
        node,
        at: evidence.at,
        level,
        findings,
        energy,
        course,
        battery,
        panel,
        silence,
        upgrade,
        data,
        unknown,
    }
}
