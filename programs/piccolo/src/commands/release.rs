//! `piccolo release`.

mod change;
mod export;
mod init;
mod list;
mod publish;
mod serve;

use crate::failure::Failure;
use crate::release::place::PlaceArgs;
use crate::report::Report;
use clap::Subcommand;

/// Publish releases in a repository that devices update from
///
/// A repository is a directory or a bucket of signed files that any web server can hold. It has streams, and streams have releases. Whatever
/// moment a command is stopped at, devices see the repository as it was or as it is going to be.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    AddStream(change::AddStreamArgs),
    Publish(publish::Args),
    List(list::Args),
    Rollout(change::RolloutCommandArgs),
    Withdraw(change::WithdrawArgs),
    Barrier(change::BarrierArgs),
    DeadEnd(change::DeadEndArgs),
    Refresh(change::RefreshArgs),
    Rotate(change::RotateArgs),
    Export(export::Args),
    Serve(serve::Args),
}

/// Runs the subcommand.
pub fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let place = &args.place;
    match &args.command {
        Command::Init(args) => init::run(place, args, report),
        Command::AddStream(args) => change::add_stream(place, args, report),
        Command::Publish(args) => publish::run(place, args, report),
        Command::List(args) => list::run(place, args, report),
        Command::Rollout(args) => change::rollout(place, args, report),
        Command::Withdraw(args) => change::withdraw(place, args, report),
        Command::Barrier(args) => change::barrier(place, args, report),
        Command::DeadEnd(args) => change::dead_end(place, args, report),
        Command::Refresh(args) => change::refresh(place, args, report),
        Command::Rotate(args) => change::rotate(place, args, report),
        Command::Export(args) => export::run(place, args, report),
        Command::Serve(args) => serve::run(place, args, report),
    }
}
