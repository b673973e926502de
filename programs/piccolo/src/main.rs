//! The operator's tool: build, run, inspect.

mod build;
mod cli;
mod commands;
mod failure;
mod release;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
