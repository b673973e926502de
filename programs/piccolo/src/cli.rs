//! The command line.

use crate::commands::{build, completions, device, doctor, inspect, lock, man, release, run};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::Report;
use clap::{Parser, Subcommand};
use host::cancel::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::process::ExitCode;

/// Builds Piccolo OS images from recipes, runs them and looks inside.
#[derive(Debug, Parser)]
#[command(name = "piccolo", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Print results, progress and errors as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Print only results and errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Args),
    Lock(lock::Args),
    Inspect(inspect::Args),
    Run(run::Args),
    Release(release::Args),
    Device(device::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Reads the command line, runs the command and reports its failure.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let cancel = Cancel::new();
    let report = Report::new(cli.json, cli.quiet, cancel.clone());
    let result = listen_for_signals(&cancel).and_then(|()| dispatch(cli.command, &report));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report.failure(&failure);
            ExitCode::from(failure.kind as u8)
        }
    }
}

fn dispatch(command: Command, report: &Report) -> Result<(), Failure> {
    match command {
        Command::Build(args) => build::run(&args, report),
        Command::Lock(args) => lock::run(&args, report),
        Command::Inspect(args) => inspect::run(&args, report),
        Command::Run(args) => run::run(args, report),
        Command::Release(args) => release::run(&args, report),
        Command::Device(args) => device::run(&args, report),
        Command::Doctor(args) => doctor::run(&args, report),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// The first Ctrl-C asks the work to stop and clean up; the second ends the program at once.
fn listen_for_signals(cancel: &Cancel) -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, FailureKind::Cancelled as i32, cancel.flag())
            .and_then(|_| flag::register(signal, cancel.flag()))
            .or_fail(FailureKind::Internal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
