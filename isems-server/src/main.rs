//! The command line: see `isems-server --help`.

use std::{env, io, process::ExitCode, sync::Arc};

use isems_core::{BoxError, Collector, RedbRepository};
use isems_server::{
    Server,
    api::Service,
    log, poll, rejects_of_file,
    settings::{Action, Arguments, ServeArguments},
    signal,
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let result = match arguments.action {
        None => serve(&arguments.serve).await,
        Some(Action::Serve(arguments)) => serve(&arguments).await,
        Some(Action::Poll(arguments)) => {
            log::start(&arguments.database);
            poll(&arguments, io::stdout()).await
        }
        Some(Action::Rejects(arguments)) => {
            log::start(&arguments.database);
            rejects_of_file(&arguments, &mut io::stdout()).await.map(|()| true)
        }
        Some(Action::Openapi) => print_document(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &ServeArguments) -> Result<bool, BoxError> {
    log::start(&arguments.collect.database);
    let server = Server::open(arguments).await?;
    server
        .run(async {
            if let Err(error) = signal::stop().await {
                eprintln!("error: cannot wait for signals: {error}");
            }
        })
        .await?;
    Ok(true)
}

fn print_document() -> Result<bool, BoxError> {
    let repository = Arc::new(RedbRepository::in_memory()?);
    let monitor = Collector::new(repository.clone()).monitor();
    println!("{}", Service { repository, monitor, hide_inactive_after_days: 30, cors_origins: Vec::new() }.document());
    Ok(true)
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
