//! Why metadata is not trusted.

use jiff::Timestamp;
use thiserror::Error;

/// Why a metadata file is refused. `role` is the name of the role whose file it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// Larger than its role may be, or than the file that names it says.
    #[error("the {role} metadata is larger than {limit} bytes")]
    TooLarge {
        /// The role.
        role: String,
        /// Most bytes it may have.
        limit: u64,
    },
    /// No JSON, or not the JSON of its role.
    #[error("the {role} metadata is malformed: {problem}")]
    Malformed {
        /// The role.
        role: String,
        /// What and where.
        problem: String,
    },
    /// Written by another edition of the specification.
    #[error("the {role} metadata follows version {found} of the TUF specification; this reader knows 1.0")]
    SpecificationVersion {
        /// The role.
        role: String,
        /// What it says.
        found: String,
    },
    /// Too few good signatures of the keys that its delegator names.
    #[error(
        "the {role} metadata has {valid} valid signatures of the {threshold} that {delegator} demands: it was changed, or signed by somebody else"
    )]
    NotSigned {
        /// The role.
        role: String,
        /// The role that says whose signatures count.
        delegator: String,
        /// How many different keys signed it.
        valid: usize,
        /// How many have to.
        threshold: u64,
    },
    /// Root metadata that does not follow the trusted one.
    #[error("the new root metadata has version {found} where {expected} comes next")]
    RootVersion {
        /// The version that comes next.
        expected: u64,
        /// The version it has.
        found: u64,
    },
    /// More new versions of the root at once than anybody makes.
    #[error("there are more than {limit} new versions of the root metadata")]
    TooManyRoots {
        /// Most that are followed.
        limit: u64,
    },
    /// Older than what was trusted before: a rollback attack, or a mirror that lags behind.
    #[error(
        "the repository offers version {found} of the {role} metadata, but version {trusted} was seen before: it was rolled back, or a mirror is behind"
    )]
    RolledBack {
        /// The role.
        role: String,
        /// The version offered.
        found: u64,
        /// The version that was trusted before.
        trusted: u64,
    },
    /// A role that the trusted snapshot listed is gone.
    #[error("the new snapshot no longer lists {role}.json, which the one before listed")]
    Disappeared {
        /// The role.
        role: String,
    },
    /// Not the version that the signed list of versions names: files of different times were mixed.
    #[error(
        "the {role} metadata has version {found}, but {listed_by} names version {expected}: files of different times were mixed"
    )]
    WrongVersion {
        /// The role.
        role: String,
        /// The file that names the version.
        listed_by: &'static str,
        /// The version it names.
        expected: u64,
        /// The version found.
        found: u64,
    },
    /// Not the bytes that the signed list names.
    #[error("the {role} metadata is not the file that {listed_by} names: its {what} differs")]
    WrongBytes {
        /// The role.
        role: String,
        /// The file that names it.
        listed_by: &'static str,
        /// `size` or `hash`.
        what: &'static str,
    },
    /// The snapshot does not list a role that it must.
    #[error("the snapshot does not list {role}.json")]
    NotListed {
        /// The role.
        role: String,
    },
    /// A file that must be there is not.
    #[error("the repository has no {file}")]
    Missing {
        /// The file, relative to the directory of metadata.
        file: String,
    },
    /// No longer vouched for: a frozen mirror, a publisher who stopped publishing, or a clock that is wrong.
    #[error(
        "the {role} metadata expired on {expires}, and it is {now} now: the repository is no longer refreshed, a mirror is frozen, or this clock is wrong"
    )]
    Expired {
        /// The role.
        role: String,
        /// When it expired.
        expires: Timestamp,
        /// The time that counted as now.
        now: Timestamp,
    },
    /// Nothing that is trusted describes a file of this name.
    #[error("the repository has no {path}")]
    NoTarget {
        /// The file's name.
        path: String,
    },
}
