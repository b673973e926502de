//! `piccolo inspect` on images, on their parts, and on what is damaged or no image at all.
#![expect(clippy::disallowed_methods, reason = "these tests run the program that is tested")]

mod damaged;
mod sample;
mod whole;

use std::ffi::OsStr;
use std::path::Path;
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
    assert!(path.file_name().is_none_or(|name| name != OsStr::new("")));
    Run { code: output.status.code().unwrap_or(-1), output: text(output.stdout), errors: text(output.stderr) }
}
