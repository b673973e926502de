//! The device's programs and the images.

use crate::shell::{cargo, command, repository, run, say, target};
use std::path::PathBuf;

/// Builds the programs that go onto the device, and `piccolo` itself.
pub fn device_programs() -> anyhow::Result<()> {
    say("building piccolo and the device's programs …");
    let programs = ["piccolo", "piccolod", "piccolo-updater", "piccolo-initrd"];
    run(cargo()?.args(["build", "--release"]).args(programs.iter().flat_map(|program| ["-p", program])))
}

/// Builds the image of a virtual machine.
pub fn vm_image() -> anyhow::Result<PathBuf> {
    build("os/recipes/vm.yaml", "vm")
}

/// Builds the image that the tests boot: the virtual machine's, and a way in.
pub fn test_image() -> anyhow::Result<PathBuf> {
    build("os/recipes/vm.yaml:os/recipes/test.yaml", "test")
}

/// The built operator's tool.
pub fn piccolo() -> anyhow::Result<PathBuf> {
    Ok(target()?.join("release/piccolo"))
}

fn build(layers: &str, name: &str) -> anyhow::Result<PathBuf> {
    let output = target()?.join("images").join(name);
    say(&format!("building the image {name} …"));
    // An image is up to date when its inputs are; here the program that makes it may have changed as well.
    let _ = std::fs::remove_file(output.join("piccolo.json"));
    let mut piccolo = command(piccolo()?)?;
    piccolo
        .arg("build")
        .arg(layers)
        .arg("--output")
        .arg(&output)
        .arg("--lockfile")
        .arg(output.with_extension("lock.json"));
    run(&mut piccolo)?;
    Ok(output.join("piccolo.raw"))
}

/// Whether cargo builds where the recipes expect the device's programs.
pub fn check_target() -> anyhow::Result<()> {
    anyhow::ensure!(
        target()? == repository()?.join("target"),
        "the recipes take the device's programs from target/ of the repository; unset CARGO_TARGET_DIR"
    );
    Ok(())
}
