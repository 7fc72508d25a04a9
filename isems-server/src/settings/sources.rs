//! The sources of values: flags take precedence over the environment, and the environment over the file.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, iter,
    path::PathBuf,
};

use clap::{
    ArgMatches, Command,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Parses the flags with defaults from the environment and the file, and returns them with a command that has these
/// defaults.
pub(super) fn matches(command: Command, flags: &[OsString]) -> Result<(Command, ArgMatches), clap::Error> {
    check_environment(&command)?;
    let file = config_flag(flags).or_else(|| environment_value("ISEMS_CONFIG").map(PathBuf::from));
    let file = file.map(|path| File::read(&command, path)).transpose()?;
    let declared = command.clone();
    let command = with_file(command, file.as_ref());
    let names_command = flags.get(1).is_some_and(|first| command.find_subcommand(first).is_some());
    let parser = if names_command {
        // The flags of serve, which can stand without its name, are not validated if a command is named: a bad value
        // there would be an error even if the command's own flag takes precedence.
        let silent = declared.mut_args(|argument| argument.env(Resettable::Reset));
        silent.mut_subcommands(|subcommand| with_file(subcommand, file.as_ref()))
    } else {
        command.clone()
    };
    let matches =
        parser.try_get_matches_from(flags).map_err(|error| with_origin(error, &command, flags, file.as_ref()))?;
    Ok((command, matches))
}

/// Returns everything that can be set by environment and file: the arguments with an environment variable.
fn settings(command: &Command) -> impl Iterator<Item = &clap::Arg> {
    command.get_arguments().filter(|argument| argument.get_env().is_some())
}

fn environment_name(argument: &clap::Arg) -> &str {
    argument.get_env().and_then(OsStr::to_str).unwrap_or_default()
}

/// Returns the value of an environment variable. A blank one counts as unset, because container recipes often set such.
fn environment_value(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| value.to_str().is_none_or(|value| !value.trim().is_empty()))
}

/// Refuses unknown names: a misspelt one must not fall back to a default.
fn check_environment(command: &Command) -> Result<(), clap::Error> {
    let known: Vec<&str> = settings(command).map(environment_name).collect();
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ISEMS_") && !known.contains(&&*name) {
            let message = format!("unknown environment variable {name}; expected one of {}", known.join(", "));
            return Err(command.clone().error(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

/// Returns the value of `--config` before the whole command line can be parsed.
fn config_flag(flags: &[OsString]) -> Option<PathBuf> {
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if flag == "--config" {
            return flags.next().map(PathBuf::from);
        }
        if let Some(path) = flag.to_str().and_then(|flag| flag.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

/// A settings file: its values as text, by flag id.
struct File {
    path: PathBuf,
    values: Vec<(String, Vec<String>)>,
}

impl File {
    fn read(command: &Command, path: PathBuf) -> Result<Self, clap::Error> {
        let fail = |message: String| command.clone().error(ErrorKind::ValueValidation, message);
        let shown = path.display();
        let text = fs::read_to_string(&path).map_err(|error| fail(format!("cannot read {shown}: {error}")))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| fail(format!("{shown} is not valid TOML: {}", error.message())))?;
        let known: Vec<&str> =
            settings(command).map(|setting| setting.get_id().as_str()).filter(|id| *id != "config").collect();
        let mut values = Vec::new();
        for (key, value) in table {
            if !known.contains(&key.as_str()) {
                return Err(fail(format!("unknown key {key} in {shown}; expected one of {}", known.join(", "))));
            }
            let texts = match value {
                toml::Value::Array(items) => items.into_iter().map(text_of).collect(),
                value => text_of(value).map(|text| vec![text]),
            };
            let expected = || {
                format!(
                    "invalid value of {key} in {shown}: expected a string, a number, true, false or a list of strings"
                )
            };
            let texts = texts.ok_or_else(|| fail(expected()))?;
            values.push((key, texts));
        }
        Ok(Self { path, values })
    }

    fn value(&self, id: &str) -> Option<&[String]> {
        self.values.iter().find(|(key, _)| key == id).map(|(_, values)| values.as_slice())
    }
}

fn text_of(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// Makes the values in the file the default values of the flags, here and in the subcommands.
fn with_file(command: Command, file: Option<&File>) -> Command {
    let command = command.mut_args(|argument| {
        let is_set = argument.get_env().and_then(env::var_os).is_some();
        let is_blank = is_set && environment_value(environment_name(&argument)).is_none();
        let value = file.and_then(|file| file.value(argument.get_id().as_str())).map(<[_]>::to_vec);
        let argument = if is_blank { argument.env(Resettable::Reset) } else { argument };
        match value {
            Some(values) => argument.default_values(values).hide_default_value(true),
            None => argument,
        }
    });
    command.mut_subcommands(|subcommand| with_file(subcommand, file))
}

/// Makes an error that names the flag and, if the value came from elsewhere, its source.
fn with_origin(mut error: clap::Error, command: &Command, flags: &[OsString], file: Option<&File>) -> clap::Error {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else { return error };
    let long = name.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
    let given = |flag: &OsString| flag.to_str().is_some_and(|flag| flag.split('=').next() == Some(&*long));
    let commands = iter::once(command).chain(command.get_subcommands());
    let argument = commands
        .flat_map(Command::get_arguments)
        .find(|argument| argument.get_long() == Some(long.trim_start_matches('-')));
    let Some(argument) = argument.filter(|_| !flags.iter().any(given)) else { return error };
    let environment = environment_name(argument);
    let origin = if environment_value(environment).is_some() {
        format!("the value comes from the environment variable {environment}")
    } else if let Some(file) = file.filter(|file| file.value(argument.get_id().as_str()).is_some()) {
        format!("the value comes from {} in {}", argument.get_id(), file.path.display())
    } else {
        return error;
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![origin.into()]));
    error
}
