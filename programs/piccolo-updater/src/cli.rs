//! The command line.

use std::path::PathBuf;

use clap::Parser;
use tracing::level_filters::LevelFilter;

/// Bring this device from one release to the next
///
/// Started by piccolo-updater.service. Settings are in /etc/piccolo/updates.d; `piccolo device update` talks to it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub log_level: LevelFilter,

    /// The socket on which requests are taken; only root may use it
    #[arg(long, default_value = device_api::UPDATER_SOCKET, value_name = "PATH")]
    pub socket: PathBuf,

    /// Where what must survive a restart is kept
    #[arg(long, default_value = "/var/lib/piccolo/updates", value_name = "DIRECTORY")]
    pub state: PathBuf,
}
