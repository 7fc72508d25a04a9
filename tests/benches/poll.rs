//! `isems-server poll`, a real process: 100 nodes with 3,660 lines each on loopback, into a fresh file, all durable;
//! then the same again, answered by 304; then the same again from a server that knows no conditions.
//!
//! `cargo build --release && cargo bench -p isems-tests --bench poll`

use std::{
    collections::HashMap,
    env, fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use isems_core::{BoxError, simulation::SimulatedNode, unix_now};
use poem::{
    Request, Response, Route,
    endpoint::make_sync,
    get,
    http::{StatusCode, header},
    listener::TcpAcceptor,
};
use tokio::net::TcpListener;

const NODES: u32 = 100;
const LINES: usize = 3_660;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("isems-server");
    if !server.exists() {
        return Err(format!("{} is missing: run cargo build --release first", server.display()).into());
    }
    let conditions = Arc::new(AtomicBool::new(true));
    let (address, targets) = serve_logs(conditions.clone()).await?;
    println!("{NODES} nodes with {LINES} lines each, served at {address}");
    let folder = tempfile::tempdir()?;
    for round in 1..=3 {
        let database = folder.path().join(format!("{round}.redb"));
        conditions.store(true, Ordering::Relaxed);
        let first = poll(&server, &database, &targets).await?;
        let unchanged = poll(&server, &database, &targets).await?;
        conditions.store(false, Ordering::Relaxed);
        let again = poll(&server, &database, &targets).await?;
        println!("round {round}: fresh {first}; unchanged (304) {unchanged}; the whole logs again {again}");
        println!("  file: {:.1} MB", fs::metadata(&database)?.len() as f64 / 1e6);
    }
    Ok(())
}

/// Serves the logs of simulated nodes from a thread of its own.
async fn serve_logs(conditions: Arc<AtomicBool>) -> Result<(SocketAddr, Vec<String>), BoxError> {
    let start = unix_now() - 60 * LINES as i64;
    let logs: HashMap<String, bytes::Bytes> = (0..NODES)
        .map(|index| {
            let mut log = String::new();
            for measurement in SimulatedNode::new(1, index, start).take(LINES) {
                log += &measurement.to_string();
                log.push('\n');
            }
            (index.to_string(), log.into())
        })
        .collect();
    let answer = move |request: Request| {
        let conditional = conditions.load(Ordering::Relaxed);
        if conditional && request.headers().contains_key(header::IF_NONE_MATCH) {
            return Response::builder().status(StatusCode::NOT_MODIFIED).finish();
        }
        let log = logs[&request.raw_path_param("node").unwrap_or_default().to_owned()].clone();
        let response = Response::builder().content_type("text/plain");
        let response = if conditional { response.header(header::ETAG, "\"1\"") } else { response };
        response.body(log)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = Route::new().at("/:node/ISEMS/ffopenmppt.log", get(make_sync(answer)));
    tokio::spawn(poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).run(routes));
    let target = |index| format!("http://{address}/{index}/ISEMS/ffopenmppt.log");
    Ok((address, (0..NODES).map(target).collect()))
}

async fn poll(server: &Path, database: &Path, targets: &[String]) -> Result<String, BoxError> {
    let mut command = Command::new(server);
    command.env_clear().args(["poll", "--router-ips", &targets.join(","), "--database-url"]).arg(database);
    let start = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let seconds = start.elapsed().as_secs_f64();
    let report = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        return Err(format!("the poll failed: {report}").into());
    }
    Ok(format!("{seconds:.3} s ({})", report.lines().last().unwrap_or_default()))
}
