//! The command line: see `isems-server --help`.

use std::{env, io, process::ExitCode, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, RedbRepository, chain};
use isems_insight::WatchedCollector;
use isems_server::{
    Server,
    api::Service,
    doctor::Doctor,
    import::import,
    log::{self, Level},
    maintenance, poll,
    reload::Reload,
    service_manager::ServiceManager,
    settings::{Action, Arguments, Chosen, Settings},
    signal::{self, HangUps},
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
    let (level, sentry) = match log::start(&arguments.settings) {
        Ok(started) => started,
        Err(error) => return failure(&chain(&*error)),
    };
    match execute(arguments, level) {
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

fn execute(arguments: Arguments, level: Level) -> Result<bool, BoxError> {
    let runtime = Runtime::new()?;
    let result = runtime.block_on(run(arguments, level));
    // A check or a backup may still be reading the whole file; there is no need to wait for it.
    runtime.shutdown_timeout(LAST_WAIT);
    result
}

async fn run(Arguments { action, settings, chosen, file }: Arguments, level: Level) -> Result<bool, BoxError> {
    match action {
        Action::Serve(arguments) => Box::pin(serve(settings, chosen, level, arguments.demo)).await,
        Action::Poll => poll(&settings, io::stdout()).await,
        Action::Import(arguments) => import(&arguments, settings.database_path(), io::stdout(), stopped()).await,
        Action::Doctor(arguments) => {
            Doctor { settings: &settings, chosen: &chosen, file }.run(&arguments, &mut io::stdout()).await
        }
        Action::Maintenance(action) => maintenance::run(&action, &settings, &mut io::stdout()).await,
        Action::Openapi => print_document(),
    }
}

async fn serve(settings: Settings, chosen: Chosen, level: Level, demo: Option<u32>) -> Result<bool, BoxError> {
    let requests = HangUps::listen()?;
    let server = Server::open(settings, demo).await?;
    let service_manager = ServiceManager::of_this_process();
    let reload = Reload { chosen, level, certificate: server.certificate_wanted(), service_manager };
    tokio::select! {
        result = server.run(stopped()) => result?,
        never = reload.follow(requests) => match never {},
    }
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
