//! `piccolo completions`.

use crate::cli::Cli;
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::io;

/// Print a completion script for a shell
///
/// Example for bash: piccolo completions bash > ~/.local/share/bash-completion/completions/piccolo
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> Result<(), Failure> {
    generate(args.shell, &mut Cli::command(), "piccolo", &mut io::stdout());
    Ok(())
}
