//! Volumes, mounts, devices and paths.

use super::{Problem, is_filled_in_later};

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A new volume without a name.
    Anonymous,
    /// A volume by its name in Podman.
    Named(String),
    /// A unit, by its file name.
    Unit(String),
    /// A path of the device: absolute, relative to the unit file (with a dot), or with something that the device fills in.
    HostPath(String),
}

impl Source {
    fn parse(text: &str) -> Result<Self, Problem> {
        if text.starts_with(['/', '.']) || is_filled_in_later(text) {
            return Ok(Self::HostPath(text.to_owned()));
        }
        if text.ends_with(".volume") {
            return Ok(Self::Unit(text.to_owned()));
        }
        if text.contains('/') {
            let advice = format!("write ./{text} for a path beside the unit file");
            return Err(Problem::new("has a source that is neither a path nor the name of a volume", advice));
        }
        super::name::name(text).map(|()| Self::Named(text.to_owned()))
    }
}

/// `[SOURCE:]CONTAINER-DIRECTORY[:OPTIONS]`, podman-run(1), `--volume`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpecification {
    /// What is mounted.
    pub source: Source,
    /// Where in the container.
    pub target: String,
    /// Whether the container can only read.
    pub read_only: bool,
}

/// Options of `--volume`; those with a value besides.
const VOLUME_OPTIONS: [&str; 28] = [
    "ro",
    "rw",
    "z",
    "Z",
    "U",
    "O",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "bind",
    "rbind",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "private",
    "rprivate",
    "unbindable",
    "runbindable",
    "copy",
    "nocopy",
    "idmap",
    "cached",
    "delegated",
    "consistent",
];

impl VolumeSpecification {
    /// Reads a volume.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut parts = text.splitn(3, ':');
        let (first, second, options) =
            (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
        let (source, target) = match second {
            Some(target) if first.is_empty() => (Source::Anonymous, target),
            Some(target) => (Source::parse(first)?, target),
            None if first.ends_with(".volume") => {
                return Err(Problem::new("says no directory of the container", format!("write {first}:/directory")));
            }
            None => (Source::Anonymous, first),
        };
        if !is_filled_in_later(target) {
            container_path(target)?;
        }
        let options: Vec<&str> = options.split(',').filter(|option| !option.is_empty()).collect();
        let known =
            |option: &&&str| VOLUME_OPTIONS.contains(*option) || option.contains('=') || is_filled_in_later(option);
        if let Some(unknown) = options.iter().find(|option| !known(option)) {
            let advice = "write options such as ro, Z or U, separated by commas";
            return Err(Problem::new(format!("has an option {unknown:?} that Podman does not know"), advice));
        }
        Ok(Self { source, target: target.to_owned(), read_only: options.contains(&"ro") })
    }
}

/// `type=TYPE,…`, podman-run(1), `--mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountSpecification {
    /// `bind`, `volume`, `image`, `tmpfs`, …
    pub mount_type: String,
    /// What is mounted; none where the type has no source.
    pub source: Option<Source>,
    /// Where in the container; empty for `glob` without a target.
    pub target: String,
    /// Whether the container can only read.
    pub read_only: bool,
}

impl MountSpecification {
    /// Reads a mount.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (mut mount_type, mut source, mut target, mut read_only) = ("", None, "", false);
        let tokens = comma_separated(text)?;
        for token in &tokens {
            let (key, value) = token.split_once('=').unwrap_or((token, ""));
            match key {
                "type" => mount_type = value,
                "source" | "src" => source = Some(value),
                "target" | "destination" | "dst" => target = value,
                "ro" | "readonly" => read_only = value != "false",
                "rw" => read_only = value == "false",
                _ => {}
            }
        }
        let with_source = match mount_type {
            "bind" | "volume" | "image" | "glob" => true,
            "tmpfs" | "ramfs" | "devpts" => false,
            "" => return Err(Problem::new("says no type", "begin it with type=bind, type=volume or type=tmpfs")),
            _ => {
                let advice = "write bind, volume, image, glob, tmpfs, ramfs or devpts";
                return Err(Problem::new(format!("has a type {mount_type:?} that Podman does not know"), advice));
            }
        };
        let source = if with_source { Some(Self::source(mount_type, source)?) } else { None };
        if target.is_empty() && mount_type != "glob" {
            return Err(Problem::new("says no directory of the container", "add target=/directory"));
        }
        if !target.is_empty() && !is_filled_in_later(target) {
            container_path(target)?;
        }
        Ok(Self { mount_type: mount_type.to_owned(), source, target: target.to_owned(), read_only })
    }

    fn source(mount_type: &str, source: Option<&str>) -> Result<Source, Problem> {
        let source = source.filter(|source| !source.is_empty()).ok_or_else(|| {
            Problem::new(
                "says no source, and Podman's generator stops at that, so that no app of the device would start",
                "add source=…",
            )
        })?;
        match mount_type {
            "image" if source.ends_with(".image") => Ok(Source::Unit(source.to_owned())),
            "image" => Ok(Source::Named(source.to_owned())),
            "volume" => Source::parse(source),
            _ if source.ends_with(".volume") && !source.contains('/') => Ok(Source::Unit(source.to_owned())),
            _ => Ok(Source::HostPath(source.to_owned())),
        }
    }
}

/// One record of comma-separated values (RFC 4180).
fn comma_separated(text: &str) -> Result<Vec<String>, Problem> {
    let problem = || Problem::new("has a quote in the wrong place", "put quotes around a whole NAME=VALUE");
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (field, after) = rest.split_at(end);
                if field.contains('"') {
                    return Err(problem());
                }
                (field.to_owned(), after)
            }
            Some(mut quoted) => {
                let mut field = String::new();
                loop {
                    let (before, after) = quoted.split_once('"').ok_or_else(problem)?;
                    field.push_str(before);
                    let Some(more) = after.strip_prefix('"') else { break (field, after) };
                    field.push('"');
                    quoted = more;
                }
            }
        };
        fields.push(field);
        if after.is_empty() {
            return Ok(fields);
        }
        rest = after.strip_prefix(',').ok_or_else(problem)?;
    }
}

/// A path on the device.
pub(super) fn host_path(text: &str) -> Result<(), Problem> {
    match text.strip_prefix('~') {
        Some(rest) => Err(Problem::new("begins with ~, which only a shell understands", format!("write %h{rest}"))),
        None => Ok(()),
    }
}

/// An absolute path in the container.
pub(super) fn container_path(text: &str) -> Result<(), Problem> {
    if text.starts_with('/') {
        return Ok(());
    }
    Err(Problem::new("has a directory of the container that is not absolute", "write the whole path, from / on"))
}

/// `CONTAINER-DIRECTORY[:OPTIONS]`.
pub(super) fn tmpfs(text: &str) -> Result<(), Problem> {
    container_path(text)
}

/// `[-]DEVICE[:CONTAINER-DEVICE][:PERMISSIONS]`, or a name of the Container Device Interface.
pub(super) fn device(text: &str) -> Result<(), Problem> {
    let advice = "write it as /dev/name, /dev/name:/dev/other or /dev/name:rwm";
    let text = text.strip_prefix('-').unwrap_or(text);
    let interface = text.split_once('=').is_some_and(|(kind, name)| kind.contains('/') && !name.is_empty());
    if interface && !text.starts_with('/') {
        return Ok(());
    }
    let mut parts = text.split(':');
    let is_path = |part: &str| part.starts_with('/');
    let is_mode = |part: &str| !part.is_empty() && part.chars().all(|letter| "rwm".contains(letter));
    let host = parts.next().is_some_and(is_path);
    let fine = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => true,
        (Some(one), None, _) => is_path(one) || is_mode(one),
        (Some(path), Some(mode), None) => is_path(path) && is_mode(mode),
        _ => false,
    };
    if host && fine { Ok(()) } else { Err(Problem::new("is not a device", advice)) }
}
