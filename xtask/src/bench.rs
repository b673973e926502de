//! `cargo xtask bench`.

use crate::shell::{self, cargo};
use crate::{debian, image};

/// Runs one comparison; the program `benches` knows their names.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    image::check_target()?;
    debian::install_all()?;
    debian::install_for_benches()?;
    let tools = debian::tools_tree()?;
    image::device_programs()?;
    let mut cargo = cargo()?;
    cargo.args(["run", "--release", "--quiet", "-p", "benches", "--"]).args(arguments);
    cargo.env("PICCOLO_TOOLS_TREE", tools);
    cargo.env("PICCOLO_BIN", image::piccolo()?);
    shell::run(&mut cargo)
}
