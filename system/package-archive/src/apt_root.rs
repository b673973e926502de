//! A private, throw-away root for apt: its own configuration, sources, keys and lists, nothing of the machine's.

use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use package_lock::request::{ArchiveKey, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Settings of the machine's apt that are about reaching servers, and so hold for us too: proxies, TLS, timeouts, and whether
/// old indices are taken.
const KEPT_SETTINGS: [&str; 11] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::ftp::",
    "Acquire::socks",
    "Acquire::Retries",
    "Acquire::Queue-Mode",
    "Acquire::ForceIPv",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Max-ValidTime",
    "Acquire::Max-FutureTime",
];

/// Where Debian's keys are on a Debian machine.
const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A directory that apt takes for the whole machine. Removed when dropped.
#[derive(Debug)]
pub(crate) struct AptRoot {
    directory: TempDir,
}

impl AptRoot {
    /// Makes one that knows the machine's proxies, and no sources.
    pub(crate) fn create(architecture: &str, cancel: &Cancel) -> Result<Self, AptRootError> {
        let dump = Invocation::new(Program::AptConfig).argument("dump").run(cancel)?.stdout;
        let directory = tempfile::Builder::new().prefix("piccolo-apt-").tempdir().map_err(AptRootError::Directory)?;
        let root = Self { directory };
        root.lay_out(architecture, &String::from_utf8_lossy(&dump)).map_err(AptRootError::Directory)?;
        Ok(root)
    }

    fn lay_out(&self, architecture: &str, machine: &str) -> io::Result<()> {
        // apt downloads as its own user when run by root, which has to get here.
        fs::set_permissions(self.path(""), Permissions::from_mode(0o755))?;
        for directory in [
            "etc/apt/sources.list.d",
            "etc/apt/preferences.d",
            "etc/apt/keys",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
        ] {
            fs::create_dir_all(self.path(directory))?;
        }
        fs::write(self.path("var/lib/dpkg/status"), "")?;
        // A machine that says otherwise is right about its own network.
        let mut text = String::from("Acquire::Retries \"3\";\n");
        for line in machine.lines().filter(|line| KEPT_SETTINGS.iter().any(|kept| line.starts_with(kept))) {
            text.push_str(line);
            text.push('\n');
        }
        let root = self.directory.path().display();
        let _ = write!(
            text,
            "Dir \"{root}/\";\nDir::State::status \"{root}/var/lib/dpkg/status\";\nDir::Bin::methods \"/usr/lib/apt/methods\";\n\
             Dir::Etc::parts \"/dev/null\";\nDir::Etc::trusted \"/dev/null\";\nDir::Etc::trustedparts \"/dev/null\";\n\
             Dir::Etc::netrc \"/etc/apt/auth.conf\";\nDir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n\
             #clear APT::Architectures;\nAPT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Install-Suggests \"false\";\nAPT::Update::Error-Mode \"any\";\nAPT::Get::Assume-Yes \"true\";\n\
             APT::Color \"false\";\nAcquire::Languages \"none\";\nAcquire::PDiffs \"false\";\nAcquire::ForceHash \"SHA256\";\n\
             Acquire::GzipIndexes \"false\";\n"
        );
        fs::write(self.path("etc/apt/apt.conf"), text)
    }

    /// A path inside.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// A run of one of apt's programs on this root.
    pub(crate) fn invocation(&self, program: Program) -> Invocation {
        Invocation::new(program).environment("APT_CONFIG", self.path("etc/apt/apt.conf"))
    }

    /// Writes sources, keys and preferences for a request, each archive with the mirror given for it.
    pub(crate) fn write_request(
        &self,
        request: &Request,
        mirrors: &BTreeMap<&str, &str>,
        keys: &BTreeMap<String, PathBuf>,
    ) -> Result<(), AptRootError> {
        for (name, archive) in &request.archives {
            let key = match archive.key {
                ArchiveKey::DebianArchive => PathBuf::from(DEBIAN_KEYRING),
                ArchiveKey::File(_) => self.copy_key(name, keys)?,
            };
            if !key.is_file() {
                return Err(AptRootError::NoDebianKeys);
            }
            let components = match archive.components.as_slice() {
                [] => String::new(),
                components => format!("Components: {}\n", components.join(" ")),
            };
            let text = format!(
                "Types: deb\nURIs: {}\nSuites: {}\n{components}Architectures: {}\nSigned-By: {}\n",
                mirrors.get(name.as_str()).copied().unwrap_or_default(),
                archive.suites.join(" "),
                request.architecture,
                key.display(),
            );
            fs::write(self.source_file(name), text).map_err(AptRootError::Directory)?;
        }
        let preferences: String = request
            .excluded
            .iter()
            .map(|name| format!("Package: {name}\nPin: version *\nPin-Priority: -1\n\n"))
            .collect();
        fs::write(self.path("etc/apt/preferences.d/excluded"), preferences).map_err(AptRootError::Directory)
    }

    /// The `.sources` file of an archive.
    pub(crate) fn source_file(&self, archive: &str) -> PathBuf {
        self.path(&format!("etc/apt/sources.list.d/{archive}.sources"))
    }

    /// apt reads keys as its own user, which may not reach the recipe's directory. The name's ending tells apt the format.
    fn copy_key(&self, archive: &str, keys: &BTreeMap<String, PathBuf>) -> Result<PathBuf, AptRootError> {
        let from = keys.get(archive).ok_or_else(|| AptRootError::NoKey { archive: archive.to_owned() })?;
        let contents = fs::read(from).map_err(|source| AptRootError::Key { path: from.clone(), source })?;
        let armoured = contents.starts_with(b"-----BEGIN PGP");
        let to = self.path(&format!("etc/apt/keys/{archive}.{}", if armoured { "asc" } else { "gpg" }));
        write_readable(&to, &contents).map_err(AptRootError::Directory)?;
        Ok(to)
    }
}

fn write_readable(path: &Path, contents: &[u8]) -> io::Result<()> {
    fs::write(path, contents)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Why apt could not be given a root of its own.
#[derive(Debug, thiserror::Error)]
pub enum AptRootError {
    /// Its directory.
    #[error("a directory for apt could not be made in the temporary directory; is it full?")]
    Directory(#[source] io::Error),
    /// The machine's configuration could not be asked for.
    #[error("this machine's apt configuration could not be read")]
    Configuration(#[from] HostError),
    /// Debian's keys are not installed.
    #[error("this machine has no Debian archive keys; on Debian: apt-get install debian-archive-keyring")]
    NoDebianKeys,
    /// An archive with a key of its own, which was not given.
    #[error("the archive {archive} has no key file; add its key to the recipe")]
    NoKey {
        /// The archive.
        archive: String,
    },
    /// A key that cannot be read.
    #[error("the key file {} cannot be read", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
