//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

/// Bring this device from one release to the next
///
/// Started by piccolo-updater.service. Settings are in /etc/piccolo/updates.d; `piccolo device update` talks to it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,

    /// How much to log: error, warn, info, debug or trace
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    pub log_level: LevelFilter,

    /// The socket on which requests are taken; only root may use it
    #[arg(long, global = true, default_value = device_api::UPDATER_SOCKET, value_name = "PATH")]
    pub socket: PathBuf,

    /// Where what must survive a restart is kept
    #[arg(long, global = true, default_value = "/var/lib/piccolo/updates", value_name = "DIRECTORY")]
    pub state: PathBuf,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for releases and install them, until stopped
    Serve,
    /// Have the running updater read its settings again; exits with 1 when they are refused
    Reload,
    /// Find out whether this boot is healthy; if it is not and a release is on trial, restart
    CheckHealth {
        /// How long everything together may take, in seconds
        #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
        deadline: u64,
    },
}
