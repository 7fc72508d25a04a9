//! The command line: see `isems-server --help`.

use std::{env, io, process::ExitCode, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, RedbRepository, chain};
use isems_server::{
    Server,
    api::Service,
    import::import,
    log, maintenance, poll,
    settings::{Action, Arguments, ServeArguments},
    signal,
};
use tokio::runtime::Runtime;

/// How long the process waits for what is still under way when all else has ended.
const LAST_WAIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = match Arguments::read(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let result = Runtime::new().map_err(BoxError::from).and_then(|runtime| {
        let result = runtime.block_on(run(arguments));
        // A command of the control socket can still be reading the whole file. That need not come to its end.
        runtime.shutdown_timeout(LAST_WAIT);
        result
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, BoxError> {
    match arguments.action {
        None => serve(arguments.serve).await,
        Some(Action::Serve(arguments)) => serve(*arguments).await,
        Some(Action::Poll(arguments)) => {
            log::start(&arguments.database);
            poll(&arguments, io::stdout()).await
        }
        Some(Action::Import(arguments)) => {
            log::start(&arguments.database);
            import(&arguments, io::stdout(), stopped()).await
        }
        Some(Action::Maintenance(action)) => {
            log::start(action.database());
            maintenance::run(&action, &mut io::stdout()).await
        }
        Some(Action::Openapi) => print_document(),
    }
}

async fn serve(arguments: ServeArguments) -> Result<bool, BoxError> {
    log::start(&arguments.collect.database);
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
    let monitor = Collector::new(repository.clone()).monitor();
    println!("{}", Service::new(repository, monitor).document());
    Ok(true)
}
