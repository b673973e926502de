//! Files that the recipe adds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::collection::{KeyedItem, Text};
use crate::mode::Mode;
use crate::origin::{Located, Origin};
use crate::path::{SourcePath, TargetPath};
use crate::problem::{ProblemKind, Problems};
use crate::shape::{Decode, ScalarValue, Shape, record, text_value};
use crate::template;
use crate::yaml::{Node, Scalar};

/// A file, directory, link or whole tree that the recipe adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Where in the operating system. Missing parents are made, mode 0755, of root.
    pub path: TargetPath,
    /// What.
    #[serde(flatten)]
    pub content: FileContent,
    /// The owner.
    pub owner: Account,
    /// The group.
    pub group: Account,
    /// Extended attributes.
    pub xattrs: BTreeMap<XattrName, XattrValue>,
    /// Where this entry was written.
    #[serde(skip)]
    pub origin: Origin,
}

/// What a [`FileEntry`] adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileContent {
    /// A file that the layer brings along.
    Source {
        /// The file.
        from: Located<SourcePath>,
        /// Its mode. `None`: 0755 if its owner may execute it where the layer lies, else 0644.
        mode: Option<Mode>,
        /// Whether it is a template: see [`crate::Recipe::render`].
        template: bool,
    },
    /// A file with this text.
    Content {
        /// The text.
        text: Text,
        /// Its mode.
        mode: Mode,
        /// Whether it is a template: see [`crate::Recipe::render`].
        template: bool,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to, as it stands in the link.
        target: LinkTarget,
    },
    /// A directory, which may exist already and then gets this mode and owner.
    Directory {
        /// Its mode.
        mode: Mode,
    },
    /// A directory of the layer with everything in it, laid over what is there. Directories get 0755,
    /// files 0755 if their owner may execute them where the layer lies, else 0644.
    Tree(TreeEntry),
}

/// A directory that a layer brings along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeEntry {
    /// The directory.
    pub from: Located<SourcePath>,
}

record! {
    /// A file, directory, link or whole tree to add.
    struct FileFields {
        /// Where in the operating system.
        path: TargetPath,
        /// A file to copy, relative to this layer.
        source: Option<Located<SourcePath>>,
        /// The text of a file.
        content: Option<Text>,
        /// The target of a symbolic link.
        symlink: Option<LinkTarget>,
        /// `true`: make a directory.
        directory: Option<Yes>,
        /// A directory to copy with everything in it, relative to this layer. Several layers may add
        /// trees at the same path; later ones are laid over earlier ones.
        tree: Option<Located<SourcePath>>,
        /// The mode, in octal. Not for links and trees. Without it: 0755 for directories and for a
        /// `source` that is executable, else 0644.
        mode: Option<Located<Mode>>,
        /// The owner: a name or a number.
        owner: Account = "root",
        /// The group: a name or a number.
        group: Account = "root",
        /// Extended attributes: text, or bytes as `0x` and hexadecimal digits.
        xattrs: BTreeMap<XattrName, XattrValue>,
        /// Whether `{{ name }}`, `{{ version }}`, `{{ stream }}` and `{{ architecture }}` in the file
        /// stand for the recipe's values.
        template: Option<Located<bool>>,
    }
    exactly one of "source", "content", "symlink", "directory", "tree";
}

impl Decode for FileEntry {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        FileFields::shape()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        FileFields::decode(node, place, problems)?.into_entry(problems)
    }

    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self> {
        FileFields::absent(at, place, problems)?.into_entry(problems)
    }
}

impl KeyedItem for FileEntry {
    const KEY: &'static str = "path";
    const BESIDE: Option<&'static str> = Some("tree");
}

impl FileFields {
    fn into_entry(self, problems: &mut Problems) -> Option<FileEntry> {
        self.refuse_meaningless_keys(problems);
        let mode = self.mode.map(|mode| mode.value);
        let template = self.template.is_some_and(|template| template.value);
        let content = if let Some(from) = self.source {
            FileContent::Source { from, mode, template }
        } else if let Some(text) = self.content {
            if template && let Err(error) = template::check(text.as_str()) {
                problems.add(&self.origin, ProblemKind::Unsupported(error.to_string()));
            }
            FileContent::Content { text, mode: mode.unwrap_or(Mode::FILE), template }
        } else if let Some(target) = self.symlink {
            FileContent::Symlink { target }
        } else if let Some(from) = self.tree {
            FileContent::Tree(TreeEntry { from })
        } else {
            // The check of the layer has seen to it that one of the five is there.
            self.directory?;
            FileContent::Directory { mode: mode.unwrap_or(Mode::DIRECTORY) }
        };
        Some(FileEntry {
            path: self.path,
            content,
            owner: self.owner,
            group: self.group,
            xattrs: self.xattrs,
            origin: self.origin,
        })
    }

    fn refuse_meaningless_keys(&self, problems: &mut Problems) {
        let mut refuse = |at: &Origin, what: &str| {
            problems.add(at, ProblemKind::Unsupported(what.to_owned()));
        };
        if let Some(mode) = &self.mode {
            if self.symlink.is_some() {
                refuse(&mode.origin, "a symbolic link has no mode; remove `mode`");
            }
            if self.tree.is_some() {
                refuse(
                    &mode.origin,
                    "the files of a tree keep being executable or not; remove `mode`, or add those that need another mode as files",
                );
            }
        }
        if let Some(template) = self.template.as_ref().filter(|template| template.value)
            && self.source.is_none()
            && self.content.is_none()
        {
            refuse(&template.origin, "only a file with `source` or `content` can be a template; remove `template`");
        }
        if self.path.is_root() && self.tree.is_none() && self.directory.is_none() {
            refuse(&self.origin, "`/` is a directory; use `tree` to copy one over it");
        }
        if self.tree.is_some() && !self.xattrs.is_empty() {
            refuse(&self.origin, "extended attributes belong to one file; add that file on its own");
        }
    }
}

text_value! {
    /// The target of a symbolic link: any path, absolute or relative to the directory of the link.
    expected "the target of a symbolic link"
    pattern "^[^\\u0000-\\u001f]{1,4095}$"
    check check_link_target;
    pub struct LinkTarget;
}

fn check_link_target(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 4095 || text.chars().any(char::is_control) {
        return Err("is no target of a link: 1 to 4095 bytes without control characters".to_owned());
    }
    Ok(())
}

/// `true`, where `false` would mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Yes;

impl ScalarValue for Yes {
    const EXPECTED: &'static str = "true";

    fn parse(scalar: &Scalar, at: &Origin) -> Result<Self, String> {
        if bool::parse(scalar, at)? {
            Ok(Self)
        } else {
            Err("means nothing here; remove the key, or write `true`".to_owned())
        }
    }

    fn schema() -> serde_json::Value {
        json!({ "const": true })
    }
}

/// A user or group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name; it must exist when the tree is complete.
    Name(String),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl ScalarValue for Account {
    const EXPECTED: &'static str = "the name or number of an account";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        let text = scalar.text.as_str();
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            // The highest number is the kernel's `no such account`; 65535 was it once.
            return match text.parse::<u32>() {
                Ok(id) if id != u32::MAX && id != 65_535 => Ok(Self::Id(id)),
                _ => Err("is no number of an account".to_owned()),
            };
        }
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if text.len() <= 31 && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && text.chars().all(good)
        {
            return Ok(Self::Name(text.to_owned()));
        }
        Err("is no name of an account; use up to 31 lower-case letters, digits, `_` and `-`, or a number".to_owned())
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [
            { "type": "string", "pattern": "^([a-z_][a-z0-9_-]{0,30}|[0-9]+)$" },
            { "type": "integer", "minimum": 0, "maximum": u32::MAX - 1 },
        ]})
    }
}

text_value! {
    /// The name of an extended attribute with its namespace (xattr(7)).
    expected "the name of an extended attribute such as user.note"
    pattern "^(user|trusted|security|system)\\.[!-~]{1,240}$"
    check check_xattr_name;
    pub struct XattrName;
}

fn check_xattr_name(text: &str) -> Result<(), String> {
    let known = ["user", "trusted", "security", "system"];
    let good = text.split_once('.').is_some_and(|(space, name)| {
        known.contains(&space) && (1..=240).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if good {
        return Ok(());
    }
    Err(format!("is no extended attribute; it begins with one of {} and a dot", known.join(", ")))
}

/// The bytes of an extended attribute. Serialised as `0x` and hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XattrValue(Vec<u8>);

impl XattrValue {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for XattrValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = "0x".to_owned();
        for byte in &self.0 {
            text.push_str(&format!("{byte:02x}"));
        }
        serializer.serialize_str(&text)
    }
}

impl ScalarValue for XattrValue {
    const EXPECTED: &'static str = "text, or bytes such as 0x0100";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        let bytes = match scalar.text.strip_prefix("0x") {
            Some(digits) => hexadecimal(digits)?,
            None => scalar.text.clone().into_bytes(),
        };
        // What ext4 and EROFS hold for one file is not much more.
        if bytes.len() > 4096 {
            return Err("is longer than 4096 bytes".to_owned());
        }
        Ok(Self(bytes))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

fn hexadecimal(digits: &str) -> Result<Vec<u8>, String> {
    let nibbles: Option<Vec<u8>> =
        digits.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match nibbles {
        Some(nibbles) if nibbles.len() % 2 == 0 => {
            Ok(nibbles.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble)).collect())
        }
        _ => Err("begins with `0x` but is no even number of hexadecimal digits".to_owned()),
    }
}
