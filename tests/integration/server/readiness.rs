//! Health and readiness.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use isems_core::{
    Batch, BoxError, Inbox, RedbRepository, Repository, RepositoryError, Stored, Transport, async_trait,
    testing::{HookedRepository, StoreHook},
};
use reqwest::StatusCode;
use serde_json::Value;

use super::TestService;

/// A disk that is full, and how often it was written.
#[derive(Default)]
struct FullDisk(AtomicUsize);

#[async_trait]
impl StoreHook for FullDisk {
    async fn store(&self, repository: &dyn Repository, _: Batch) -> Result<Stored, RepositoryError> {
        self.probe(repository).await.map(|()| Stored::default())
    }

    async fn probe(&self, _: &dyn Repository) -> Result<(), RepositoryError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(RepositoryError::Full { source: "no space left on device".into() })
    }
}

/// A transport whose only source is away.
struct Away;

#[async_trait]
impl Transport for Away {
    fn name(&self) -> &'static str {
        "away"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        inbox.source_down("broker.example:1883", &"connection refused");
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_source_that_is_away_does_not_make_the_server_unready() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = TestService::with(repository, |service| service, Some(Box::new(Away))).await;
    assert_eq!(service.json("/healthz").await["status"], "ok");
    let readiness = loop {
        let readiness = service.json("/readyz").await;
        if readiness["transports"][0]["sources"][0].is_object() {
            break readiness;
        }
    };
    assert_eq!(readiness["ready"], true);
    assert_eq!(readiness["database"]["writable"], true);
    assert_eq!(readiness["clock"], "plausible");
    let transport = &readiness["transports"][0];
    assert_eq!(transport["name"], "away");
    assert_eq!(transport["state"], "running");
    assert_eq!(transport["sources"][0]["name"], "broker.example:1883");
    assert_eq!(transport["sources"][0]["up"], false);
    assert_eq!(transport["sources"][0]["error"], "connection refused");
}

#[tokio::test]
async fn a_database_that_cannot_be_written_makes_it_unready_and_reads_go_on() {
    let memory = Arc::new(RedbRepository::in_memory().unwrap());
    let repository = Arc::new(HookedRepository::over(memory, FullDisk::default()));
    let service = TestService::with(repository.clone(), |service| service, None).await;
    let response = service.get("/readyz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let readiness: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(readiness["ready"], false);
    assert!(readiness["database"]["error"].as_str().unwrap().contains("no space left on device"));
    assert_eq!(service.json("/healthz").await["status"], "ok");
    assert!(service.node_ids("/measurements/latest").await.is_empty());
    for path in ["/readyz", "/api/readyz"].repeat(20) {
        assert_eq!(service.get(path).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(repository.hook.0.load(Ordering::Relaxed) < 20, "strangers do not decide how often the disk is written");
}
