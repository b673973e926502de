//! `cargo xtask check`.

use crate::shell::{self, cargo, say};

/// What a developer runs before a commit: no root, no virtual machine, no tools tree.
pub fn run() -> anyhow::Result<()> {
    say("format …");
    shell::run(cargo()?.args(["fmt", "--all", "--check"]))?;
    say("lints …");
    shell::run(cargo()?.args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    say("repository rules and unit tests …");
    shell::run(cargo()?.args(["test", "--quiet", "-p", "repository"]))?;
    shell::run(cargo()?.args(["test", "--quiet", "--workspace", "--lib", "--bins"]))
}
