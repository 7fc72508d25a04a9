//! Programs.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use isems_alerts::Message;
use tokio::time;

use super::{message, notify, open};

/// Writes a script, and returns its address.
fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("tell people.sh");
    fs::write(&file, format!("#!/bin/sh\ncd '{}'\n{text}\n", folder.display())).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    format!("exec:{}", file.display())
}

#[tokio::test]
async fn a_program_gets_arguments_and_json_and_no_variables_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let address =
        script(folder.path(), "printf '%s\\n' \"$@\" >arguments; env >environment; cat >message; echo; echo told");
    assert_eq!(notify(&address, &message()).await.expect("it succeeds"), "told");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it was written");
    let Message { title, link, .. } = message();
    assert_eq!(read("arguments").lines().collect::<Vec<_>>(), ["urgent", &title, &link.expect("a link")]);
    assert_eq!(serde_json::from_str::<Message>(&read("message")).expect("a message"), message());
    assert!(!read("environment").contains("CARGO"), "{}", read("environment"));
}

#[tokio::test]
async fn a_program_may_ignore_its_input_and_write_a_lot() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = script(folder.path(), "exec <&-; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2");
    let message = Message { text: "x".repeat(1_000_000), ..message() };
    notify(&address, &message).await.expect("it succeeds");
}

#[tokio::test]
async fn a_program_that_fails_is_an_error_with_its_status_and_first_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = script(folder.path(), "echo 'no modem' >&2; echo more >&2; exit 3");
    let error = notify(&address, &message()).await.expect_err("it fails");
    assert!(error.problem.ends_with("tell people.sh ended with exit status: 3: no modem"), "{error}");
    let error = notify("exec:/no/such/program", &message()).await.expect_err("it is missing");
    assert!(error.problem.starts_with("cannot run /no/such/program: No such file"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_given_up_is_killed_with_what_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = script(folder.path(), "sleep 1000 &\necho $$ $! >started; mv started pids; wait");
    let channel = open(&address);
    let attempt = tokio::spawn(async move { channel.notifier.notify(&message()).await.map_err(drop) });
    let pids = eventually(|| fs::read_to_string(folder.path().join("pids")).ok()).await;
    attempt.abort();
    for pid in pids.split_whitespace() {
        eventually(|| (!runs(pid)).then_some(())).await;
    }
}

/// Returns whether a process runs; one that only waits to be collected does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

async fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        time::sleep(Duration::from_millis(10)).await;
    }
}
