//! Brings a device from one release to the next: asks the repository, makes the new image in the inactive slot, restarts when it may, and
//! notices whether the new release came up.
//!
//! It runs as root, because it writes partitions. What it does is decided by `core/update-engine`; this program performs, and listens on a socket
//! that only root may use.

mod backlog;
mod cli;
mod control;
mod device;
mod engine;
mod health;
mod paths;
mod performer;
mod reload;
mod restart;
mod schedule;
mod settings;
mod status;
mod watches;
mod work;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tracing::error;

use cli::{Arguments, Command};
use device::Device;
use engine::Engine;
use paths::Paths;
use watches::{Watched, Watches};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    journal_log::start(arguments.log_level);
    let paths = Paths::of(&arguments);
    let done = match arguments.command {
        Command::Serve => serve(&paths).map(|()| ExitCode::SUCCESS),
        Command::Reload => reload::ask(&paths.socket).map(|()| ExitCode::SUCCESS),
        Command::CheckHealth { deadline } => health::check(&paths, Duration::from_secs(deadline)),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            error!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(paths: &Paths) -> anyhow::Result<()> {
    let device = Device::find(paths)?;
    let settings = settings::load();
    let (mailbox, messages) = mpsc::channel();
    let watches = Watches::start(mailbox.clone()).context("nothing can be watched")?;
    watches
        .add(&paths.slots.esp().join("EFI/Linux"), Watched::Entries)
        .context("the boot entries cannot be watched")?;
    let mut engine = Engine::start(paths.clone(), device, settings, watches, mailbox.clone())?;
    control::start(paths, engine.published(), mailbox).context("the control socket cannot be made")?;
    // Without a service manager there is nobody to tell.
    let _told = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    engine.run(&messages)
}
