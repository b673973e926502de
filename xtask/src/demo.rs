//! `cargo xtask demo`.

use crate::shell::{self, command};
use crate::{debian, image};
use anyhow::bail;

/// Reads the arguments.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [] => demonstrate(false),
        [flag] if flag == "--detach" => demonstrate(true),
        _ => bail!("usage: cargo xtask demo [--detach]"),
    }
}

/// From a fresh machine to a device that answers.
fn demonstrate(detach: bool) -> anyhow::Result<()> {
    image::check_target()?;
    debian::install_for_demo()?;
    image::device_programs()?;
    let image = image::vm_image()?;
    let mut piccolo = command(image::piccolo()?)?;
    piccolo.arg("run").arg(image);
    if detach {
        piccolo.arg("--detach");
    }
    shell::run(&mut piccolo)
}
