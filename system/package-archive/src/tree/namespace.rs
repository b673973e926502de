//! Runs a step in namespaces of its own: mounts, processes, network and, for an ordinary user, users.

use crate::tree::TreeError;
use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use host::running::{RunningProgram, StandardInput};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::{self, File};
use std::io;
use tempfile::TempDir;

/// What happens inside.
const SCRIPT: &str = include_str!("namespace.sh");

/// Why a step could not run in namespaces of its own.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The mount point or the pipe could not be made.
    #[error("the root tree's mount point could not be made in the temporary directory; is it full?")]
    Prepare(#[source] io::Error),
    /// The user has no range of user identifiers.
    #[error(
        "this user has no range of subordinate user identifiers, which building without root needs; as root: \
         usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    )]
    NoSubordinateIds {
        /// The user's name.
        user: String,
    },
    /// What gives a user such a range is not installed.
    #[error(
        "newuidmap and newgidmap are not installed, which building without root needs; on Debian: apt-get install uidmap"
    )]
    NoMappingPrograms,
    /// The kernel forbids namespaces.
    #[error(
        "this machine does not let this user make namespaces ({reason}); as root, set the sysctl {setting}, or build as root"
    )]
    Forbidden {
        /// What the kernel said.
        reason: String,
        /// The setting that most likely forbids it.
        setting: &'static str,
    },
    /// The packages' programs are for another processor.
    #[error(
        "this machine cannot run the programs of the image's architecture, which configuring packages needs; on Debian: \
         apt-get install qemu-user-static"
    )]
    ForeignArchitecture,
    /// Memory ran out.
    #[error("the root tree does not fit into memory; free some, add swap, or leave packages out")]
    NoSpace,
    /// A package's script failed.
    #[error("installing the packages into the root tree failed:\n{log}")]
    Configure {
        /// The end of what dpkg and the scripts said.
        log: String,
    },
    /// A script of the recipe failed.
    #[error("post-processing the root tree failed:\n{log}")]
    PostProcess {
        /// The end of what the scripts said.
        log: String,
    },
    /// unshare could not be run.
    #[error("making the root tree failed")]
    Host(#[from] HostError),
}

/// What runs in the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Install,
    PostProcess,
}

/// One run.
pub(crate) struct Job {
    pub(crate) step: Step,
    pub(crate) source_date_epoch: i64,
    pub(crate) out: File,
}

/// A run that waits for its input.
pub(crate) struct RunningStep {
    program: RunningProgram,
    input: Option<File>,
    step: Step,
    _mount_point: TempDir,
}

pub(crate) fn start(job: &Job) -> Result<RunningStep, NamespaceError> {
    let mount_point = tempfile::Builder::new().prefix("piccolo-tree-").tempdir().map_err(NamespaceError::Prepare)?;
    // Close-on-exec: were the child to keep the writing end, it would wait for itself.
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| NamespaceError::Prepare(error.into()))?;
    let mut invocation = Invocation::new(Program::Unshare).arguments([
        "--mount",
        "--pid",
        "--net",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
    ]);
    if !rustix::process::geteuid().is_root() {
        invocation = invocation.arguments(["--user", "--map-root-user", "--map-auto"]);
    }
    let program = invocation
        .arguments(["--", "/bin/sh", "-c", SCRIPT, "piccolo-tree"])
        .argument(mount_point.path())
        .argument(job.source_date_epoch.to_string())
        .clear_environment()
        .input(StandardInput::File(File::from(reader)))
        .output_to(job.out.try_clone().map_err(NamespaceError::Prepare)?)
        .start()?;
    Ok(RunningStep { program, input: Some(File::from(writer)), step: job.step, _mount_point: mount_point })
}

impl RunningStep {
    /// Where the step reads from; to be dropped when all is written.
    pub(crate) fn input(&mut self) -> File {
        self.input.take().expect("invariant: the input is taken once, right after the start")
    }

    /// Waits for the end. What went wrong while feeding counts only when the step itself has nothing to say.
    pub(crate) fn finish(mut self, fed: Result<(), TreeError>, cancel: &Cancel) -> Result<(), TreeError> {
        if let Err(error) = fed {
            self.program.stop();
            return Err(error);
        }
        let step = self.step;
        match self.program.wait(cancel) {
            Ok(_) => Ok(()),
            Err(HostError::Cancelled { .. }) => Err(TreeError::Cancelled),
            Err(error) => Err(explain(error, step).into()),
        }
    }
}

fn explain(error: HostError, step: Step) -> NamespaceError {
    let HostError::Failed { stderr, .. } = &error else { return NamespaceError::Host(error) };
    let log = last_lines(stderr);
    if stderr.contains("failed to execute newuidmap") || stderr.contains("failed to execute newgidmap") {
        return NamespaceError::NoMappingPrograms;
    }
    if stderr.contains("newuidmap")
        || stderr.contains("no line matching user")
        || stderr.contains("uid_map failed")
        || stderr.contains("don't exist")
    {
        return NamespaceError::NoSubordinateIds { user: user_name() };
    }
    if let Some(line) = stderr.lines().find(|line| line.starts_with("unshare: ")) {
        let setting = if line.contains("Operation not permitted") {
            "kernel.apparmor_restrict_unprivileged_userns=0 (or kernel.unprivileged_userns_clone=1)"
        } else {
            "user.max_user_namespaces=15000"
        };
        return NamespaceError::Forbidden { reason: line.to_owned(), setting };
    }
    if stderr.contains("Exec format error") {
        return NamespaceError::ForeignArchitecture;
    }
    if stderr.contains("No space left on device") {
        return NamespaceError::NoSpace;
    }
    match step {
        Step::Install => NamespaceError::Configure { log },
        Step::PostProcess => NamespaceError::PostProcess { log },
    }
}

/// The user's name, as usermod wants it; the number when the machine does not know a name.
fn user_name() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut named = accounts.lines().filter(|line| line.split(':').nth(2) == Some(&id));
    named.next().and_then(|line| line.split(':').next()).map_or(id.clone(), str::to_owned)
}

/// The end of a log that a person will look at.
fn last_lines(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = log.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
