//! A node.

mod charts;

use isems_insight::{
    Assessment, Estimate, Expected, Finding, FindingCode, FindingSeverity, Level, NodeState, PastFinding, Position,
    Silence, Survival,
};
use maud::{Markup, html};

pub use self::charts::{CHART_FIELDS, Comparison, MEDIAN, NODE_PREFIX, NodeCharts};
use super::{Layout, Span};
use crate::{
    chart::{Strip, StripRow, StripSpan},
    map::{define_marks, mark},
    texts::NodeTexts,
    viewer::{Viewer, escaped},
    words::capital,
};

const HOUR: f64 = 3600.0;
const DAY: i64 = 86_400;

/// The length of the strip, seconds: that of the history that knows the silences.
const PAST: i64 = 32 * DAY;

/// The values of a battery that may be unknown for a reason, by their names in JSON.
const BATTERY: [&str; 5] = [
    "batteryTemperature",
    "battery.estimatedCapacityAh",
    "battery.monthsToReplacement",
    "battery.lastFullChargeAt",
    "battery.deepNightsIn30Days",
];

/// The number of silences that are listed; a node that runs empty every night has many.
const LISTED: usize = 5;

/// The page of a node.
#[derive(Debug, Clone)]
pub struct NodePage<'a> {
    /// The charts.
    pub charts: NodeCharts<'a>,
    /// The span of the charts.
    pub span: Span,
    /// The nodes with which it can be compared.
    pub others: &'a [&'a str],
    /// Its findings that are over, in the order in which they ended.
    pub past_findings: &'a [PastFinding],
}

impl NodePage<'_> {
    fn texts(&self) -> &'static NodeTexts {
        self.charts.texts()
    }

    /// Draws the page.
    pub fn page(&self) -> Markup {
        let NodeCharts { viewer, node, .. } = self.charts;
        let name = node.node.id.as_str();
        let main = html! {
            (define_marks())
            h1 { (name) }
            p #condition.summary data-live { (self.summary()) }
            (self.findings())
            (self.course())
            (self.past())
            div #facts.facts data-live {
                (self.energy()) (self.battery()) (self.panel()) (self.configuration()) (self.data())
            }
            @if viewer.signed_in.is_some() {
                p { a href={ (viewer.href("/alerts?node=")) (escaped(name)) "#mutes" } { (self.texts().mute) } }
                p { a href={ (viewer.node(name)) "/delete" } { (self.texts().delete) } }
            }
        };
        Layout { viewer, title: name, section: None, scripts: &["live.js", "chart.js"], main }.page()
    }

    /// The condition of the node in words.
    fn summary(&self) -> Markup {
        let NodeCharts { viewer, node, .. } = self.charts;
        let condition = viewer.condition(node);
        html! {
            (viewer.level(node))
            @if !condition.repeats_level { " · " (capital(&condition.text)) }
            @if !condition.tells_outlook && let Some(outlook) = viewer.outlook(node) { " · " (outlook) }
            " · " (viewer.pages().last_seen) " " (viewer.time(node.node.last_received_at))
        }
    }

    fn assessment(&self) -> Option<&Assessment> {
        self.charts.node.assessment.as_deref().filter(|_| self.charts.node.state != NodeState::Inactive)
    }

    fn findings(&self) -> Markup {
        let texts = self.texts();
        let viewer = self.charts.viewer;
        html! {
            section #findings data-live aria-labelledby="findings-heading" {
                h2 #findings-heading { (texts.findings) }
                @match self.assessment() {
                    None => p.faint { (viewer.pages().not_known) },
                    Some(assessment) if assessment.findings.is_empty() => p { (texts.no_findings) },
                    Some(assessment) => ul.cards {
                        @for finding in &assessment.findings {
                            @let words = (viewer.texts().finding)(finding.code);
                            @let level = finding.severity.level();
                            li class={ "card " (level.name()) } {
                                h3 {
                                    span class={ "level " (if level == Level::Ok { "" } else { level.name() }) } {
                                        (mark(level.name()))
                                        (capital(words.title))
                                    }
                                    span.faint { ((texts.since)(&viewer.when(finding.since))) }
                                }
                                p { (words.meaning) (viewer.facts(finding)) }
                                p { strong { (words.advice) } }
                            }
                        }
                    }
                }
            }
        }
    }

    /// A list of facts under a heading. Those without a value are not known, for reasons that stand below: those of the
    /// values with these names in JSON.
    fn list(&self, heading: &str, names: &[&str], facts: &[(&str, Option<Markup>)]) -> Markup {
        let viewer = self.charts.viewer;
        let not_known = viewer.pages().not_known;
        let unknown = self.assessment().into_iter().flat_map(|assessment| &assessment.unknown);
        let unknown = unknown.filter(|unknown| names.contains(&unknown.what));
        let mut reasons: Vec<_> = unknown.map(|unknown| (viewer.texts().unknown_reason)(unknown.reason)).collect();
        reasons.dedup();
        html! {
            section {
                h2 { (heading) }
                dl {
                    @for (label, value) in facts {
                        div {
                            dt { (capital(label)) }
                            @match value { Some(value) => dd { (value) }, None => dd.faint { (not_known) } }
                        }
                    }
                }
                @if !reasons.is_empty() { p.why { (capital(not_known)) ": " (reasons.join("; ")) "." } }
            }
        }
    }

    fn quantity(&self, number: Option<f64>, decimals: usize, unit: &str) -> Option<Markup> {
        number.map(|number| html! { (self.charts.viewer.language.quantity(number, decimals, unit)) })
    }

    fn estimate(&self, estimate: Option<Estimate>, decimals: usize, unit: &str) -> Option<Markup> {
        let language = self.charts.viewer.language;
        let words = |Estimate { value, uncertainty }: Estimate| {
            format!("{} ± {}", language.number(value, decimals), language.quantity(uncertainty, decimals, unit))
        };
        estimate.map(|estimate| html! { (words(estimate)) })
    }

    fn expected(&self, expected: Expected) -> Markup {
        let when = |time| self.charts.viewer.when(time);
        html! { ((self.texts().expected)(&when(expected.expected_at), &when(expected.earliest), &when(expected.latest))) }
    }

    /// A number of hours, in days if they are many.
    fn hours(&self, hours: f64) -> Markup {
        let (language, texts) = (self.charts.viewer.language, self.texts());
        html! {
            @if hours.abs() < 48.0 { (language.quantity(hours, 0, texts.hours)) } @else { (language.quantity(hours / 24.0, 1, texts.days)) }
        }
    }

    fn energy(&self) -> Markup {
        let (texts, pages) = (self.texts(), self.charts.viewer.pages());
        let assessment = self.assessment();
        let energy = assessment.map(|assessment| &assessment.energy).cloned().unwrap_or_default();
        let night = energy.survives_night.map(|survival| match survival {
            Survival::Yes => pages.lasts,
            Survival::Uncertain => pages.may_not_last,
            Survival::No => pages.does_not_last,
        });
        let mut facts = vec![
            (texts.usable, self.quantity(energy.usable_percent, 0, "%")),
            (texts.charge, self.quantity(energy.charge_percent, 0, "%")),
            (texts.autonomy, energy.autonomy_hours.map(|hours| self.hours(hours))),
            (texts.night, night.map(|night| html! { (night) })),
            (texts.margin, energy.margin_hours.map(|hours| self.hours(hours))),
        ];
        if let Some(off) = energy.load_off {
            let probability = self.charts.viewer.language.quantity(100.0 * off.probability, 0, "%");
            facts.push((texts.load_off, Some(html! { (self.expected(off.when)) ", " (probability) })));
        }
        let back = energy.comeback.or_else(|| assessment?.silence.as_ref()?.expected_back_at);
        if let Some(back) = back {
            facts.push((texts.comeback, Some(self.expected(back))));
        }
        facts.push((texts.reserve, self.quantity(energy.dark_day_reserve_days, 1, "")));
        facts.push((texts.winter_reserve, self.quantity(energy.winter_reserve_days, 1, "")));
        self.list(texts.energy, &["energy", "energy.loadOff"], &facts)
    }

    fn battery(&self) -> Markup {
        let texts = self.texts();
        let battery = self.assessment().map(|assessment| &assessment.battery).cloned().unwrap_or_default();
        let latest = &self.charts.node.node.latest;
        let facts = [
            (self.charts.viewer.texts().node.voltage, self.quantity(latest.battery_voltage, 2, "V")),
            (texts.temperature, self.quantity(latest.battery_temperature, 1, "°C")),
            (texts.capacity, self.estimate(battery.estimated_capacity_ah, 1, "Ah")),
            (texts.of_rated, self.estimate(battery.capacity_percent_of_rated, 0, "%")),
            (texts.trend, self.quantity(battery.trend_percent_per_month, 1, texts.percent_a_month)),
            (texts.replacement, self.quantity(battery.months_to_replacement, 0, texts.months)),
            (texts.last_full, battery.last_full_charge_at.map(|time| self.charts.viewer.time(time))),
            (texts.deep_nights, self.quantity(battery.deep_nights_in_30_days.map(f64::from), 0, "")),
        ];
        self.list(texts.battery, &BATTERY, &facts)
    }

    fn panel(&self) -> Markup {
        let texts = self.texts();
        let panel = self.assessment().map(|assessment| &assessment.panel).cloned().unwrap_or_default();
        let latest = &self.charts.node.node.latest;
        let facts = [
            (texts.panel_yield, self.quantity(panel.yield_percent_of_mesh, 0, "%")),
            (texts.yield_trend, self.quantity(panel.yield_trend_percent_per_month, 1, texts.percent_a_month)),
            (texts.at_work, self.quantity(latest.mpp_voltage, 1, "V")),
            (texts.open_circuit, self.quantity(latest.open_circuit_voltage, 1, "V")),
        ];
        self.list(texts.panel, &["panel.yieldPercentOfMesh"], &facts)
    }

    /// The configuration, with what is odd about it.
    fn configuration(&self) -> Markup {
        use FindingCode::{
            CapacityImplausible, CapacityTooSmall, CutOffImplausible, PanelImplausible, PositionDefault,
            PositionJumped, PositionUnset, RatingsDefault,
        };
        let (texts, viewer) = (self.texts(), self.charts.viewer);
        let latest = &self.charts.node.node.latest;
        let position = match self.charts.node.position() {
            Position::Set { latitude, longitude } => {
                Some(html! { (viewer.language.number(latitude, 5)) ", " (viewer.language.number(longitude, 5)) })
            }
            Position::Unset | Position::ShippedDefault => None,
        };
        let odd = |value: Option<Markup>, codes: &[FindingCode]| {
            let found = self.assessment().into_iter().flat_map(|assessment| &assessment.findings);
            let odd: Vec<_> = found.filter(|finding| codes.contains(&finding.code)).collect();
            if odd.is_empty() {
                return value;
            }
            Some(html! {
                (value.unwrap_or_default())
                @for finding in odd { span.odd { "⚠ " ((viewer.texts().finding)(finding.code).title) } }
            })
        };
        let firmware = latest.firmware_version.as_deref().map(|firmware| html! { (firmware) });
        let facts = [
            (texts.firmware, firmware),
            (texts.cut_off, odd(self.quantity(latest.low_voltage_disconnect_voltage, 2, "V"), &[CutOffImplausible])),
            (
                texts.rated_capacity,
                odd(
                    self.quantity(latest.rated_battery_capacity, 1, "Ah"),
                    &[CapacityImplausible, CapacityTooSmall, RatingsDefault],
                ),
            ),
            (
                texts.rated_power,
                odd(self.quantity(latest.rated_solar_module_capacity, 0, "W"), &[PanelImplausible, RatingsDefault]),
            ),
            (texts.position, odd(position, &[PositionUnset, PositionDefault, PositionJumped])),
        ];
        self.list(texts.configuration, &[], &facts)
    }

    fn data(&self) -> Markup {
        let (texts, viewer) = (self.texts(), self.charts.viewer);
        let node = &self.charts.node.node;
        let assessment = self.assessment();
        let data = assessment.map(|assessment| &assessment.data).cloned().unwrap_or_default();
        let upgrade = assessment.map(|assessment| &assessment.upgrade);
        let safe = upgrade.and_then(|upgrade| {
            let answer = match (upgrade.safe?, upgrade.next_window) {
                (true, _) => texts.yes.into(),
                (false, None) => texts.no.into(),
                (false, Some(window)) => (texts.next_window)(&viewer.when(window.from), &viewer.when(window.to)),
            };
            let reasons = upgrade.reasons.iter().map(|reason| (viewer.texts().upgrade_reason)(*reason));
            Some(html! { (answer) span.why { (reasons.collect::<Vec<_>>().join(" ")) } })
        });
        let facts = [
            (texts.measurements, Some(html! { (viewer.language.grouped(node.measurements)) })),
            (texts.first, Some(viewer.time(node.first_timestamp))),
            (texts.interval, self.quantity(data.measuring_interval, 0, "s")),
            (texts.completeness, self.quantity(data.completeness_percent, 0, "%")),
            (texts.late, self.quantity(data.late_percent, 0, "%")),
            (texts.upgrade, safe),
        ];
        self.list(texts.data, &["data", "data.completenessPercent", "upgrade.safe"], &facts)
    }

    /// The charts, with what chooses their range.
    fn course(&self) -> Markup {
        let texts = self.texts();
        let charts = &self.charts;
        html! {
            section aria-labelledby="course-heading" {
                h2 #course-heading { (texts.charts) }
                (self.choice())
                div.charts {
                    @for field in CHART_FIELDS {
                        (charts.figure(field))
                    }
                }
                p #links data-range { a href=(self.csv_address()) download { (texts.csv) } }
            }
        }
    }

    /// The address of all values of this node in the range that is shown.
    fn csv_address(&self) -> String {
        let NodeCharts { viewer, node, .. } = &self.charts;
        let page = viewer.node(node.node.id.as_str());
        let path = page.strip_prefix(&viewer.base).unwrap_or(&page);
        format!("{}/api/v1{path}/measurements?{}&format=csv&order=asc", viewer.base, self.charts.range_query())
    }

    /// The controls for the range of the charts and the comparison.
    fn choice(&self) -> Markup {
        let (texts, viewer) = (self.texts(), self.charts.viewer);
        let here = viewer.node(self.charts.node.node.id.as_str());
        let compared = self.charts.comparison.map(Comparison::value);
        let with = compared.as_deref().map_or_else(String::new, |value| format!("&compare={}", escaped(value)));
        let option = |value: &str, text: &str| {
            html! { option value=(value) selected[compared.as_deref() == Some(value)] { (text) } }
        };
        let zone = &viewer.time_zone;
        html! {
            nav #spans.spans data-range aria-label=(texts.time) {
                @for span in Span::NAMED {
                    a href={ (here) "?span=" (span.name()) (with) "#course-heading" } aria-current=[(self.span == span).then_some("true")] {
                        ((texts.span)(span))
                    }
                }
            }
            form.filter method="get" action=(here) {
                label { (texts.from) input #from type="datetime-local" name="from" data-range value=(local(self.charts.range.start, zone)); }
                label { (texts.to) input #to type="datetime-local" name="to" data-range value=(local(self.charts.range.end, zone)); }
                label {
                    (texts.compare)
                    select name="compare" {
                        option value="" { (texts.nothing) }
                        (option(MEDIAN, texts.median))
                        @for other in self.others { (option(&format!("{NODE_PREFIX}{other}"), other)) }
                    }
                }
                button { (viewer.pages().apply) }
            }
        }
    }

    /// The course of the last month as a strip, and its silences with their causes as a list.
    fn past(&self) -> Markup {
        let texts = self.texts();
        let ongoing = self.assessment().and_then(|assessment| assessment.silence.as_ref());
        let silences: Vec<&Silence> = self.charts.silences.iter().chain(ongoing).collect();
        html! {
            section #silences data-live aria-labelledby="silences-heading" {
                h2 #silences-heading { (texts.past) }
                (self.strip(&silences))
                @if silences.is_empty() {
                    p { (texts.no_silences) }
                } @else {
                    @let earlier = silences.len().saturating_sub(LISTED);
                    (self.silence_list(&silences[earlier..], silences.len()))
                    @if earlier > 0 {
                        details {
                            summary { ((texts.earlier_silences)(earlier)) }
                            (self.silence_list(&silences[..earlier], earlier))
                        }
                    }
                }
            }
        }
    }

    /// Silences, the newest first, with their numbers.
    fn silence_list(&self, silences: &[&Silence], last: usize) -> Markup {
        html! {
            ol.silences reversed start=(last) {
                @for silence in silences.iter().rev() { li { (self.silence(silence)) } }
            }
        }
    }

    /// The silences, and a row for each kind of finding that there is or was: first those that there are.
    fn strip(&self, silences: &[&Silence]) -> Markup {
        let (texts, viewer) = (self.texts(), self.charts.viewer);
        let silent = |silence: &&Silence| StripSpan {
            from: silence.since,
            to: silence.until,
            severity: FindingSeverity::Urgent,
            text: (viewer.texts().cause)(silence.cause),
        };
        let silent: Vec<_> = silences.iter().map(silent).collect();
        // The silence has a row of its own.
        let is_other = |code| !matches!(code, FindingCode::RanEmpty | FindingCode::Silent);
        let text = |code| (viewer.texts().finding)(code).title;
        let range = viewer.now - PAST..viewer.now;
        let present = self.assessment().into_iter().flat_map(|assessment| &assessment.findings).map(|finding| {
            let Finding { code, severity, since, .. } = *finding;
            (code, StripSpan { from: since, to: None, severity, text: text(code) })
        });
        let past = self.past_findings.iter().rev().filter(|past| past.until > range.start).map(|past| {
            let PastFinding { code, severity, since, until } = *past;
            (code, StripSpan { from: since, to: Some(until), severity, text: text(code) })
        });
        let mut findings: Vec<(FindingCode, Vec<StripSpan<'_>>)> = Vec::new();
        for (code, span) in present.chain(past).filter(|(code, _)| is_other(*code)) {
            match findings.iter_mut().find(|(known, _)| *known == code) {
                Some((_, spans)) => spans.push(span),
                None => findings.push((code, vec![span])),
            }
        }
        let findings: Vec<_> = findings.iter().map(|(code, spans)| (capital(text(*code)), spans)).collect();
        let mut rows = vec![StripRow { label: texts.silences, spans: &silent }];
        rows.extend(findings.iter().map(|(label, spans)| StripRow { label, spans }));
        let time_zone = viewer.time_zone.clone();
        let strip = Strip { id: "past", title: texts.past, range, time_zone, language: viewer.language, rows: &rows };
        // The heading of the section is its caption.
        html! { figure.chart #past { (strip.svg()) } }
    }

    fn silence(&self, silence: &Silence) -> Markup {
        let viewer = self.charts.viewer;
        let until = silence.until.unwrap_or(viewer.now);
        let duration = self.hours((until - silence.since) as f64 / HOUR).into_string();
        let to = silence.until.map_or_else(|| "…".into(), |until| viewer.when(until));
        let confidence = viewer.language.quantity(100.0 * silence.confidence, 0, "%");
        let cause = (viewer.texts().cause)(silence.cause);
        let facts: Vec<_> = silence.evidence.iter().map(|fact| (viewer.texts().silence_fact)(*fact)).collect();
        html! {
            ((self.texts().silence)(&viewer.when(silence.since), &to, &duration, cause, &confidence))
            span.why { (facts.join(" ")) }
        }
    }
}

/// Returns a time as a field for local times has it.
fn local(time: i64, zone: &jiff::tz::TimeZone) -> String {
    let time = crate::language::zoned(time, zone);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}", time.year(), time.month(), time.day(), time.hour(), time.minute())
}

/// The page of a name that no node has.
#[derive(Debug, Clone, Copy)]
pub struct UnknownNode<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The name.
    pub name: &'a str,
}

impl UnknownNode<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let viewer = self.viewer;
        let text = (viewer.texts().node.unknown)(self.name);
        let main = html! {
            h1 { (text) }
            p { a href=(viewer.href("/")) { (viewer.pages().overview) } }
        };
        Layout { viewer, title: &text, section: None, scripts: &[], main }.page()
    }
}
