//! Writes the manual pages and the shell completions of the command line into a folder, for packages.
//!
//! ```sh
//! cargo run -p isems-server --example reference -- target/reference
//! ```

use std::{env, error::Error, fs, path::PathBuf};

use clap_complete::{Shell, generate_to};
use isems_server::settings::command;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = env::args_os().nth(1).ok_or("name the folder to write to")?.into();
    fs::create_dir_all(&folder)?;
    clap_mangen::generate_to(command(), &folder)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut command(), "isems-server", &folder)?;
    }
    Ok(())
}
