//! `isems-server backtest`: shows how far the forecasts of nights can be trusted.

use std::{
    io::{self, Write},
    ops::Range,
};

use isems_core::{BoxError, Repository, unix_now};
use isems_insight::{AskedAt, Backtest, NightScore};

use super::{database::Database, table::Table};
use crate::time::EVER;

/// The number of days covered by default.
const DAYS: i64 = 60;

/// Forecasts the nights of a past period, and writes how many load-offs were forecast, seen, missed and false.
pub(super) async fn backtest(seconds: Range<i64>, database: &Database, output: &mut dyn Write) -> Result<(), BoxError> {
    let Database::File(repository) = database else {
        let advice = "it reads months of measurements; make a copy with `isems-server backup COPY`, and run \
                      `isems-server backtest --database-url COPY`";
        return Err(format!("a backtest cannot use the database of a running server, because {advice}").into());
    };
    let to = if seconds.end == EVER.end { unix_now() } else { seconds.end };
    let from = if seconds.start == EVER.start { to - DAYS * 86_400 } else { seconds.start };
    let repository: &dyn Repository = &**repository;
    let backtest = Backtest::run(repository, from, to).await?;
    write(&backtest, output)?;
    Ok(())
}

fn write(backtest: &Backtest, output: &mut dyn Write) -> io::Result<()> {
    if backtest.scores.is_empty() {
        return writeln!(output, "There were no nights to forecast.");
    }
    let header = ["node", "asked at", "nights", "seen", "said", "right", "missed", "false", "unknown", "median error"];
    let mut table = Table::new(header.map(Into::into));
    for (node, scores) in &backtest.nodes {
        for (asked_at, score) in scores {
            table.push(row(node.as_str(), *asked_at, score));
        }
    }
    for (asked_at, score) in &backtest.scores {
        table.push(row("all", *asked_at, score));
    }
    table.write(output)?;
    writeln!(output)?;
    for (asked_at, score) in &backtest.scores {
        let when = match asked_at {
            AskedAt::Noon => "At noon",
            AskedAt::Evening => "Three hours after sunset",
        };
        let share = |share: Option<f64>| share.map_or_else(|| "-".into(), |share| format!("{:.0} %", 100.0 * share));
        writeln!(
            output,
            "{when}, {} of the load-offs were forecast, {} of the forecasts came true, and {} of those were within the interval.",
            share(score.recall()),
            share(score.precision()),
            share(score.coverage())
        )?;
    }
    Ok(())
}

fn row(node: &str, asked_at: AskedAt, score: &NightScore) -> [String; 10] {
    let NightScore { nights, unknown, seen, said, right, .. } = score;
    [
        node.into(),
        asked_at.name().into(),
        nights.to_string(),
        seen.to_string(),
        said.to_string(),
        right.to_string(),
        (seen - right).to_string(),
        (said - right).to_string(),
        unknown.to_string(),
        score.error(0.5).map_or_else(|| "-".into(), |hours| format!("{hours:.1} h")),
    ]
}
