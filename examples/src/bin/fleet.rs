//! A simulated fleet to point a collector at: serves the logs of its nodes over HTTP and, given a broker, publishes
//! MQTT messages as the nodes' firmware does. On startup it prints how to point a collector at it.
//!
//! * `cargo run --release -p isems-examples --bin fleet -- --nodes 20 --days 3`
//! * `cargo run --release -p isems-examples --bin fleet -- --broker 127.0.0.1:1883 --days 30 --rate 1000`
//! * `cargo run --release -p isems-examples --bin fleet -- --broker 127.0.0.1 --json`

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use clap::Parser;
use isems_core::{BoxError, Measurement, simulation, unix_now};
use isems_server::fleet::{FleetServer, SimulatedClock};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, QoS};
use tokio::time;

/// The number of its newest lines that a node sends at a time.
const LINES_A_MESSAGE: usize = 5;

/// A simulated fleet of solar nodes: logs over HTTP, messages over MQTT.
#[derive(Parser)]
struct Arguments {
    /// Number of nodes
    #[arg(long, default_value_t = 10)]
    nodes: u32,
    /// Days of history that the nodes start with
    #[arg(long, default_value_t = 2)]
    days: u32,
    /// Replay the history at this many times its real speed, instead of having it all at once
    #[arg(long)]
    speed: Option<f64>,
    /// Seed of the simulation; the same seed gives the same nodes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address to serve the logs on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// MQTT broker to publish to, host or host:port
    #[arg(long)]
    broker: Option<String>,
    /// Publish JSON objects instead of csvlog lines; they carry no time, so there is no history
    #[arg(long)]
    json: bool,
    /// Publish at most this many messages a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments = Arguments::parse();
    let start = unix_now() - 86_400 * i64::from(arguments.days);
    let clock = arguments.speed.map_or_else(SimulatedClock::system, |speed| SimulatedClock::fast(start, speed));
    let fleet = FleetServer::new(arguments.seed, arguments.nodes, start).clock(clock.clone());
    let fleet = fleet.bind(arguments.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another address with --listen", arguments.listen)
    })?;
    println!("Logs over HTTP. Poll them with:\n");
    println!("  ISEMS_ROUTER_IPS={} isems-server serve\n", fleet.targets().join(","));
    let publish = async {
        match &arguments.broker {
            Some(broker) => publish(&arguments, broker, start, &clock).await,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        // Without signals there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    };
    tokio::select! {
        result = fleet.run(stop) => Ok(result?),
        result = publish => result,
    }
}

/// Publishes each node's measurements as they become due.
async fn publish(arguments: &Arguments, broker: &str, start: i64, clock: &SimulatedClock) -> Result<(), BoxError> {
    let (host, port) = match broker.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("invalid port {port:?} of the broker"))?),
        None => (broker, 1883),
    };
    let topic = if arguments.json { "isems/testdrive/foobar/+/data.json" } else { "/isems/+/csvlog" };
    println!("Messages to the broker at {host}:{port} under {topic}. Collect them with:\n");
    println!("  MQTT_SERVER={host}:{port} isems-server serve\n");

    let options = MqttOptions::new(format!("isems-fleet-{}", std::process::id()), host, port);
    let (client, events) = AsyncClient::new(options, 100);
    let start = if arguments.json { clock.now() } else { start };
    let mut messages = Messages { json: arguments.json, newest: HashMap::new() };
    let mut fleet = simulation::Fleet::new(arguments.seed, arguments.nodes, start);
    let send = async {
        let mut pace = time::interval(Duration::from_secs(1) / arguments.rate);
        loop {
            let due: Vec<_> = fleet.until(clock.now() + 1).take(1000).collect();
            pace.reset_immediately();
            for measurement in due {
                pace.tick().await;
                let (topic, message) = messages.message(&measurement);
                client.publish(topic, QoS::AtLeastOnce, false, message).await?;
            }
            time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        result = send => result,
        never = drive(events) => match never {},
    }
}

/// Keeps the connection going, and prints how many messages went out.
async fn drive(mut events: EventLoop) -> std::convert::Infallible {
    let mut published = 0_u64;
    loop {
        match events.poll().await {
            Ok(Event::Outgoing(Outgoing::Publish(_))) => {
                published += 1;
                if published.is_power_of_two() || published.is_multiple_of(10_000) {
                    println!("{published} messages published");
                }
            }
            Ok(_) => {}
            Err(error) => {
                eprintln!("the broker does not answer: {error}");
                time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// The topic and text of a node's message.
struct Messages {
    json: bool,
    /// The newest lines of each node.
    newest: HashMap<String, VecDeque<String>>,
}

impl Messages {
    fn message(&mut self, measurement: &Measurement) -> (String, String) {
        let node = measurement.node_id.as_str();
        if self.json {
            return (format!("isems/testdrive/foobar/{node}/data.json"), simulation::json_object(measurement));
        }
        let lines = self.newest.entry(node.into()).or_default();
        if lines.len() == LINES_A_MESSAGE {
            lines.pop_front();
        }
        lines.push_back(measurement.to_string());
        (format!("/isems/{node}/csvlog"), lines.make_contiguous().join("\n"))
    }
}
