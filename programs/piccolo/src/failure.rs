//! How the program fails: a kind with a documented exit code, the cause, and what to do next.

use host::invocation::HostError;
use std::fmt;

/// What kind of failure it is; the number is the exit code (docs/reference/exit-codes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something that should not happen; worth a bug report.
    Internal = 1,
    /// The command line makes no sense. Used by the argument parser itself too.
    Usage = 2,
    /// A recipe, lockfile, image or other input is wrong.
    Input = 3,
    /// The computer lacks a program, a permission or space.
    Requirement = 4,
    /// The lockfile does not fit the recipe, or there is none.
    Lock = 5,
    /// A mirror or a package could not be had.
    Unavailable = 6,
    /// A virtual machine did not come up.
    Machine = 7,
    /// A device refused, or did not answer.
    Device = 8,
    /// The person or the caller stopped it.
    Cancelled = 130,
}

impl FailureKind {
    /// The kind as a word, for `--json` and for the first line of the message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Input => "input",
            Self::Requirement => "requirement",
            Self::Lock => "lock",
            Self::Unavailable => "unavailable",
            Self::Machine => "machine",
            Self::Device => "device",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A failure on its way to the person.
#[derive(Debug)]
pub struct Failure {
    /// What kind it is.
    pub kind: FailureKind,
    /// What happened, with its causes.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        // What stopped a program from running is the same wherever it was needed.
        let host = error.chain().find_map(|cause| match cause.downcast_ref::<HostError>() {
            Some(HostError::NotInstalled { .. }) => Some(FailureKind::Requirement),
            Some(HostError::Cancelled { .. }) => Some(FailureKind::Cancelled),
            _ => None,
        });
        Self { kind: host.unwrap_or(kind), error }
    }

    /// The causes from the outermost to the innermost, without repetitions.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        for cause in self.error.chain() {
            let text = cause.to_string();
            if causes.last().is_none_or(|last| !last.ends_with(&text)) {
                causes.push(text);
            }
        }
        causes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, cause) in self.causes().iter().enumerate() {
            if depth > 0 {
                formatter.write_str("\n")?;
            }
            let indented = cause.replace('\n', if depth == 0 { "\n" } else { "\n  " });
            write!(formatter, "{}{indented}", if depth == 0 { "" } else { "  " })?;
        }
        Ok(())
    }
}

/// Says of a result's error what kind of failure it is.
pub trait OrFail<T> {
    /// Turns the error into a failure of this kind.
    fn or_fail(self, kind: FailureKind) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, kind: FailureKind) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(kind, error))
    }
}
