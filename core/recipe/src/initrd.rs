//! What the initrd is cut from.

use serde::{Serialize, Serializer};

use crate::collection::Set;
use crate::glob::PathGlob;
use crate::kernel::check_module_glob;
use crate::name::UnitName;
use crate::origin::Origin;
use crate::path::TargetPath;
use crate::shape::{ScalarValue, record, text_value};
use crate::yaml::Scalar;

record! {
    /// What goes into the initrd. Everything is taken from the tree of the operating system, together
    /// with the libraries, modules and firmware it depends on.
    pub struct Initrd {
        /// Programs.
        programs: Set<TargetPath>,
        /// Units.
        units: Set<UnitName>,
        /// Modules of the kernel: names such as `virtio_blk`, or patterns of paths.
        modules: Set<InitrdModule>,
        /// Other files: paths or patterns of paths.
        files: Set<PathGlob>,
    }
}

text_value! {
    /// The name of a module of the kernel, `-` written as `_` as the kernel itself does.
    expected "the name of a module such as virtio_blk"
    pattern "^[A-Za-z0-9_-]{1,64}$"
    check check_module_name;
    pub struct ModuleName;
}

fn check_module_name(text: &str) -> Result<(), String> {
    if let Some(name) = text.strip_suffix(".ko") {
        return Err(format!("is a file; write the name of the module, `{name}`"));
    }
    if (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Ok(());
    }
    Err("is no name of a module; use up to 64 letters, digits, `_` and `-`".to_owned())
}

/// Some modules of the kernel for the initrd.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InitrdModule {
    /// One module, by its name.
    Name(ModuleName),
    /// A pattern of paths below `/usr/lib/modules/VERSION`, such as `kernel/drivers/nvme/**`.
    Path(String),
}

impl InitrdModule {
    /// The name or pattern, names with `_` for `-`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Path(glob) => glob,
        }
    }
}

impl Serialize for InitrdModule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl ScalarValue for InitrdModule {
    const EXPECTED: &'static str = "the name of a module such as virtio_blk, or a pattern of paths";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        let text = scalar.text.as_str();
        if text.contains('/') {
            return check_module_glob(text).map(|()| Self::Path(text.to_owned()));
        }
        ModuleName::new(text)?;
        ModuleName::new(&text.replace('-', "_")).map(Self::Name)
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "anyOf": [
            ModuleName::schema(),
            { "type": "string", "pattern": "^(kernel|updates)/.+$" },
        ]})
    }
}
