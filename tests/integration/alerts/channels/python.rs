//! Peers in Python: a real mail server, and the check of a signature. These tests need the package python3-aiosmtpd.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Stdio};

use isems_alerts::Message;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::{documented, message, notify, recorder::Recorder};
use crate::mqtt::certificates::Certificates;

/// The interpreter that finds Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Runs until it is dropped.
struct MailServer {
    port: u16,
    mails: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    _child: Child,
}

impl MailServer {
    async fn start(security: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let certificates = Certificates::new();
        let write = |name: &str, text: &str| -> PathBuf {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("it can be written");
            file
        };
        write("ca.pem", &certificates.authority);
        write("other.pem", &Certificates::new().authority);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/alerts/channels/mail_server.py");
        let mut child = Command::new(PYTHON)
            .args([script, security])
            .args([write("server.pem", &certificates.server), write("server.key", &certificates.key)])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 can be run");
        let mut mails = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = mails.next_line().await.expect("it can be read").expect("python3-aiosmtpd is installed");
        Self { port: port.parse().expect("a port"), mails, folder, _child: child }
    }

    fn address(&self, scheme: &str, login: &str, parameters: &str, authority: &str) -> String {
        let Self { port, folder, .. } = self;
        let folder = folder.path().display();
        format!("{scheme}://{login}@127.0.0.1:{port}/?from=isems@example.org{parameters}#ca_file={folder}/{authority}")
    }

    async fn mail(&mut self) -> Value {
        let line = self.mails.next_line().await.expect("it can be read").expect("the server runs");
        serde_json::from_str(&line).expect("JSON")
    }
}

#[tokio::test]
#[ignore = "needs python3-aiosmtpd; CI runs it with --ignored"]
async fn a_mail_arrives_with_a_password_over_starttls_and_over_tls() {
    for (scheme, security) in [("smtp", "starttls"), ("smtps", "tls")] {
        let mut server = MailServer::start(security).await;
        let recipients = "&to=Ops%20Team%20<ops@example.org>&to=a+b@example.org,c@example.org";
        let address = server.address(scheme, "isems:s3cret%2F", recipients, "ca.pem");
        let answer = notify(&address, &message()).await.expect("accepted");
        assert_eq!(answer, format!("127.0.0.1:{} answered 250 taken over", server.port));
        let mail = server.mail().await;
        assert_eq!(mail["recipients"], json!(["ops@example.org", "a+b@example.org", "c@example.org"]));
        let headers = &mail["headers"];
        for (name, wanted) in [
            ("from", "isems@example.org"),
            ("to", "Ops Team <ops@example.org>, a+b@example.org, c@example.org"),
            ("subject", "Dorf/Kirche läuft leer"),
            ("message-id", "<7b-1@example.org>"),
            ("date", "Thu, 01 Jan 2026 00:00:00 +0000"),
            ("auto-submitted", "auto-generated"),
            ("content-type", "text/plain; charset=\"utf-8\""),
        ] {
            assert_eq!(headers[name], json!(wanted), "{name}");
        }
        let Message { text, link, .. } = message();
        let text = format!("{text}\n\n{}", link.expect("a link"));
        assert_eq!(mail["text"].as_str().expect("a text").replace("\r\n", "\n").trim_end(), text);
    }
}

#[tokio::test]
#[ignore = "needs python3-aiosmtpd; CI runs it with --ignored"]
async fn a_wrong_password_is_named_and_not_shown() {
    let server = MailServer::start("starttls").await;
    let error =
        notify(&server.address("smtp", "isems:wrong-one", "&to=a@b", "ca.pem"), &message()).await.expect_err("refused");
    assert!(error.problem.starts_with(&format!("127.0.0.1:{} takes no mail: ", server.port)), "{error}");
    assert!(error.problem.contains("535") && error.problem.ends_with("check user and password"), "{error}");
    assert!(!error.problem.contains("wrong-one"), "{error}");
}

#[tokio::test]
#[ignore = "needs python3-aiosmtpd; CI runs it with --ignored"]
async fn a_mail_server_with_another_certificate_gets_nothing() {
    for (scheme, security) in [("smtp", "starttls"), ("smtps", "tls")] {
        let server = MailServer::start(security).await;
        let address = server.address(scheme, "isems:s3cret%2F", "&to=a@b", "other.pem");
        let error = notify(&address, &message()).await.expect_err("refused");
        let wanted = format!("the certificate of 127.0.0.1:{} is not signed by a trusted authority", server.port);
        assert!(error.problem.starts_with(&wanted), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs python3-aiosmtpd; CI runs it with --ignored"]
async fn a_mail_server_without_starttls_gets_nothing_unless_that_is_wanted_or_it_is_on_this_machine() {
    let mut server = MailServer::start("none").await;
    let address = format!("smtp://127.0.0.1:{}/?from=a@b&to=c@d", server.port);
    let error = notify(&format!("{address}&tls=starttls"), &message()).await.expect_err("refused");
    assert!(error.problem.contains("STARTTLS"), "{error}");
    for wanted in [address.clone(), format!("{address}&tls=none")] {
        notify(&wanted, &message()).await.expect("accepted");
        assert_eq!(server.mail().await["recipients"], json!(["c@d"]));
    }
}

#[tokio::test]
#[ignore = "needs python3-aiosmtpd; CI runs it with --ignored"]
async fn the_documented_program_accepts_genuine_signatures_alone() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    notify(&format!("webhook+http://{}/#secret={secret}", recorder.address), &message()).await.expect("accepted");
    let request = recorder.request().await;
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, request.header(name)));
    let [program] = &documented("python")[..] else { panic!("there is one program") };
    for (secret, body, wanted) in [
        (secret, request.body.clone(), "True"),
        (secret, request.body.replace("Dorf", "Ort"), "False"),
        ("whsec_AAAA", request.body.clone(), "False"),
    ] {
        let input = json!({"secret": secret, "headers": BTreeMap::from(headers), "body": body});
        let call = "import json, sys\ni = json.load(sys.stdin)\nprint(is_genuine(i['secret'], i['headers'], i['body'].encode()))";
        let mut child = Command::new(PYTHON)
            .args(["-c", &format!("{program}\n{call}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 can be run");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.to_string().as_bytes()).await.expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), wanted);
    }
}
