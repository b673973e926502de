//! Restarting the machine.

use anyhow::Context;
use host::cancel::Cancel;
use host::invocation::Invocation;
use host::program::Program;
use tracing::info;

/// Asks for a restart, which comes soon after this returns. Whoever is logged in or holds an inhibitor lock was waited for before, up to the
/// limit of the settings.
///
/// # Errors
/// When neither systemd-logind nor systemd takes the request.
pub fn restart() -> anyhow::Result<()> {
    // systemd-logind first: it gives those with a "delay" lock their few seconds.
    let Err(refused) = systemctl(&["reboot", "--check-inhibitors=no"]) else { return Ok(()) };
    // From systemd 257 on it lets nobody pass over a "block" lock whom polkit does not, and this device has no polkit.
    info!("systemd-logind does not restart the machine ({refused}); systemd is asked to");
    systemctl(&["start", "--no-block", "--job-mode=replace-irreversibly", "reboot.target"])
        .context("the machine cannot be restarted")
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    Invocation::new(Program::Systemctl).arguments(arguments).run(&Cancel::new())?;
    Ok(())
}
