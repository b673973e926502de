//! Where the benches keep what they make, below cargo's target directory, and how busy the computer is.

use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the benches; made when it is not there.
///
/// # Errors
/// When it cannot be made.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    // TARGET/release/benches
    let target = program.ancestors().nth(2).context("this program lies in no target directory")?;
    let folder = target.join("bench").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// The root of the repository.
///
/// # Errors
/// None where this was built from the repository.
pub fn repository() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("benches lies directly below the repository")
}

/// Makes a folder anew, so that nothing of an earlier run is in it.
///
/// # Errors
/// When it cannot be removed or made.
pub fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}

/// What the computer is and what else it does: figures mean nothing without it.
pub fn circumstances() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!("{processors} processors, load {}", load.join(" "))
}
