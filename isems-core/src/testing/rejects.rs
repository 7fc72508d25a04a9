//! The checks of the reject log in the conformance suite of [`Repository`].

use super::{
    SAMPLE_TIME,
    repository::{fail, sample_reject},
    sample_measurement,
};
use crate::{Batch, LateRejects, Measurement, Outcome, Reject, RejectQuery, RejectReason, Repository};

/// Rejects are read as they were stored, newest first, and create no nodes.
pub async fn lists_rejects_newest_first(repository: &dyn Repository) {
    let reject = |line: u32| Reject {
        node: line.is_multiple_of(2).then(|| "Hut".into()),
        field: line.is_multiple_of(3).then(|| "latitude".into()),
        reason: RejectReason::ALL[line as usize % RejectReason::ALL.len()],
        ..sample_reject(line)
    };
    store_rejects(repository, (1..=2).map(reject)).await;
    store_rejects(repository, (3..=20).map(reject)).await;
    for limit in [0, 1, 5, 20, usize::MAX] {
        let found = repository.rejects(&RejectQuery::newest(limit)).await.unwrap_or_else(fail).rejects;
        let expected: Vec<_> = (1..=20).rev().take(limit).map(reject).collect();
        assert_eq!(found, expected, "rejects are listed newest first, at most {limit}");
    }
    assert!(repository.nodes().await.unwrap_or_else(fail).is_empty(), "a reject makes no node");
}

/// Rejects can be queried by node, transport and reason, and page by page; entries appended meanwhile do not appear.
pub async fn answers_queries_for_rejects(repository: &dyn Repository) {
    let reject = |line: u32| Reject {
        node: (line.is_multiple_of(2)).then(|| if line.is_multiple_of(4) { "Hut".into() } else { "no;node\n".into() }),
        transport: if line.is_multiple_of(3) { "http".into() } else { "mqtt".into() },
        reason: if line.is_multiple_of(5) { RejectReason::Conflict } else { RejectReason::FieldCount },
        ..sample_reject(line)
    };
    store_rejects(repository, (1..=60).map(reject)).await;
    let all = RejectQuery::newest(usize::MAX);
    let hut = RejectQuery { node: Some("Hut".into()), ..all.clone() };
    let queries = [
        RejectQuery { node: Some("no;node\n".into()), ..all.clone() },
        RejectQuery { node: Some("Hu".into()), ..all.clone() },
        RejectQuery { transport: Some("http".into()), ..all.clone() },
        RejectQuery { reason: Some(RejectReason::Conflict), ..all.clone() },
        RejectQuery { transport: Some("mqtt".into()), reason: Some(RejectReason::Conflict), ..hut.clone() },
        hut,
        all,
    ];
    for query in queries {
        let expected: Vec<_> = (1..=60).rev().map(reject).filter(|reject| query.matches(reject)).collect();
        let page = repository.rejects(&query).await.unwrap_or_else(fail);
        assert_eq!(page.rejects, expected, "{query:?} is answered, newest first");
        assert_eq!(page.next, None, "there is nothing older");
        for limit in [1, 4, 60] {
            let mut found = Vec::new();
            let mut next = Some(RejectQuery { limit, ..query.clone() });
            while let Some(query) = next {
                let page = repository.rejects(&query).await.unwrap_or_else(fail);
                assert!(page.rejects.len() <= limit, "a page has at most {limit} rejects");
                next = page.next.map(|before| RejectQuery { before: Some(before), ..query });
                assert!(next.is_none() || page.rejects.len() == limit, "a page that is not the last one is full");
                found.extend(page.rejects);
            }
            assert_eq!(found, expected, "pages of {limit} are the whole");
        }
    }
    let first = RejectQuery::newest(10);
    let page = repository.rejects(&first).await.unwrap_or_else(fail);
    assert!(page.next.is_some(), "there are older rejects");
    store_rejects(repository, (61..=70).map(reject)).await;
    let second = repository.rejects(&RejectQuery { before: page.next, ..first }).await.unwrap_or_else(fail);
    let expected: Vec<_> = (41..=50).rev().map(reject).collect();
    assert_eq!(second.rejects, expected, "a page goes on where the one before ended");
}

/// At least the newest 10,000 rejects are kept.
pub async fn keeps_enough_rejects(repository: &dyn Repository) {
    const KEPT: u32 = 10_000;
    for thousand in 0..=KEPT / 1000 {
        store_rejects(repository, (1..=1000).map(|line| sample_reject(1000 * thousand + line))).await;
    }
    let found = repository.rejects(&RejectQuery::newest(KEPT as usize)).await.unwrap_or_else(fail).rejects;
    let lines: Vec<_> = found.iter().map(|reject| reject.line).collect();
    let expected: Vec<_> = (1001..=KEPT + 1000).rev().collect();
    assert!(lines == expected, "the newest {KEPT} rejects are kept; {} were found", lines.len());
}

/// Rejects that depend on the outcomes of measurements are appended after the others, and see every outcome.
pub async fn keeps_rejects_that_depend_on_outcomes(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    let conflict = Measurement { battery_voltage: Some(3.0), ..first.clone() };
    let measurements = vec![first.clone(), first, conflict, sample_measurement("Hut", SAMPLE_TIME + 60)];
    let outcomes = [Outcome::Stored, Outcome::Duplicate, Outcome::Conflict, Outcome::Stored];
    let expected = measurements.clone();
    let late_rejects = LateRejects::new(move |measurements, stored| {
        assert_eq!(measurements, expected, "the measurements are those of the batch");
        assert_eq!(stored.outcomes, outcomes, "the outcomes are known");
        vec![sample_reject(2), sample_reject(3)]
    });
    let late_rejects = Some(late_rejects);
    let batch = Batch { measurements, rejects: vec![sample_reject(1)], late_rejects, ..Batch::default() };
    repository.store(batch).await.unwrap_or_else(fail);
    let found = repository.rejects(&RejectQuery::newest(10)).await.unwrap_or_else(fail).rejects;
    assert_eq!(found, [3, 2, 1].map(sample_reject), "rejects that depend on outcomes are kept after the others");
}

pub(super) async fn store_rejects(repository: &dyn Repository, rejects: impl Iterator<Item = Reject>) {
    let batch = Batch { rejects: rejects.collect(), ..Batch::default() };
    repository.store(batch).await.unwrap_or_else(fail);
}
