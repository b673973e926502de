//! Executables that say with their exit status whether all is well.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use health_check::scripts::{DIRECTORIES, Script};
use health_check::verdict::{Finding, Outcome};
use host::invocation::Invocation;
use host::program::Program;

use crate::Deadline;

/// Checks in one directory that are looked at.
const MAXIMUM_SCRIPTS: usize = 256;
/// Bytes of output that are kept: the end says most.
const KEPT: usize = 4096;

/// Every file in the directories of checks below `root`.
#[must_use]
pub fn found(root: &Path) -> Vec<Script> {
    let mut found = Vec::new();
    for (directory, need) in DIRECTORIES {
        let Ok(listing) = fs::read_dir(root.join(directory)) else { continue };
        for entry in listing.take(MAXIMUM_SCRIPTS).flatten() {
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(Script { directory, name, executable, need });
        }
    }
    found
}

/// Runs a check; it is ended when time is over.
#[must_use]
pub fn run(root: &Path, script: &Script, deadline: Deadline) -> Finding {
    let name = format!("/{}", script.path());
    let failed = |how: String, output: String| Outcome::Failed { how, output };
    let outcome = match ended(&root.join(script.path()), deadline) {
        Ok(Some((0, _))) => Outcome::Passed,
        Ok(Some((status, output))) => failed(format!("ended with exit status {status}"), output),
        Ok(None) => failed("did not end in time".to_owned(), String::new()),
        Err(error) => failed(format!("could not be run: {error}"), String::new()),
    };
    Finding { name, need: script.need, outcome }
}

/// The exit status and the end of what was printed; nothing if it had to be ended.
fn ended(path: &Path, deadline: Deadline) -> Result<Option<(i32, String)>, Box<dyn std::error::Error>> {
    let output = tempfile::tempfile()?;
    // Both streams in one file, in the order in which they were written; the shell replaces itself.
    let shell = Invocation::new(Program::Sh).arguments(["-c", "exec \"$0\" 2>&1 </dev/null"]).argument(path);
    let mut running = shell.output_to(output.try_clone()?).start()?;
    let status = loop {
        if let Some(status) = running.ended()? {
            break status;
        }
        if deadline.is_over() {
            running.kill();
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50).min(deadline.left()));
    };
    Ok(Some((status.code().unwrap_or(-1), tail(&output)?)))
}

fn tail(file: &fs::File) -> std::io::Result<String> {
    use std::os::unix::fs::FileExt;

    let length = file.metadata()?.len();
    let start = length.saturating_sub(KEPT as u64);
    let mut bytes = vec![0; (length - start) as usize];
    file.read_exact_at(&mut bytes, start)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use health_check::scripts::to_run;
    use health_check::verdict::Outcome;

    use super::{found, run};
    use crate::Deadline;

    fn script(root: &Path, name: &str, text: &str, mode: u32) {
        let path = root.join("etc/piccolo/health/required.d").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn exit_status_and_output_are_what_counts() {
        let root = tempfile::tempdir().unwrap();
        script(root.path(), "10-good", "#!/bin/sh\nexit 0\n", 0o755);
        script(root.path(), "20-bad", "#!/bin/sh\necho no photos; echo at all >&2\nexit 3\n", 0o755);
        script(root.path(), "30-hangs", "#!/bin/sh\nexec sleep 100\n", 0o755);
        script(root.path(), "40-off", "#!/bin/sh\nexit 1\n", 0o644);
        let scripts = to_run(found(root.path()));
        let outcome = |index: usize, time: u64| {
            run(root.path(), &scripts[index], Deadline::in_time(Duration::from_millis(time))).outcome
        };
        assert_eq!(scripts.len(), 3);
        assert_eq!(outcome(0, 60_000), Outcome::Passed);
        let output = "no photos\nat all\n".to_owned();
        assert_eq!(outcome(1, 60_000), Outcome::Failed { how: "ended with exit status 3".to_owned(), output });
        let how = "did not end in time".to_owned();
        assert_eq!(outcome(2, 300), Outcome::Failed { how, output: String::new() });
    }
}
