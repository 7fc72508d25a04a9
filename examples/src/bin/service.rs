//! Embeds the HTTP service in another program: a greenhouse that takes its own measurements, and serves them, with the
//! generated documentation, beside a page of its own.
//!
//! `cargo run -p isems-examples --bin service`, then open <http://127.0.0.1:8000/greenhouse> and
//! <http://127.0.0.1:8000/docs>. A different address can be given as an argument.

use std::{env, future::pending, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, Inbox, RedbRepository, Transport, async_trait, simulation::Fleet, unix_now};
use isems_insight::{WatchedCollector, Watcher};
use isems_server::api::Service;
use poem::{
    EndpointExt, Route, Server, get, handler,
    listener::{Acceptor, Listener, TcpListener},
    web::Data,
};
use tokio::time;

/// The greenhouse's own sensors, here a simulated node that starts an hour in the past.
struct Greenhouse(Fleet);

#[async_trait]
impl Transport for Greenhouse {
    fn name(&self) -> &'static str {
        "greenhouse"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        loop {
            let due = self.0.until(unix_now()).collect();
            inbox.deliver_measurements("the greenhouse", due).await?;
            time::sleep(Duration::from_secs(10)).await;
        }
    }
}

#[handler]
async fn page(Data(watcher): Data<&Watcher>) -> String {
    match watcher.snapshot().await {
        Ok(snapshot) => {
            let volts = snapshot.nodes.first().and_then(|node| node.node.latest.battery_voltage);
            volts.map_or("nothing measured yet".into(), |volts| format!("the battery has {volts} V"))
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    let sensors = Fleet::new(1, 1, unix_now() - 3600);
    let collector = Collector::new(Arc::new(RedbRepository::in_memory()?)).transport(Greenhouse(sensors))?;
    let collector = WatchedCollector::new(collector);
    let watcher = collector.watcher();
    let service = Service::builder(watcher.clone()).build();
    let app = Route::new().at("/greenhouse", get(page).data(watcher)).nest("/", service.endpoint());
    let acceptor = TcpListener::bind(address).into_acceptor().await?;
    println!("listening on {}", acceptor.local_addr()[0]);
    tokio::select! {
        () = collector.run(pending()) => Ok(()),
        result = Server::new_with_acceptor(acceptor).run(app) => Ok(result?),
    }
}
