//! The mesh at a glance.

use isems_insight::{Assessment, Course, Finding, FindingSeverity, NodeState, Snapshot, WatchedNode};
use maud::{Markup, html};

use super::{
    Layout, Section,
    filter::{Condition, Filter, is_well},
    filter_form,
};
use crate::{chart::Sparkline, map::define_marks, viewer::Viewer, words::capital};

/// The number of nodes that the sentence about the mesh names.
const NAMED: usize = 3;

/// The number of nodes that need somebody that are shown with their advice.
const CARDS: usize = 12;

/// The number of nodes above which rows are laid out only once they come into sight.
const MANY: usize = 200;

/// The charge below which its bar looks alarming, percent.
const LOW: f64 = 20.0;

/// The voltages from the lower edge of a sparkline to the upper one, V: those of a lead-acid battery of 12 V.
const VOLTAGES: std::ops::RangeInclusive<f64> = 11.6..=14.4;

/// The page that shows all nodes.
#[derive(Debug, Clone, Copy)]
pub struct Overview<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The nodes.
    pub snapshot: &'a Snapshot,
    /// The nodes to show.
    pub filter: &'a Filter,
}

impl Overview<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let Self { viewer, snapshot, .. } = *self;
        let worst = snapshot.worst();
        // For some seconds after a start, nothing can be said yet of nodes that are heard.
        let known: Vec<&WatchedNode> = worst.iter().copied().filter(|node| !is_being_assessed(node)).collect();
        let main = html! {
            (define_marks())
            h1.unseen { (viewer.pages().overview) }
            p #summary.summary data-live { (self.summary(&known)) }
            (self.needy(&known))
            (self.all(&worst))
        };
        let section = Some(Section::Overview);
        Layout { viewer, title: viewer.pages().overview, section, scripts: &["live.js", "filter.js"], main }.page()
    }

    /// The mesh in a sentence.
    fn summary(&self, worst: &[&WatchedNode]) -> Markup {
        let (viewer, texts) = (self.viewer, self.viewer.pages());
        let in_use = self.snapshot.nodes.iter().filter(|node| node.state != NodeState::Inactive).count();
        let unknown = self.snapshot.nodes.iter().filter(|node| is_being_assessed(node)).count();
        let well = self.snapshot.nodes.iter().filter(|node| is_well(node)).count();
        let named = &worst[..worst.len().min(NAMED)];
        let more = worst.len() - named.len();
        html! {
            @if unknown < in_use { ((texts.well)(well, in_use - unknown)) }
            @for (number, node) in named.iter().enumerate() {
                @if number > 0 { "; " } @else { " " }
                (self.link(node)) (viewer.condition(node).after_name())
            }
            @if more > 0 { "; " ((texts.more)(more)) }
            @if !named.is_empty() { "." }
            @if unknown > 0 { " " ((texts.being_assessed)(unknown)) }
        }
    }

    /// The nodes that need somebody, with reason and advice.
    fn needy(&self, worst: &[&WatchedNode]) -> Markup {
        let (viewer, texts) = (self.viewer, self.viewer.pages());
        html! {
            section #needy data-live aria-labelledby="needy-heading" hidden[worst.is_empty()] {
                h2 #needy-heading { (texts.needs_somebody) }
                ul.cards {
                    @for node in worst.iter().take(CARDS) { (self.card(node)) }
                }
                @if worst.len() > CARDS {
                    p {
                        a href={ (viewer.href("/?condition=")) (Condition::NeedsAttention.name()) "#nodes" } {
                            ((texts.more)(worst.len() - CARDS))
                        }
                    }
                }
            }
        }
    }

    fn card(&self, node: &WatchedNode) -> Markup {
        let viewer = self.viewer;
        let findings: Vec<&Finding> = node.assessment.iter().flat_map(|assessment| matters(assessment)).collect();
        let condition = viewer.condition(node);
        html! {
            li class={ "card " (node.level().name()) } {
                h3 { (self.link(node)) " " (viewer.level(node)) }
                p {
                    (capital(&condition.text))
                    @if let Some(usable) = usable(node) {
                        " · " (viewer.pages().charge) " " (viewer.language.quantity(usable, 0, "%"))
                    }
                }
                @if !findings.is_empty() {
                    ul.findings {
                        @for finding in findings {
                            @let texts = (viewer.texts().finding)(finding.code);
                            li {
                                @if !condition.says(finding) { strong { (capital(texts.title)) } (viewer.facts(finding)) }
                                span.advice { (texts.advice) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn link(&self, node: &WatchedNode) -> Markup {
        let name = node.node.id.as_str();
        html! { a href=(self.viewer.node(name)) { (name) } }
    }

    /// All nodes, with what selects some of them.
    fn all(&self, worst: &[&WatchedNode]) -> Markup {
        let texts = self.viewer.pages();
        let mut nodes: Vec<&WatchedNode> = self.snapshot.nodes.iter().collect();
        self.filter.order.sort(&mut nodes, worst);
        let shown = nodes.iter().filter(|node| self.filter.selects(node)).count();
        html! {
            section aria-labelledby="all-heading" {
                h2 #all-heading { (texts.all_nodes) }
                (filter_form::form(self.viewer, self.snapshot, self.filter, "/"))
                p #shown role="status" data-one=((texts.shown)(nodes.len(), nodes.len())) data-some=((texts.shown)(0, nodes.len())) {
                    ((texts.shown)(shown, nodes.len()))
                }
                p { a data-filtered href={ (self.viewer.href("/map")) (self.filter.query()) } { (self.viewer.texts().collector.on_map) } }
                table.nodes role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" { (texts.node) }
                            th role="columnheader" { (texts.condition) }
                            th role="columnheader" title=(texts.charge_meaning) { (texts.charge) }
                            th role="columnheader" { (texts.last_day) }
                            th role="columnheader" { (self.viewer.texts().forecast) }
                            th role="columnheader" { (texts.last_seen) }
                        }
                    }
                    tbody #nodes class=[(nodes.len() > MANY).then_some("many")] role="rowgroup" data-live { @for node in nodes { (self.row(node)) } }
                }
            }
        }
    }

    fn row(&self, node: &WatchedNode) -> Markup {
        let (viewer, texts) = (self.viewer, self.viewer.pages());
        let conditions: Vec<&str> =
            Condition::ALL.into_iter().filter(|condition| condition.is_of(node)).map(Condition::name).collect();
        let findings = node.assessment.as_ref().map_or(&[][..], |assessment| &assessment.findings);
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.name()).collect();
        let titles = findings.iter().filter(|finding| finding.severity > FindingSeverity::Info);
        let titles: Vec<&str> = titles.map(|finding| (viewer.texts().finding)(finding.code).title).collect();
        html! {
            tr role="row" data-condition=(conditions.join(" ")) data-finding=(codes.join(" ")) hidden[!self.filter.selects(node)] {
                th role="rowheader" scope="row" { (self.link(node)) }
                td role="cell" { (viewer.level(node)) @if !titles.is_empty() { " " span.faint { (titles.join(", ")) } } }
                td role="cell" { (self.charge(node)) }
                td role="cell" { @if let Some(assessment) = &node.assessment { (self.sparkline(&assessment.course)) } }
                td role="cell" { @if let Some(outlook) = viewer.outlook(node) { (outlook) } @else { span.faint { (texts.not_known) } } }
                td role="cell" { (viewer.time(node.node.last_received_at)) }
            }
        }
    }

    fn charge(&self, node: &WatchedNode) -> Markup {
        let Some(usable) = usable(node) else { return html! { span.faint { (self.viewer.pages().not_known) } } };
        html! {
            (self.viewer.language.quantity(usable, 0, "%"))
            svg class=(if usable < LOW { "bar low" } else { "bar" }) aria-hidden="true" {
                rect width={ (format!("{usable:.0}")) "%" } height="100%" {}
            }
        }
    }

    fn sparkline(&self, course: &Course) -> Markup {
        let Some((low, high)) = course.extremes() else { return html! {} };
        let volts = |voltage| self.viewer.language.quantity(voltage, 1, "V");
        let label = (self.viewer.pages().last_day_course)(&volts(low), &volts(high));
        Sparkline { values: &course.voltages, covers: VOLTAGES, label: &label }.svg()
    }
}

/// Returns the charge of a node above its cut-off, percent.
fn usable(node: &WatchedNode) -> Option<f64> {
    node.assessment.as_ref().filter(|_| node.state != NodeState::Inactive)?.energy.usable_percent
}

/// Returns the findings that need somebody.
fn matters(assessment: &Assessment) -> impl Iterator<Item = &Finding> {
    assessment.findings.iter().filter(|finding| finding.severity > FindingSeverity::Info)
}

/// Returns whether nothing can be said of a node yet, though it is heard.
fn is_being_assessed(node: &WatchedNode) -> bool {
    node.state == NodeState::Active && node.assessment.is_none()
}
