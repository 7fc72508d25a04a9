//! `isems-server insight`: shows which nodes need attention, and why.

use std::io::{self, Write};

use isems_core::{BoxError, NodeId, printable};
use isems_insight::{FindingSeverity, Level};

use super::{database::Database, table::Table};
use crate::api::{Insight, Insights, UtcTime};

/// The options of `insight`.
#[derive(Debug, Clone)]
pub(super) struct ShowInsight {
    /// The nodes, or none for all.
    pub(super) nodes: Vec<NodeId>,
    /// The time, Unix seconds, UTC, or `None` for now.
    pub(super) at: Option<i64>,
    pub(super) json: bool,
}

impl ShowInsight {
    /// Writes the assessments, the node that most needs attention first.
    pub(super) async fn run(&self, database: &Database, output: &mut dyn Write) -> Result<(), BoxError> {
        for node in &self.nodes {
            database.expect_node(node).await?;
        }
        let mut insights = database.insights(self.at).await?;
        let is_wanted =
            |insight: &Insight| self.nodes.is_empty() || self.nodes.iter().any(|node| node.as_str() == insight.node_id);
        insights.nodes.retain(is_wanted);
        if self.json {
            serde_json::to_writer_pretty(&mut *output, &insights).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            insights.write(output)?;
        }
        Ok(())
    }
}

impl Insights {
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        if self.nodes.is_empty() {
            return writeln!(output, "There are no nodes.");
        }
        let header = ["node", "level", "charge", "usable", "lasts", "load off at", "silent since", "cause"];
        let mut table = Table::new(header.map(Into::into));
        for insight in &self.nodes {
            table.push(insight.row());
        }
        table.write(output)?;
        for insight in &self.nodes {
            insight.write_findings(output)?;
        }
        Ok(())
    }
}

impl Insight {
    fn row(&self) -> [String; 8] {
        let percent = |percent: Option<f64>| percent.map_or_else(|| "?".into(), |percent| format!("{percent:.0} %"));
        let hours = |hours: f64| format!("{hours:.0} h");
        let Self { node_id, level, energy, silence, .. } = self;
        let silence = silence.as_ref();
        [
            printable(node_id).into_owned(),
            level.0.name().into(),
            percent(energy.charge_percent),
            percent(energy.usable_percent),
            energy.autonomy_hours.map_or_else(|| "?".into(), hours),
            energy.load_off.as_ref().map_or_else(|| "-".into(), |off| off.when.expected_at.text()),
            silence.map_or_else(|| "-".into(), |silence| silence.since.text()),
            silence.map_or_else(|| "-".into(), |silence| silence.cause.0.name().into()),
        ]
    }

    /// Writes the problems and what to do about them, unless all is well.
    fn write_findings(&self, output: &mut dyn Write) -> io::Result<()> {
        let matters = self.findings.iter().filter(|finding| finding.severity.0 > FindingSeverity::Info);
        let mut matters = matters.peekable();
        if matters.peek().is_none() && self.level.0 != Level::Unknown {
            return Ok(());
        }
        writeln!(output, "\n{}", printable(&self.node_id))?;
        for finding in matters {
            let since = UtcTime::text(finding.since);
            let (severity, meaning, advice) = (finding.severity.0.name(), &finding.meaning, &finding.advice);
            writeln!(output, "  {severity}, since {since}: {meaning} {advice}")?;
        }
        if self.level.0 == Level::Unknown {
            for unknown in &self.unknown {
                writeln!(output, "  {} is not known: {}", unknown.what, printable(&unknown.reason))?;
            }
        }
        Ok(())
    }
}
