//! The lines that a server takes in, and the memory it needs, with and without channels to tell people through.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use isems_core::{BoxError, simulation::SimulatedNode, unix_now};
use poem::{Route, endpoint::make_sync, listener::TcpAcceptor, post};
use tokio::{net::TcpListener, task::JoinSet, time};

use crate::{NODES, programs::Server};

/// The token of the clients.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

const CLIENTS: usize = 4;

/// The age of the backlog's beginning, seconds: no run gets to its end.
const AGE: i64 = 400 * 86_400;

/// The time in which all nodes are hot, from the beginning of a run, seconds.
const IS_HOT: Range<u64> = 10..25;
const HOT: f64 = 45.0;
const MILD: f64 = 20.0;

/// The pace at which nodes send.
#[derive(Clone, Copy)]
enum Load {
    /// Each line of the present comes with 200 minutes of backlog, and the next one as soon as it is stored.
    Flood { lines: u64 },
    /// A line a second from each node.
    Steady { seconds: u64 },
}

/// The figures of one run.
struct Seen {
    lines_a_second: f64,
    cpu_microseconds_a_line: f64,
    most_megabytes: f64,
    messages: u64,
}

pub(super) async fn run(pairs: usize) -> Result<(), BoxError> {
    let flood = compare(Load::Flood { lines: 4_000_000 }, pairs, "4 million lines as fast as they are stored").await?;
    let steady = compare(Load::Steady { seconds: 45 }, pairs, "a line a second from each of them, for 45 s").await?;
    let ratio =
        |measure: fn(&Seen) -> f64| median(flood.iter().map(|[without, with]| measure(with) / measure(without)));
    println!("\nmedians of {pairs} pairs, with channels against without:");
    println!("lines a second     {:.1} %", 100.0 * ratio(|seen| seen.lines_a_second));
    println!("CPU a line         {:.1} %", 100.0 * ratio(|seen| seen.cpu_microseconds_a_line));
    let more = median(steady.iter().map(|[without, with]| with.most_megabytes - without.most_megabytes));
    println!("memory, steady     {more:.1} MB more");
    Ok(())
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Runs a load without and with channels, some times.
async fn compare(load: Load, pairs: usize, words: &str) -> Result<Vec<[Seen; 2]>, BoxError> {
    println!("\n{NODES} nodes, all of which become hot and mild again: {words}");
    println!("channels   lines/s   CPU a line   memory at most   messages");
    let mut seen = Vec::new();
    for pair in 0..pairs {
        // Each of the two comes first now and then, because a machine warms up or gets other work.
        let first = one(load, pair % 2 == 1).await?;
        let second = one(load, pair % 2 == 0).await?;
        seen.push(if pair % 2 == 0 { [first, second] } else { [second, first] });
    }
    Ok(seen)
}

async fn one(load: Load, has_channels: bool) -> Result<Seen, BoxError> {
    let messages = Arc::new(AtomicU64::new(0));
    let (recorder, _listening) = record(messages.clone()).await?;
    let channels: Vec<String> =
        (1..=2).map(|name| format!("webhook+http://{recorder}/{name}#severity=attention")).collect();
    let channels = channels.join(",");
    let tokens = format!("*:{TOKEN}");
    let mut settings = vec![
        ("DATABASE_URL", "isems.redb"),
        ("ISEMS_LINES_PER_MINUTE_AND_NODE", "0"),
        ("ISEMS_MAX_NODES", "0"),
        ("ISEMS_PUSH_TOKENS", &tokens),
        ("ISEMS_ALERT_HOLD", "2s"),
        ("ISEMS_LOG", "error"),
    ];
    if has_channels {
        settings.push(("ISEMS_NOTIFY", &channels));
    }
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(folder.path(), &settings);
    server.until("/healthz", |_| true).await;
    let address = server.api().0;
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS).map(|client| thread::spawn(move || send(address, client, load))).collect();
    let mut most_bytes = 0;
    while clients.iter().any(|client| !client.is_finished()) {
        time::sleep(Duration::from_millis(200)).await;
        most_bytes = most_bytes.max(server.resources().resident_bytes);
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut lines = 0;
    for client in clients {
        lines += client.join().map_err(|_| "a client panicked")??;
    }
    let seen = Seen {
        lines_a_second: lines as f64 / seconds,
        cpu_microseconds_a_line: server.resources().cpu.as_secs_f64() * 1e6 / lines as f64,
        most_megabytes: most_bytes as f64 / 1e6,
        messages: messages.load(Ordering::Relaxed),
    };
    let Seen { lines_a_second, cpu_microseconds_a_line, most_megabytes, messages } = seen;
    println!(
        "{:>8} {lines_a_second:>9.0} {cpu_microseconds_a_line:>9.2} us {most_megabytes:>13.1} MB {messages:>10}",
        if has_channels { 2 } else { 0 },
    );
    Ok(seen)
}

/// Counts messages at two paths, and takes them all.
async fn record(messages: Arc<AtomicU64>) -> Result<(SocketAddr, JoinSet<io::Result<()>>), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let count = make_sync(move |_| {
        messages.fetch_add(1, Ordering::Relaxed);
    });
    let routes = Route::new().at("/:channel", post(count));
    let mut tasks = JoinSet::new();
    tasks.spawn(poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run(routes));
    Ok((address, tasks))
}

/// Sends the lines of a client's nodes in turn, and returns their number.
fn send(address: SocketAddr, client: usize, load: Load) -> io::Result<u64> {
    let began = Instant::now();
    let mut connection = BufReader::new(TcpStream::connect(address)?);
    connection.get_ref().set_nodelay(true)?;
    let start = unix_now() - AGE;
    let mut nodes: Vec<_> = (client..NODES)
        .step_by(CLIENTS)
        .map(|index| (SimulatedNode::new(1, index as u32, start), SimulatedNode::new(2, index as u32, start)))
        .collect();
    let mut newest = vec![0; nodes.len()];
    let mut lines = 0;
    for turn in 0.. {
        let backlog = match load {
            Load::Flood { lines: all } if lines >= all / CLIENTS as u64 => break,
            Load::Flood { .. } => 200,
            Load::Steady { seconds } if began.elapsed().as_secs() >= seconds => break,
            Load::Steady { .. } => {
                let due = Duration::from_secs(turn as u64).div_f64(nodes.len() as f64);
                thread::sleep(due.saturating_sub(began.elapsed()));
                0
            }
        };
        let node = turn % nodes.len();
        let (past, present) = &mut nodes[node];
        let id = past.id().to_string();
        let mut body = String::new();
        for measurement in past.take(backlog) {
            writeln!(body, "{measurement}").map_err(io::Error::other)?;
        }
        let mut now = present.next().expect("it goes on for ever");
        newest[node] = unix_now().max(newest[node] + 1);
        now.timestamp = newest[node];
        let is_hot = IS_HOT.contains(&began.elapsed().as_secs());
        now.battery_temperature = Some(if is_hot { HOT } else { MILD });
        writeln!(body, "{now}").map_err(io::Error::other)?;
        push(&mut connection, &id, &body)?;
        lines += backlog as u64 + 1;
    }
    Ok(lines)
}

/// Sends a body of lines, and reads the answer.
fn push(connection: &mut BufReader<TcpStream>, id: &str, body: &str) -> io::Result<()> {
    let head = format!(
        "POST /api/v1/nodes/{id}/measurements HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.get_mut().write_all((head + body).as_bytes())?;
    let mut line = String::new();
    let mut length = 0;
    for number in 0.. {
        line.clear();
        connection.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if number == 0 && !line.starts_with("http/1.1 200") {
            return Err(io::Error::other(format!("the answer is {line:?}")));
        }
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut answer = vec![0; length];
    connection.read_exact(&mut answer)?;
    let receipt: serde_json::Value = serde_json::from_slice(&answer)?;
    if receipt["stored"] != receipt["received"] {
        return Err(io::Error::other(format!("not every line was stored: {receipt}")));
    }
    Ok(())
}
