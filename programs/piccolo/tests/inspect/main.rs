//! `piccolo inspect` on images, on their parts, and on what is damaged or no image at all.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "these tests run the program that is tested, and stop with what it said"
)]

mod damaged;
mod sample;
mod whole;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run of the program left.
struct Run {
    code: i32,
    output: String,
    errors: String,
}

impl Run {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {}", self.output))
    }
}

/// Runs `piccolo inspect PATH …` and names the file in its output by its last component only.
fn inspect(path: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piccolo"));
    let output = command.arg("inspect").arg(path).args(arguments).env_clear().output().expect("piccolo starts");
    let directory = format!("{}/", path.parent().map(Path::display).expect("a path in a directory"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&directory, "");
    Run { code: output.status.code().unwrap_or(-1), output: text(output.stdout), errors: text(output.stderr) }
}

/// Compares with `expected/NAME`. After a change that is meant, run the tests once with `UPDATE_EXPECTED=1` and read the difference.
fn assert_expected(output: &str, name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/inspect/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, output).expect("the expected output can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(output == expected, "{name} differs (UPDATE_EXPECTED=1 accepts this):\n{output}");
}
