//! The kernel, its command line, and which of its modules go into the operating system.

use serde::{Serialize, Serializer};

use crate::collection::Set;
use crate::glob::{GlobMatcher, check_glob};
use crate::name::PackageName;
use crate::origin::{Located, Origin};
use crate::problem::nearest;
use crate::recipe::Architecture;
use crate::shape::{ScalarValue, record, text_value};
use crate::yaml::Scalar;

record! {
    /// The kernel.
    pub struct Kernel {
        /// The package with the kernel. Without it: `linux-image-amd64` or `linux-image-arm64`.
        package: Option<Located<PackageName>>,
        /// Arguments of the kernel, in this order. What finds the root file system is added by the build.
        command_line: Vec<Located<CommandLineArgument>>,
        /// Which modules go into the operating system.
        modules: ModuleSelection,
    }
}

impl Kernel {
    /// The name of the package with the kernel.
    #[must_use]
    pub fn package_name(&self, architecture: Architecture) -> &str {
        match &self.package {
            Some(package) => package.as_str(),
            None => match architecture {
                Architecture::X86_64 => "linux-image-amd64",
                Architecture::Arm64 => "linux-image-arm64",
            },
        }
    }
}

text_value! {
    /// One argument of the kernel, such as `console=ttyS0`. White space only within double quotes.
    expected "an argument of the kernel such as console=ttyS0"
    pattern "^[!-~]([ -~]*[!-~])?$"
    check check_argument;
    pub struct CommandLineArgument;
}

/// The kernel's limit for the whole command line on x86-64 and arm64 (`COMMAND_LINE_SIZE`).
pub(crate) const COMMAND_LINE_LIMIT: usize = 2048;

/// What the build itself says, so that the image finds its own slot.
const RESERVED: [&str; 7] = [
    "root",
    "roothash",
    "usrhash",
    "systemd.verity_root_data",
    "systemd.verity_root_hash",
    "systemd.verity_root_options",
    "initrd",
];

fn check_argument(text: &str) -> Result<(), String> {
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || text.is_empty() {
        return Err("is no argument of the kernel; use printable ASCII characters".to_owned());
    }
    if text.len() > COMMAND_LINE_LIMIT {
        return Err(format!("is longer than the kernel's {COMMAND_LINE_LIMIT} bytes"));
    }
    let mut in_quotes = false;
    for c in text.chars() {
        in_quotes ^= c == '"';
        if c == ' ' && !in_quotes {
            return Err("is more than one argument; write each as an item of its own".to_owned());
        }
    }
    if in_quotes {
        return Err("has a quotation mark that is not closed".to_owned());
    }
    let name = text.split('=').next().unwrap_or(text);
    if RESERVED.contains(&name) {
        return Err(format!("sets `{name}`, which the build sets so that an image finds its own root; remove it"));
    }
    Ok(())
}

record! {
    /// Which modules of the kernel go into the operating system. A module that a kept one depends on
    /// is kept, too.
    pub struct ModuleSelection {
        /// Keep only these. Empty: keep all.
        include: Set<ModulePattern>,
        /// Leave these out, also where `include` has them.
        exclude: Set<ModulePattern>,
    }
}

impl ModuleSelection {
    /// Prepares the selection for matching.
    ///
    /// # Errors
    /// When the patterns are too many and too long to be compiled together.
    pub fn selector(&self) -> Result<ModuleSelector, String> {
        let globs = |set: &Set<ModulePattern>| {
            let texts: Vec<String> = set.iter().flat_map(ModulePattern::globs).collect();
            GlobMatcher::of_texts(texts.iter().map(String::as_str))
        };
        Ok(ModuleSelector {
            include: if self.include.is_empty() { None } else { Some(globs(&self.include)?) },
            exclude: globs(&self.exclude)?,
        })
    }
}

/// A [`ModuleSelection`] ready for matching.
#[derive(Debug, Clone)]
pub struct ModuleSelector {
    include: Option<GlobMatcher>,
    exclude: GlobMatcher,
}

impl ModuleSelector {
    /// Whether a module is selected by itself. `path` is relative to `/usr/lib/modules/VERSION`, such as
    /// `kernel/fs/erofs/erofs.ko`; an ending of compression is ignored.
    #[must_use]
    pub fn keeps(&self, path: &str) -> bool {
        let path = without_compression(path);
        let included = match &self.include {
            Some(include) => include.matches(path),
            None => true,
        };
        included && !self.exclude.matches(path)
    }
}

/// The path of a module without `.xz`, `.zst` or `.gz`.
pub(crate) fn without_compression(path: &str) -> &str {
    [".xz", ".zst", ".gz"].iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// Some modules of the kernel: a class, or a pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModulePattern {
    /// A class from [`MODULE_CLASSES`], written as its name.
    Class(&'static ModuleClass),
    /// A pattern of paths below `/usr/lib/modules/VERSION`, such as `kernel/sound/**`.
    Path(String),
}

impl ModulePattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Class(class) => class.name,
            Self::Path(glob) => glob,
        }
    }

    fn globs(&self) -> Vec<String> {
        match self {
            Self::Class(class) => class.directories.iter().map(|directory| format!("kernel/{directory}/**")).collect(),
            Self::Path(glob) => vec![glob.clone()],
        }
    }
}

impl Serialize for ModulePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl ScalarValue for ModulePattern {
    const EXPECTED: &'static str = "a class of modules such as sound, or a pattern of paths";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        let text = scalar.text.as_str();
        if text.contains('/') {
            return check_module_glob(text).map(|()| Self::Path(text.to_owned()));
        }
        let class = MODULE_CLASSES.iter().find(|class| class.name == text);
        class.map(Self::Class).ok_or_else(|| {
            let names = || MODULE_CLASSES.iter().map(|class| class.name);
            match nearest(text, names()) {
                Some(name) => format!("is no class of modules; did you mean `{name}`?"),
                None => format!(
                    "is no class of modules; write a pattern of paths such as `kernel/sound/**`, or one of {}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            }
        })
    }

    fn schema() -> serde_json::Value {
        let names: Vec<&str> = MODULE_CLASSES.iter().map(|class| class.name).collect();
        serde_json::json!({ "anyOf": [
            { "enum": names },
            { "type": "string", "pattern": "^(kernel|updates)/.+$" },
        ]})
    }
}

/// Checks a pattern of module paths.
pub(crate) fn check_module_glob(text: &str) -> Result<(), String> {
    // Debian puts modules below `kernel`, those built by dkms below `updates`.
    if !text.starts_with("kernel/") && !text.starts_with("updates/") {
        return Err(
            "is no pattern of modules; it is relative to `/usr/lib/modules/VERSION` and begins with `kernel/` or `updates/`"
                .to_owned(),
        );
    }
    check_glob(text)
}

/// Modules that belong together, by where the kernel's source keeps them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleClass {
    /// The name in a recipe.
    pub name: &'static str,
    /// What it is, for people.
    pub description: &'static str,
    /// Directories below `kernel/`.
    pub directories: &'static [&'static str],
}

/// Every class of modules. The reference lists the same table, and a test compares them.
pub const MODULE_CLASSES: &[ModuleClass] = &[
    ModuleClass {
        name: "amateur-radio",
        description: "packet radio",
        directories: &["drivers/net/hamradio", "net/ax25", "net/netrom", "net/rose"],
    },
    ModuleClass { name: "bluetooth", description: "Bluetooth", directories: &["drivers/bluetooth", "net/bluetooth"] },
    ModuleClass {
        name: "can",
        description: "controller area networks of vehicles and machines",
        directories: &["drivers/net/can", "net/can"],
    },
    ModuleClass {
        name: "fibre-channel",
        description: "Fibre Channel storage adapters",
        directories: &[
            "drivers/message/fusion",
            "drivers/scsi/be2iscsi",
            "drivers/scsi/bfa",
            "drivers/scsi/bnx2fc",
            "drivers/scsi/csiostor",
            "drivers/scsi/elx",
            "drivers/scsi/fcoe",
            "drivers/scsi/fnic",
            "drivers/scsi/libfc",
            "drivers/scsi/lpfc",
            "drivers/scsi/qedf",
            "drivers/scsi/qla2xxx",
        ],
    },
    ModuleClass { name: "firewire", description: "IEEE 1394", directories: &["drivers/firewire"] },
    ModuleClass {
        name: "gpu",
        description: "graphics and accelerators",
        directories: &["drivers/accel", "drivers/gpu", "drivers/video"],
    },
    ModuleClass {
        name: "industrial-io",
        description: "sensors, data acquisition and measuring cards",
        directories: &["drivers/comedi", "drivers/counter", "drivers/iio"],
    },
    ModuleClass {
        name: "infiniband",
        description: "InfiniBand and RDMA",
        directories: &["drivers/infiniband", "net/rds", "net/smc"],
    },
    ModuleClass { name: "isdn", description: "ISDN and telephony", directories: &["drivers/isdn"] },
    ModuleClass {
        name: "joystick",
        description: "joysticks, tablets, touch screens and other input that no server has",
        directories: &[
            "drivers/input/gameport",
            "drivers/input/joystick",
            "drivers/input/tablet",
            "drivers/input/touchscreen",
        ],
    },
    ModuleClass {
        name: "media",
        description: "cameras, television, radio and remote controls",
        directories: &["drivers/media", "drivers/staging/media"],
    },
    ModuleClass { name: "nfc", description: "near-field communication", directories: &["drivers/nfc", "net/nfc"] },
    ModuleClass {
        name: "parallel-port",
        description: "parallel ports and what hangs on them",
        directories: &["drivers/parport"],
    },
    ModuleClass { name: "pcmcia", description: "PC cards", directories: &["drivers/pcmcia"] },
    ModuleClass { name: "sound", description: "sound", directories: &["drivers/soundwire", "sound"] },
    ModuleClass {
        name: "staging",
        description: "drivers that the kernel's developers hold unfinished",
        directories: &["drivers/staging"],
    },
    ModuleClass {
        name: "wireless",
        description: "Wi-Fi and other radio networks",
        directories: &[
            "drivers/net/ieee802154",
            "drivers/net/wireless",
            "drivers/net/wwan",
            "net/6lowpan",
            "net/ieee802154",
            "net/mac80211",
            "net/mac802154",
            "net/wireless",
        ],
    },
];

#[cfg(test)]
mod tests;
