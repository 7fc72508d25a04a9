//! Brokers that fail. The collector survives them all, does not hammer them, and says once what is wrong.

use std::{sync::Arc, time::Duration};

use isems_core::{Backoff, RedbRepository, TransportState};
use rumqttc::{ConnectReturnCode, Packet, SubAck, SubscribeReasonCode};
use tokio::{io::AsyncReadExt, time};

use super::{Running, gate::gated, line, peer::Broker, seconds};
use crate::recorder::{logged, record_log};

/// A misbehaviour of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ClosesAtOnce,
    ClosesWhenGreeted,
    Refuses(ConnectReturnCode),
    AnswersRubbish,
    RefusesFilters,
    /// It accepts the connection and stays silent.
    IsSilent,
    /// It lets the client in and then stays silent.
    IsSilentWhenAskedToSubscribe,
    /// It lets the client in, accepts the subscription, and closes the connection. Every connection is news then.
    ClosesWhenSubscribed,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::ClosesAtOnce,
        Self::ClosesWhenGreeted,
        Self::Refuses(ConnectReturnCode::BadUserNamePassword),
        Self::Refuses(ConnectReturnCode::NotAuthorized),
        Self::Refuses(ConnectReturnCode::ServiceUnavailable),
        Self::AnswersRubbish,
        Self::RefusesFilters,
        Self::IsSilent,
        Self::IsSilentWhenAskedToSubscribe,
        Self::ClosesWhenSubscribed,
    ];

    /// Misbehaves towards the next connection.
    async fn inflict(self, broker: &Broker) {
        match self {
            Self::ClosesAtOnce => drop(broker.accept_tcp().await),
            Self::ClosesWhenGreeted => drop(broker.accept().await),
            Self::Refuses(code) => {
                let mut peer = broker.accept().await;
                peer.answer_connect(code).await;
                peer.expect_close().await;
            }
            Self::AnswersRubbish => {
                let mut peer = broker.accept().await;
                peer.send_in_vain(&b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(9)).await;
                peer.expect_close().await;
            }
            Self::RefusesFilters => {
                let mut peer = broker.accept().await;
                peer.answer_connect(ConnectReturnCode::Success).await;
                let subscribe = peer.read_subscribe().await;
                let codes = vec![SubscribeReasonCode::Failure; subscribe.filters.len()];
                peer.send(Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await;
                peer.expect_close().await;
            }
            Self::IsSilent => {
                let mut stream = broker.accept_tcp().await;
                pass(Duration::from_secs(11)).await;
                // The read ends when the client gives up.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            Self::IsSilentWhenAskedToSubscribe => {
                let mut peer = broker.accept().await;
                peer.answer_connect(ConnectReturnCode::Success).await;
                peer.read_subscribe().await;
                pass(Duration::from_secs(61)).await;
                peer.expect_close().await;
            }
            Self::ClosesWhenSubscribed => drop(broker.accept_session().await),
        }
    }
}

/// Lets time pass, as the client sees it.
pub(super) async fn pass(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

fn memory() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory"))
}

#[tokio::test]
async fn a_fault_is_waited_out() {
    for fault in Fault::ALL {
        let broker = Broker::start().await;
        let patience = Backoff::new(Duration::from_hours(1), Duration::from_hours(1));
        let running = Running::start_with(memory(), broker.config(), patience);
        fault.inflict(&broker).await;
        let status = running.until(|status| status.state == TransportState::Waiting).await;
        broker.expect_silence().await;
        let (name, source) = status.sources.first_key_value().expect("the broker is a source");
        let error = source.error.as_deref().unwrap_or_else(|| panic!("{fault:?} is no error"));
        assert!(!source.up);
        assert_eq!(status.last_error.expect("there is an error").message, format!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_fault_is_logged_once_and_survived() {
    for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::ClosesWhenSubscribed) {
        record_log();
        let broker = Broker::start().await;
        let repository = memory();
        let running = Running::start(repository.clone(), broker.config());
        for _ in 0..3 {
            fault.inflict(&broker).await;
        }
        let mut peer = broker.accept_session().await;
        running.until_up().await;
        peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
        peer.expect_ack(1).await;
        let status = running.status();
        assert_eq!((status.state, status.received, status.stored), (TransportState::Running, 1, 1), "{fault:?}");
        assert_eq!(seconds(&*repository, "Hut").await, [0]);
        for (level, wanted) in [("ERROR", 0), ("WARN", 1), ("INFO", 1)] {
            let lines = logged(level);
            assert_eq!(lines.len(), wanted, "{fault:?}: {lines:#?}");
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_full_is_logged_once_each_time() {
    record_log();
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    gate.open();
    let _running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    for outage in 1..=2 {
        gate.set_broken(true);
        for _ in 0..3 {
            peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
            peer.expect_close().await;
            peer = broker.accept_session().await;
        }
        gate.set_broken(false);
        peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
        peer.expect_ack(1).await;
        let lines = logged("WARN");
        assert_eq!(lines.iter().filter(|line| line.contains("the disk is full")).count(), outage, "{lines:#?}");
    }
}
