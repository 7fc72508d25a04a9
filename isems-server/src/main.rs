//! The command line: see `isems-server --help`.

use std::{env, io, process::ExitCode, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, RedbRepository, chain};
use isems_insight::WatchedCollector;
use isems_server::{
    Server,
    api::Service,
    import::import,
    log, maintenance, poll,
    settings::{Action, Arguments, ServeArguments},
    signal,
};
use tokio::runtime::Runtime;

/// The time that the process waits at its end for work still under way.
const LAST_WAIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = match Arguments::read(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    // Held until the end, however it comes: the last error is the one most worth reporting.
    let sentry = match arguments.database().map(log::start).transpose() {
        Ok(sentry) => sentry.flatten(),
        Err(error) => return failure(&chain(&*error)),
    };
    match execute(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let message = chain(&*error);
            if let Some(sentry) = &sentry {
                sentry.report_end(&message);
            }
            failure(&message)
        }
    }
}

fn failure(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

fn execute(arguments: Arguments) -> Result<bool, BoxError> {
    let runtime = Runtime::new()?;
    let result = runtime.block_on(run(arguments));
    // A check or a backup may still be reading the whole file; there is no need to wait for it.
    runtime.shutdown_timeout(LAST_WAIT);
    result
}

async fn run(arguments: Arguments) -> Result<bool, BoxError> {
    match arguments.action {
        None => serve(arguments.serve).await,
        Some(Action::Serve(arguments)) => serve(*arguments).await,
        Some(Action::Poll(arguments)) => poll(&arguments, io::stdout()).await,
        Some(Action::Import(arguments)) => import(&arguments, io::stdout(), stopped()).await,
        Some(Action::Maintenance(action)) => maintenance::run(&action, &mut io::stdout()).await,
        Some(Action::Openapi) => print_document(),
    }
}

async fn serve(arguments: ServeArguments) -> Result<bool, BoxError> {
    let server = Server::open(&arguments).await?;
    drop(arguments);
    server.run(stopped()).await?;
    Ok(true)
}

async fn stopped() {
    if let Err(error) = signal::stop().await {
        eprintln!("error: cannot wait for signals: {error}");
    }
}

fn print_document() -> Result<bool, BoxError> {
    let repository = Arc::new(RedbRepository::in_memory()?);
    let collector = WatchedCollector::new(Collector::new(repository));
    println!("{}", Service::builder(collector.watcher()).build().document());
    Ok(true)
}
