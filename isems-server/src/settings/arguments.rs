//! The command line.

use std::{env, ffi::OsString, path::PathBuf};

use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use super::{
    Chosen, Settings,
    document::Document,
    file::SettingsFile,
    flag::{Flag, Given},
};
use crate::{doctor::DoctorArguments, import::ImportArguments, maintenance::Maintenance};

/// A command with the settings to run it with.
#[derive(Debug)]
pub struct Arguments {
    /// The command.
    pub action: Action,
    /// The settings, which are the defaults if the command needs none.
    pub settings: Settings,
    /// Those of them that differ from the defaults because somebody chose them.
    pub chosen: Chosen,
    /// The file with settings, if one was named.
    pub file: Option<PathBuf>,
}

/// The command line without the flags of settings.
#[derive(Debug, Parser)]
#[command(
    name = "isems-server",
    version,
    args_conflicts_with_subcommands = true,
    about = "Collects, stores and serves the measurements of off-grid solar mesh nodes (ISEMS)",
    after_help = "\
Try it with simulated nodes:  isems-server --demo
Poll two nodes:               isems-server --router-ips 10.36.0.7,10.36.0.9
Subscribe to a broker:        isems-server --mqtt-server broker.mesh
Then open http://127.0.0.1:5000/ in a browser.

Every setting can also be an environment variable (the name in brackets) or stand in a TOML
file (see isems.example.toml). Flags override the environment, which overrides the file."
)]
struct CommandLine {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    serve: ServeArguments,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Collect measurements and serve them over HTTP, until SIGINT or SIGTERM (the default)
    Serve(ServeArguments),
    /// Poll every configured node once and print the results; exits with 1 if any node failed
    Poll,
    /// Import logs, exports or the database of the Python collector
    Import(ImportArguments),
    /// Look for what keeps the server from working, and say what to do
    Doctor(DoctorArguments),
    /// Maintain a database.
    #[command(flatten)]
    Maintenance(Maintenance),
    /// Print the OpenAPI document of the HTTP service
    Openapi,
}

/// The arguments of serve.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Poll simulated nodes with two days of history instead of real ones; 20 nodes by default, with a temporary
    /// database unless one is given
    #[arg(long, value_name = "NODES", num_args = 0..=1, default_missing_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub demo: Option<u32>,
}

impl Arguments {
    /// Reads flags, environment and file. Help, the version and anything invalid are returned as an error that clap can
    /// [print](clap::Error::exit).
    pub fn read(flags: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(flags)?;
        let fail = |message| command.clone().error(ErrorKind::ValueValidation, message);
        check_environment().map_err(fail)?;
        let (settings, chosen, file) = settings(&matches).map_err(fail)?;
        let CommandLine { action, serve } =
            CommandLine::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok(Self { action: action.unwrap_or(Action::Serve(serve)), settings, chosen, file })
    }

    /// Reads only the settings of a command line that was valid before, environment and file. The error is a message
    /// for people, which names the setting and its value.
    pub fn read_settings(flags: impl IntoIterator<Item = OsString>) -> Result<(Settings, Chosen), String> {
        let matches = command().try_get_matches_from(flags).map_err(|error| error.to_string())?;
        settings(&matches).map(|(settings, chosen, _)| (settings, chosen))
    }
}

/// Returns the command line with the flags of settings, from which manual pages and shell completions can be made.
pub fn command() -> Command {
    let command = CommandLine::command().args(Flag::of(SERVE).map(Flag::argument));
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        // So that they can stand after the action, too.
        let is_group = subcommand.has_subcommands();
        subcommand.args(Flag::of(&name).map(|flag| flag.argument().global(is_group)))
    })
}

/// The command if none is given.
const SERVE: &str = "serve";

fn settings(matches: &ArgMatches) -> Result<(Settings, Chosen, Option<PathBuf>), String> {
    let (name, matches) = matches.subcommand().unwrap_or((SERVE, matches));
    let given: Vec<Given> = Flag::of(name).filter_map(|flag| flag.given(matches)).collect();
    let file = given.iter().find(|given| given.flag.is_file()).map(|given| SettingsFile::read(&given.texts.concat()));
    let file = file.transpose()?;
    let mut document = file.as_ref().map_or_else(|| Ok(Document::default()), SettingsFile::document)?;
    for given in given.iter().filter(|given| !given.flag.is_file()) {
        document.set(given.flag.path, given.value());
        document.settings().map_err(|fault| format!("{}: {fault}", given.origin()))?;
    }
    // Only now, because settings that belong together may come from different places.
    document.check().map_err(|fault| file.as_ref().map_or_else(|| fault.to_string(), |file| file.describe(&fault)))?;
    let settings = document.settings().map_err(|fault| fault.to_string())?;
    let path = given.iter().find(|given| given.flag.is_file()).map(|given| given.texts.concat().into());
    Ok((settings, document.chosen(), path))
}

/// Refuses unknown names, because a misspelt one must not fall back to a default.
fn check_environment() -> Result<(), String> {
    let known: Vec<&str> = Flag::of(SERVE).map(|flag| flag.environment).collect();
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ISEMS_") && !known.contains(&&*name) {
            return Err(format!("unknown environment variable {name}; expected one of {}", known.join(", ")));
        }
    }
    Ok(())
}
