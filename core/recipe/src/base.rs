//! What the operating system is made from.

use serde::Serialize;

use crate::collection::{Keyed, KeyedItem, Set, UniqueList};
use crate::decode::missing;
use crate::name::RepositoryName;
use crate::origin::{Located, Origin};
use crate::path::SourcePath;
use crate::problem::Problems;
use crate::shape::{Decode, Shape, record, text_value, word};
use crate::url::Url;
use crate::yaml::Node;

/// What the operating system is made from. More sources can follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Packages of Debian.
    Debian(DebianBase),
}

record! {
    /// What the operating system is made from.
    struct BaseFields {
        /// Packages of Debian.
        debian: Option<DebianBase>,
    }
}

impl Decode for Base {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        BaseFields::shape()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        let fields = BaseFields::decode(node, place, problems)?;
        match fields.debian {
            Some(debian) => Some(Self::Debian(debian)),
            None => {
                missing(&fields.origin, &format!("{place}.debian"), HINT, problems);
                None
            }
        }
    }

    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self> {
        missing(at, &format!("{place}.debian"), HINT, problems);
        None
    }
}

const HINT: &str = ", such as `base: {debian: {suite: trixie}}`";

record! {
    /// Packages of Debian, and of repositories beside it.
    pub struct DebianBase {
        /// The suite, such as `trixie`.
        suite: Located<Suite>,
        /// What to take besides the suite itself.
        pockets: Set<Pocket> = "[security, updates]",
        /// Components of the archive.
        components: Set<Component> = "[main]",
        /// Addresses of the archive, in order of preference. Empty: those that apt uses on the computer
        /// that builds.
        mirrors: UniqueList<Url>,
        /// Addresses of the archive of security updates. Empty: those that apt uses on the computer that
        /// builds.
        security_mirrors: UniqueList<Url>,
        /// Repositories beside Debian's own.
        repositories: Keyed<Repository>,
    }
}

record! {
    /// A repository beside Debian's own.
    pub struct Repository {
        /// Its name, by which messages and other layers refer to it.
        name: RepositoryName,
        /// Its addresses, in order of preference.
        urls: UniqueList<Url>,
        /// Its suite.
        suite: Located<Suite>,
        /// Its components.
        components: Set<Component> = "[main]",
        /// The OpenPGP key that its index is signed with; a file relative to this layer.
        key: Located<SourcePath>,
    }
}

impl KeyedItem for Repository {
    const KEY: &'static str = "name";
}

text_value! {
    /// The name of a suite, such as `trixie`.
    expected "the name of a suite such as trixie"
    pattern "^[a-z0-9][A-Za-z0-9./_-]{0,63}$"
    check check_suite;
    pub struct Suite;
}

fn check_suite(text: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    if text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(good)
        && !text.split('/').any(|part| part.is_empty() || part == "..")
    {
        return Ok(());
    }
    Err("is no name of a suite; write one such as `trixie`".to_owned())
}

text_value! {
    /// A component of an archive, such as `main`.
    expected "a component such as main"
    pattern "^[a-z0-9][a-z0-9./_-]{0,63}$"
    check check_component;
    pub struct Component;
}

fn check_component(text: &str) -> Result<(), String> {
    check_suite(text)
        .ok()
        .filter(|()| !text.chars().any(|c| c.is_ascii_uppercase()))
        .ok_or_else(|| "is no component; Debian's are main, contrib, non-free and non-free-firmware".to_owned())
}

word! {
    /// A part of the archive beside the suite.
    expected "updates or security"
    pub enum Pocket {
        /// `SUITE-security`, from the archive of security updates.
        Security = "security",
        /// `SUITE-updates`.
        Updates = "updates",
    }
}
