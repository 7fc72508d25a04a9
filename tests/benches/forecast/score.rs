//! The scores of many nights, and their table.

use std::{collections::BTreeMap, time::Duration};

use isems_insight::{AskedAt, NightForecast, NightScore};

/// The scores of insight and of the naive forecast.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    insight: BTreeMap<AskedAt, NightScore>,
    naive: BTreeMap<AskedAt, NightScore>,
    /// Hours from the evening's forecast to the true and to the predicted load-off.
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) assessing: Duration,
    pub(crate) assessments: u32,
}

impl Scores {
    pub(crate) fn add(&mut self, forecast: &NightForecast, naive: &NightForecast, off: Option<i64>) {
        if let (Some(off), Some(expected), AskedAt::Evening) = (off, forecast.expected, forecast.asked_at) {
            let hours = |instant: i64| (instant - forecast.at) as f64 / 3600.0;
            self.points.push((hours(off), hours(expected.expected_at)));
        }
        self.insight.entry(forecast.asked_at).or_default().add(forecast, off);
        self.naive.entry(forecast.asked_at).or_default().add(naive, off);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, others) in [(&mut self.insight, other.insight), (&mut self.naive, other.naive)] {
            for (asked_at, score) in others {
                mine.entry(asked_at).or_default().merge(score);
            }
        }
        self.points.extend(other.points);
        self.assessing += other.assessing;
        self.assessments += other.assessments;
    }

    /// The most important figures of the evening.
    pub(crate) fn line(&self) -> String {
        let score = self.insight.get(&AskedAt::Evening).cloned().unwrap_or_default();
        let share = |seen: u64| 100.0 * seen as f64 / (score.nights + score.unknown).max(1) as f64;
        format!(
            "{} nights, load off in {:.1} %, recall {}, precision {}",
            score.nights,
            share(score.seen),
            shown(score.recall(), 3),
            shown(score.precision(), 3)
        )
    }

    pub(crate) fn print(&self) {
        println!(
            "| asked at | by | nights | unknown | load off | recall | precision | median error | 90th percentile | in interval |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for (name, scores) in [("insight", &self.insight), ("naive", &self.naive)] {
            for (asked_at, score) in scores {
                println!(
                    "| {} | {name} | {} | {} | {} | {} | {} | {} h | {} h | {} |",
                    asked_at.name(),
                    score.nights,
                    score.unknown,
                    score.seen,
                    shown(score.recall(), 3),
                    shown(score.precision(), 3),
                    shown(score.error(0.5), 2),
                    shown(score.error(0.9), 2),
                    shown(score.coverage(), 3),
                );
            }
        }
        let micros = self.assessing.as_micros() as f64 / f64::from(self.assessments.max(1));
        println!("one assessment: {micros:.0} us");
    }
}

fn shown(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{figure:.decimals$}"))
}
