//! A transport of your own: csvlog lines arriving as UDP datagrams.
//!
//! `cargo run -p isems-examples --bin udp_transport`, then send a line:
//! ```sh
//! line="Hut;1;$(date +%s);v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300"
//! echo "$line" | nc -uN 127.0.0.1 7000
//! ```
//! The file is `udp.redb`. A different address and file can be given as arguments.

use std::{env, future::pending, sync::Arc};

use isems_core::{BoxError, Collector, Inbox, Payload, RedbRepository, Transport, async_trait};
use tokio::net::UdpSocket;

struct Datagrams(UdpSocket);

#[async_trait]
impl Transport for Datagrams {
    fn name(&self) -> &'static str {
        "udp"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, sender) = self.0.recv_from(&mut buffer).await?;
            let receipt = inbox.deliver(Payload::csvlog(&buffer[..length], &sender.to_string())).await?;
            println!("{sender}: {} stored, {} rejected", receipt.stored, receipt.rejected.total());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:7000".into());
    let repository = Arc::new(RedbRepository::open(arguments.next().unwrap_or("udp.redb".into()))?);
    let socket = UdpSocket::bind(&address).await?;
    println!("listening on {}", socket.local_addr()?);
    Collector::new(repository).transport(Datagrams(socket))?.run(pending()).await;
    Ok(())
}
