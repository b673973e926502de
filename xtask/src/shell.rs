//! Running commands and talking to the developer.

use anyhow::{Context, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Prints a line.
#[expect(clippy::print_stderr, reason = "a developer's tool talks to the terminal")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// The root of the repository.
pub fn repository() -> anyhow::Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().context("xtask lies directly below the repository")?;
    Ok(root.to_owned())
}

/// Where cargo puts what it builds.
pub fn target() -> anyhow::Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => Ok(PathBuf::from(directory)),
        None => Ok(repository()?.join("target")),
    }
}

/// A command, started in the repository.
#[expect(clippy::disallowed_methods, reason = "xtask is no part of the product and has its own one place for this")]
pub fn command(program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(repository()?);
    Ok(command)
}

/// Runs a command to the end with the developer's terminal.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let rendered = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("starting {rendered}"))?;
    if !status.success() {
        bail!("{rendered} ended with {status}");
    }
    Ok(())
}

/// Runs a command and gives its standard output.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let rendered = format!("{command:?}").replace('"', "");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("starting {rendered}"))?;
    if !output.status.success() {
        bail!("{rendered} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that runs this.
pub fn cargo() -> anyhow::Result<Command> {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether this runs as root.
pub fn is_root() -> anyhow::Result<bool> {
    Ok(output(command("id")?.arg("-u"))?.trim() == "0")
}

/// A command that needs root: through sudo for everybody else.
pub fn root_command(program: &str) -> anyhow::Result<Command> {
    if is_root()? {
        return command(program);
    }
    let mut sudo = command("sudo")?;
    sudo.arg(program);
    Ok(sudo)
}
