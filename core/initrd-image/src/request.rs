//! What an initrd is to hold.

use file_tree::tree::FileTree;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The default request's text.
const SYSTEMD_VERITY_ROOT: &str = include_str!("request/systemd-verity-root.yaml");

/// What an initrd is to hold. Everything that the named things need comes along.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InitrdRequest {
    /// Programs by absolute path.
    pub programs: Vec<Wish>,
    /// Shared libraries by name, as `dlopen` would be given: those that programs load without saying so.
    pub libraries: Vec<Wish>,
    /// Files, directories with all below them, or globs (`/usr/lib/udev/rules.d/*.rules`; `*` does not cross slashes, `**`
    /// does), copied as they are with what they need to run.
    pub files: Vec<Wish>,
    /// systemd units by name. What they start and require comes along.
    pub units: Vec<Wish>,
    /// Kernel modules by name or alias (`-` and `_` are one), or globs over paths in the kernel's directory
    /// (`kernel/drivers/nvme/**`). What is built into the kernel counts as there.
    pub modules: Vec<Wish>,
    /// Features of the ELF dlopen metadata whose libraries are included though only suggested, such as `tpm`.
    pub dlopen_features: Vec<String>,
    /// Features whose libraries are not included though recommended.
    pub dlopen_features_exclude: Vec<String>,
    /// Empty directories, such as mount points, by absolute path.
    pub directories: Vec<String>,
    /// Symbolic links that exist only in the initrd: path to target.
    pub links: BTreeMap<String, String>,
    /// The kernel whose modules are meant; where none is named, the tree must hold exactly one.
    pub kernel_version: Option<String>,
    /// Files that exist only in the initrd, laid over the root tree before anything is looked up in it.
    #[serde(skip)]
    pub extra: FileTree,
}

/// One wish of a request. Written with a leading `?` it is optional: where the tree does not have it, the report says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Wish {
    /// The name, path or pattern, without the mark.
    pub name: String,
    /// Whether the initrd can be without.
    pub optional: bool,
}

impl From<&str> for Wish {
    fn from(text: &str) -> Self {
        match text.strip_prefix('?') {
            Some(name) => Self { name: name.to_owned(), optional: true },
            None => Self { name: text.to_owned(), optional: false },
        }
    }
}

impl From<String> for Wish {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Why the text of a request could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the initrd request is not valid")]
pub struct RequestError(#[from] serde_saphyr::Error);

impl InitrdRequest {
    /// The base of every Piccolo initrd: systemd, udev and journal; a verity root by `roothash=`; systemd-repart with ext4;
    /// measurement into the TPM; and the drivers of the machines we boot on. The list is `request/systemd-verity-root.yaml`
    /// beside this file. The caller adds `/etc/initrd-release` and its own units.
    ///
    /// # Panics
    /// Never: a test reads the list.
    #[must_use]
    pub fn systemd_verity_root() -> Self {
        Self::from_yaml(SYSTEMD_VERITY_ROOT).expect("the request compiled in is valid, as a test shows")
    }

    /// Reads a request from YAML with this type's fields in kebab case.
    ///
    /// # Errors
    /// When the text is not YAML, or names unknown fields.
    pub fn from_yaml(text: &str) -> Result<Self, RequestError> {
        Ok(serde_saphyr::from_str(text)?)
    }

    /// Adds the lists of another request to this one's. Links, the kernel's version and extra files of the other win.
    ///
    /// # Errors
    /// When the extra files contradict each other.
    pub fn extend(&mut self, other: Self) -> Result<(), file_tree::tree::TreeError> {
        self.programs.extend(other.programs);
        self.libraries.extend(other.libraries);
        self.files.extend(other.files);
        self.units.extend(other.units);
        self.modules.extend(other.modules);
        self.dlopen_features.extend(other.dlopen_features);
        self.dlopen_features_exclude.extend(other.dlopen_features_exclude);
        self.directories.extend(other.directories);
        self.links.extend(other.links);
        self.kernel_version = other.kernel_version.or(self.kernel_version.take());
        crate::selection::overlay(&mut self.extra, &other.extra)
    }
}

#[cfg(test)]
mod tests {
    use super::{InitrdRequest, Wish};

    #[test]
    fn the_request_compiled_in_is_valid() {
        let request = InitrdRequest::systemd_verity_root();
        assert!(request.modules.contains(&Wish { name: "dm_verity".to_owned(), optional: false }));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(InitrdRequest::from_yaml("moduls: [ext4]").is_err());
    }
}
