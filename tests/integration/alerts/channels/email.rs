//! E-mail, as far as it needs no mail server.

use std::net::Ipv4Addr;

use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{message, open};

#[tokio::test]
async fn whoever_gives_up_on_a_silent_mail_server_leaves_no_connection_behind() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    for scheme in ["smtp", "smtps"] {
        let channel = open(&format!("{scheme}://user:s3cret@{address}/?from=a@b&to=c@d"));
        let attempt = tokio::spawn(async move { channel.notifier.notify(&message()).await.map_err(drop) });
        let (mut connection, _) = listener.accept().await.expect("a connection");
        attempt.abort();
        let mut sent = Vec::new();
        // A connection that is cut off rather than closed is an error here.
        let _ = connection.read_to_end(&mut sent).await;
        assert!(!String::from_utf8_lossy(&sent).contains("s3cret"));
    }
}
