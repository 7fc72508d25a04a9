//! The doctor: what it finds in good and bad set-ups.

mod common;

use std::{fs, net::TcpListener, path::Path};

use common::{Running, run, text};
use serde_json::Value;

/// The doctor's answer: pairs of a thing and a verdict, the whole as text, and whether all is well.
fn examine(folder: &Path, flags: &[&str]) -> (Vec<(String, String)>, String, bool) {
    let output = run(folder, &[&["doctor", "--json"], flags].concat(), &[]);
    let answer = text(&output.stdout);
    let report: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}{}", text(&output.stderr)));
    let word = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let items = report.as_array().unwrap();
    let verdicts = items.iter().map(|item| (word(item, "about"), word(item, "verdict"))).collect();
    assert!(items.iter().all(|item| (item["verdict"] == "ok") == item["advice"].is_null()), "{answer}");
    (verdicts, answer, output.status.success())
}

fn has(verdicts: &[(String, String)], about: &str, verdict: &str) -> bool {
    verdicts.contains(&(about.into(), verdict.into()))
}

#[test]
fn a_running_server_with_nodes_is_well() {
    let folder = tempfile::tempdir().unwrap();
    // A demo serves the logs of its nodes, and its own log names their addresses.
    let demo = folder.path().join("demo");
    fs::create_dir(&demo).unwrap();
    let mut running = Running::start(&demo, &["--demo", "2", "--database-url", "isems.redb"], &[]);
    let answer = running.wait_for("/readyz", "/ISEMS/ffopenmppt.log");
    let address = answer.split('"').find(|part| part.ends_with("/ISEMS/ffopenmppt.log")).unwrap().to_owned();
    let flags = ["--database-url", "demo/isems.redb", "--router-ips", &address];
    let listen = ["--listen", &running.address.to_string()];
    let (verdicts, answer, is_well) = examine(folder.path(), &[&flags[..], &listen[..]].concat());
    assert!(is_well, "{answer}");
    for about in ["settings", "database", "disk", "nodes", "clock", "address", "access", "alerts"] {
        assert!(verdicts.iter().any(|(known, _)| known == about), "{about}: {answer}");
    }
    assert!(has(&verdicts, "nodes", "ok") && has(&verdicts, "address", "ok"), "{answer}");
    assert!(answer.contains("2 nodes, ") && answer.contains("a server has it open"), "{answer}");
    assert!(running.terminate().1);
}

#[test]
fn nothing_is_changed_and_for_people_there_is_a_line_for_each_thing() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["doctor", "--push-tokens", "*:a-token-that-is-long"], &[]);
    let answer = text(&output.stdout);
    assert!(output.status.success(), "{answer}");
    assert!(answer.contains("database  ok       isems.redb will be made at the first start\n"), "{answer}");
    assert!(answer.ends_with("0 problems, 0 warnings\n") || answer.contains("WARNING"), "{answer}");
    assert!(!answer.contains("a-token-that-is-long"), "{answer}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn what_keeps_a_server_from_working_is_a_problem_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = somebody.local_addr().unwrap().to_string();
    fs::write(folder.path().join("isems.redb"), "this is no database").unwrap();
    let node = format!("http://{nobody}/ffopenmppt.log");
    let broker = nobody.to_string();
    let flags = ["--router-ips", &node, "--mqtt-server", &broker, "--listen", &taken];
    let (verdicts, answer, is_well) = examine(folder.path(), &flags);
    assert!(!is_well);
    for about in ["database", "nodes", "broker", "address"] {
        assert!(has(&verdicts, about, "problem"), "{about}: {answer}");
    }
    let (verdicts, answer, is_well) = examine(folder.path(), &["--database-url", "new.redb"]);
    assert!(!is_well && has(&verdicts, "sources", "problem"), "nothing to collect from: {answer}");
}

#[test]
fn who_reaches_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let push = ["--push-tokens", "*:a-token-that-is-long", "--listen", "0.0.0.0:0"];
    let (verdicts, answer, is_well) = examine(folder.path(), &push);
    assert!(is_well && has(&verdicts, "access", "warning"), "{answer}");
    assert!(answer.contains("read by everybody who reaches it"), "{answer}");
    let tokens = ["--api-tokens", "me:another-token-that-is-long", "--protect-reading"];
    let (_, answer, _) = examine(folder.path(), &[&push[..], &tokens[..]].concat());
    assert!(answer.contains("only with a token") && answer.contains("unencrypted"), "{answer}");
}

#[test]
fn a_certificate_is_held_against_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    let year = |first: i32, last: i32| {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(first, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(last, 1, 1);
        fs::write(folder.path().join("certificate.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        let flags = ["--push-tokens", "*:a-token-that-is-long", "--tls-certificate", "certificate.pem"];
        examine(folder.path(), &[&flags[..], &["--tls-key", "key.pem"]].concat())
    };
    let (verdicts, answer, is_well) = year(2020, 2021);
    assert!(!is_well && has(&verdicts, "certificate", "problem") && answer.contains("has expired"), "{answer}");
    let (verdicts, answer, _) = year(2020, 2500);
    assert!(has(&verdicts, "certificate", "ok"), "{answer}");
    let (_, answer, _) = year(2499, 2500);
    assert!(answer.contains("is not valid yet"), "{answer}");
}

#[cfg(unix)]
#[test]
fn files_that_others_can_change_are_a_problem() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isems.toml");
    fs::write(&path, "access.push_tokens = [\"*:a-token-that-is-long\"]\n").unwrap();
    for (mode, verdict) in [(0o600, "ok"), (0o644, "warning"), (0o666, "problem")] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (verdicts, answer, _) = examine(folder.path(), &["--config", "isems.toml"]);
        assert!(has(&verdicts, "settings", verdict), "{mode:o}: {answer}");
    }
}
