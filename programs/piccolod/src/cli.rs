//! Command line of the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tracing::level_filters::LevelFilter;

/// Answers for this device: REST API below /api/v1, status page at /.
///
/// Logs go to the journal where systemd connected it, to standard error otherwise. SIGTERM and SIGINT stop it.
#[derive(Debug, Parser)]
#[command(name = "piccolod", version)]
pub struct Arguments {
    /// Address and port to answer on. Without it: port 8080 of every address, IPv6 and IPv4. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Least important messages that are logged.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,

    /// Root directory below which /proc, /sys and os-release are read; a recorded tree shows another device.
    #[arg(long, value_name = "DIRECTORY", default_value = "/")]
    pub facts_from: PathBuf,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogLevel {
    /// Only what stopped the daemon from working.
    Error,
    /// Also what somebody should look at.
    Warn,
    /// Also starts, stops and changes of state.
    Info,
    /// Also every request and connection.
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}
