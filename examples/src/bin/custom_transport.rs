//! A custom transport: logs that come in over TCP. `cargo run -p isems-examples --bin custom_transport`, then send one:
//! `nc -N 127.0.0.1 7000 < ffopenmppt.log`. What is answered is on disk, in `custom_transport.redb`.

use std::{future::pending, sync::Arc};

use isems_core::{BoxError, Collector, Inbox, Payload, RedbRepository, Transport, async_trait};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener, net::TcpStream, task::JoinSet};

struct Logs(TcpListener);

#[async_trait]
impl Transport for Logs {
    fn name(&self) -> &'static str {
        "tcp"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer) = self.0.accept().await?;
            connections.spawn(receive(stream, peer.to_string(), inbox.clone()));
        }
    }
}

async fn receive(mut stream: TcpStream, peer: String, inbox: Inbox) -> Result<(), BoxError> {
    let mut log = Vec::new();
    (&mut stream).take(16 << 20).read_to_end(&mut log).await?;
    let receipt = inbox.deliver(Payload { whole: false, ..Payload::csvlog(&log, &peer) }).await?;
    Ok(stream.write_all(format!("{receipt:?}\n").as_bytes()).await?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let repository = Arc::new(RedbRepository::open("custom_transport.redb")?);
    Collector::new(repository).transport(Logs(TcpListener::bind("127.0.0.1:7000").await?)).run(pending()).await;
    Ok(())
}
