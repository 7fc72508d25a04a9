//! The identifiers of measurements in the original's API: below 2^53, unique, and permanent.

use std::{collections::BTreeMap, sync::Arc};

use isems_core::{
    Batch, NodeId, RedbOptions, RedbRepository, Repository, RepositoryError, Stored, async_trait,
    testing::{HookedRepository, SAMPLE_TIME, StoreHook, sample_measurement},
};

use super::TestService;

fn node_id(name: &str) -> NodeId {
    name.parse().unwrap()
}

async fn store(repository: &dyn Repository, name: &str) {
    let measurements = vec![sample_measurement(name, SAMPLE_TIME)];
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

/// Returns the number in the identifier of every node's newest measurement, as given by a freshly started service.
async fn numbers(repository: Arc<dyn Repository>) -> BTreeMap<String, u64> {
    let service = TestService::with(repository, |service| service, None).await;
    let answer = service.json("/measurements/latest?all=true").await;
    let mut numbers = BTreeMap::new();
    for measurement in answer["measurements"].as_array().unwrap() {
        let (name, id) = (measurement["nodeId"].as_str().unwrap(), measurement["id"].as_u64().unwrap());
        assert_eq!(id % (1 << 32), SAMPLE_TIME as u64);
        let single = service.json(&format!("/measurements/{name}/latest")).await;
        assert_eq!(single["measurements"][0]["id"], id, "the identifier of {name} is the same everywhere");
        numbers.insert(name.into(), id >> 32);
    }
    numbers
}

fn expected(numbers: &[(&str, u64)]) -> BTreeMap<String, u64> {
    numbers.iter().map(|(name, number)| ((*name).into(), *number)).collect()
}

#[tokio::test]
async fn identifiers_of_a_file_stay_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let repository: Arc<RedbRepository> =
        Arc::new(RedbOptions::default().open(folder.path().join("isems.redb")).unwrap());
    for name in ["Gone", "Hut", "Barn"] {
        store(&*repository, name).await;
    }
    repository.delete(&node_id("Gone"), i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(numbers(repository.clone()).await, expected(&[("Barn", 3), ("Hut", 2)]), "those that the file gave");
    store(&*repository, "Attic").await;
    let all = expected(&[("Attic", 4), ("Barn", 3), ("Hut", 2)]);
    assert_eq!(numbers(repository.clone()).await, all);
    repository.delete(&node_id("Barn"), i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(numbers(repository.clone()).await, expected(&[("Attic", 4), ("Hut", 2)]));
    store(&*repository, "Cave").await;
    store(&*repository, "Barn").await;
    let with_cave = expected(&[("Attic", 4), ("Barn", 3), ("Cave", 5), ("Hut", 2)]);
    assert_eq!(numbers(repository).await, with_cave, "a node that comes again is the same node");
}

/// Stores everything except metadata.
struct Forgetful;

#[async_trait]
impl StoreHook for Forgetful {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        if !batch.metadata.is_empty() {
            return Err(RepositoryError::Full { source: "no space left on device".into() });
        }
        repository.store(batch).await
    }
}

#[tokio::test]
async fn identifiers_need_no_particular_repository() {
    let inner: Arc<dyn Repository> = Arc::new(RedbRepository::in_memory().unwrap());
    let full: Arc<dyn Repository> = Arc::new(HookedRepository::over(inner.clone(), Forgetful));
    for name in ["Hut", "Barn"] {
        store(&*inner, name).await;
    }
    let both = expected(&[("Barn", 1), ("Hut", 2)]);
    assert_eq!(numbers(full).await, both, "they can be read when they cannot be stored");
    assert_eq!(numbers(inner.clone()).await, both);
    for number in 0..1100 {
        store(&*inner, &format!("Zelt-{number:04}")).await;
    }
    let many = TestService::with(inner.clone(), |service| service, None).await;
    many.json("/measurements/latest?all=true").await;
    store(&*inner, "Attic").await;
    let service = TestService::with(inner, |service| service, None).await;
    let answer = service.json("/measurements/Attic/latest").await;
    assert_eq!(answer["measurements"][0]["id"], (1103_u64 << 32) + SAMPLE_TIME as u64);
    let answer = service.json("/measurements/Hut/latest").await;
    assert_eq!(answer["measurements"][0]["id"], (2_u64 << 32) + SAMPLE_TIME as u64);
}
