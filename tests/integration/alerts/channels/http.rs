//! Behaviour that channels over HTTP have in common.

use std::{fs, time::Duration};

use super::{
    message, notify, open,
    recorder::{Event, Recorder},
};
use crate::mqtt::certificates::Certificates;

#[tokio::test]
async fn a_refusal_names_host_and_status_and_says_what_to_do() {
    for (answer, wanted) in [
        ("401 Unauthorized\r\n\r\n", "401 Unauthorized: check user, password or token"),
        ("404 Not Found\r\n\r\n", "404 Not Found: check the address"),
        ("413 Payload Too Large\r\n\r\n", "413 Payload Too Large: the message is too large for it"),
        ("500 Internal Server Error\r\n\r\n", "500 Internal Server Error: it has a problem of its own"),
        ("400 Bad Request\r\n\r\nchat not found\n", "does not accept the message (it says: chat not found)"),
    ] {
        for scheme in ["ntfy", "webhook+http"] {
            let recorder = Recorder::start(Some(answer)).await;
            let error = notify(&format!("{scheme}://{}/roof", recorder.address), &message()).await.expect_err(answer);
            assert!(error.problem.starts_with(&format!("{} answered ", recorder.address)), "{error}");
            assert!(error.problem.contains(wanted) && error.retry_after.is_none(), "{error}");
        }
    }
}

#[tokio::test]
async fn a_pause_that_the_server_asks_for_is_passed_on() {
    for (header, is_expected) in [
        ("120", (|pause| pause == Duration::from_mins(2)) as fn(Duration) -> bool),
        ("Fri, 01 Jan 2100 00:00:00 GMT", |pause| pause > Duration::from_hours(24)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", |pause| pause.is_zero()),
    ] {
        for status in ["429 Too Many Requests", "503 Service Unavailable"] {
            let recorder = Recorder::start(Some(&format!("{status}\r\nRetry-After: {header}\r\n\r\n"))).await;
            let error = notify(&format!("ntfy://{}/roof", recorder.address), &message()).await.expect_err(status);
            assert!(error.retry_after.is_some_and(is_expected), "{header}: {:?}", error.retry_after);
        }
    }
}

#[tokio::test]
async fn redirections_are_not_followed_for_they_could_carry_secrets_away() {
    let elsewhere = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let answer = format!("307 Temporary Redirect\r\nLocation: http://{}/roof\r\n\r\n", elsewhere.address);
    let recorder = Recorder::start(Some(&answer)).await;
    let error = notify(&format!("ntfy://token@{}/roof", recorder.address), &message()).await.expect_err("refused");
    assert!(error.problem.contains("correct the address"), "{error}");
    assert!(elsewhere.is_empty());
}

#[tokio::test]
async fn whoever_gives_up_leaves_no_connection_behind() {
    let mut recorder = Recorder::start(None).await;
    let channel = open(&format!("webhook+http://{}/", recorder.address));
    let attempt = tokio::spawn(async move { channel.notifier.notify(&message()).await.map_err(drop) });
    recorder.request().await;
    attempt.abort();
    assert!(matches!(recorder.next().await, Event::HungUp));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_path() {
    let address = Recorder::start(None).await.address;
    let error =
        notify(&format!("webhook+http://user:pass@{address}/hooks/abcdefgh"), &message()).await.expect_err("gone");
    assert!(error.problem.starts_with(&format!("{address} cannot be reached: ")), "{error}");
    assert!(!error.problem.contains("abcdefgh") && !error.problem.contains("pass"), "{error}");
}

#[tokio::test]
async fn what_a_server_repeats_of_a_secret_is_not_shown() {
    let answer =
        "400 Bad Request\r\n\r\nno hunter2hunter2, planted-in-path, planted-in-query, planted-in-header, planted-key";
    let recorder = Recorder::start(Some(answer)).await;
    let address = format!(
        "webhook+http://u:hunter2hunter2@{}/planted-in-path?token=planted-in-query#header=X-Key:planted-in-header&\
         secret=planted-key",
        recorder.address
    );
    let error = notify(&address, &message()).await.expect_err("refused");
    assert!(error.problem.contains("(it says: no ***, ***, ***, ***, ***)"), "{error}");
}

#[tokio::test]
async fn only_a_server_with_a_trusted_certificate_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trusted, other) = (Certificates::new(), Certificates::new());
    let file = folder.path().join("ca.pem");
    fs::write(&file, &trusted.authority).expect("it can be written");
    for scheme in ["ntfys", "webhook+https"] {
        let mut recorder = Recorder::start_tls(&trusted).await;
        let address = |recorder: &Recorder| format!("{scheme}://{}/roof#ca_file={}", recorder.address, file.display());
        notify(&address(&recorder), &message()).await.expect("it is trusted");
        recorder.request().await;
        let recorder = Recorder::start_tls(&other).await;
        let error = notify(&address(&recorder), &message()).await.expect_err("it is not trusted");
        assert!(error.problem.contains("is not signed by a trusted authority: set ca_file"), "{error}");
        assert!(recorder.is_empty());
    }
}
