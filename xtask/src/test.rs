//! `cargo xtask test`.

use crate::shell::{self, cargo, say, target};
use crate::{debian, image, python};

/// Every test: units, oracles, real daemons, virtual machines.
pub fn run(filter: &[String]) -> anyhow::Result<()> {
    image::check_target()?;
    debian::install_all()?;
    let tools = debian::tools_tree()?;
    let python = python::tools()?;
    image::device_programs()?;
    let image = image::test_image()?;
    say("running all tests …");
    let mut cargo = cargo()?;
    // The release profile shares its dependencies with the programs just built.
    cargo.args(["test", "--release", "--workspace", "--no-fail-fast", "--"]).args(filter);
    cargo.env("PICCOLO_TOOLS_TREE", tools);
    cargo.env("PICCOLO_PYTHON", python.join("python"));
    cargo.env("PICCOLO_S3_SERVER", python.join("weed"));
    cargo.env("PICCOLO_TEST_IMAGE", image);
    cargo.env("PICCOLO_BIN", image::piccolo()?);
    cargo.env("PICCOLO_VM_LOGS", target()?.join("vm-logs"));
    shell::run(&mut cargo)
}
