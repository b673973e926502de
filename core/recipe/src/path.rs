//! Paths inside the operating system, and paths of files that layers bring along.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::origin::{LayerPath, Origin};
use crate::shape::{ScalarValue, text_value};
use crate::yaml::Scalar;

text_value! {
    /// An absolute path inside the operating system, in its one normal form: no `.` or `..`, no
    /// repeated `/`, none at the end. `/` is the root directory.
    expected "an absolute path such as /etc/motd"
    pattern "^/([^/]+(/[^/]+)*)?$"
    check check_target_path;
    pub struct TargetPath;
}

impl TargetPath {
    /// Whether it is the root directory.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.as_str() == "/"
    }
}

fn check_target_path(text: &str) -> Result<(), String> {
    let Some(relative) = text.strip_prefix('/') else {
        return Err(match text {
            "" => "is empty; an absolute path is needed, such as `/etc/motd`".to_owned(),
            _ => format!("is not absolute; did you mean `/{}`?", crate::decode::shortened(text)),
        });
    };
    check_text(text)?;
    if relative.is_empty() {
        return Ok(());
    }
    for component in relative.split('/') {
        match component {
            "" if text.ends_with('/') => {
                return Err("ends with `/`; leave that out".to_owned());
            }
            "" => return Err("has `//` in it; write `/` once".to_owned()),
            "." => return Err("has `.` in it; leave that out".to_owned()),
            ".." => {
                return Err("has `..` in it, which could lead outside; write the path out".to_owned());
            }
            name if name.len() > 255 => {
                return Err("has a component of more than 255 bytes".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// What holds for every path: at most 4095 bytes, nothing that a message or a list cannot show.
fn check_text(text: &str) -> Result<(), String> {
    if text.len() > 4095 {
        return Err("is longer than 4095 bytes".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character in it".to_owned());
    }
    Ok(())
}

/// A file or directory that a layer brings along, named relative to the directory of that layer.
///
/// It serialises as written: where the layers happen to lie is no part of what is built. The content
/// is, so a cache key must add it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePath {
    written: String,
    resolved: LayerPath,
}

impl SourcePath {
    /// The path as written, relative to the layer.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The path relative to what the paths of layers are relative to.
    #[must_use]
    pub fn resolved(&self) -> &str {
        self.resolved.as_str()
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resolved())
    }
}

impl Serialize for SourcePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl ScalarValue for SourcePath {
    const EXPECTED: &'static str = "a path relative to this layer";

    fn parse(scalar: &Scalar, at: &Origin) -> Result<Self, String> {
        let written = scalar.text.as_str();
        check_text(written)?;
        if written.starts_with('/') {
            return Err(
                "is absolute and would not exist on another computer; write it relative to this layer".to_owned()
            );
        }
        let resolved = at
            .layer
            .sibling(written)
            .map_err(|_| "names no file or directory of its own; write a path relative to this layer".to_owned())?;
        Ok(Self { written: written.to_owned(), resolved })
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "pattern": "^[^/]" })
    }
}

#[cfg(test)]
mod tests {
    use super::TargetPath;

    #[test]
    fn target_paths_are_absolute_and_normal() {
        for good in ["/", "/etc/motd", "/usr/lib/x..y/...", "/a b"] {
            assert!(TargetPath::new(good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("etc/motd", "did you mean `/etc/motd`?"),
            ("", "is empty"),
            ("/etc/", "ends with"),
            ("/etc//motd", "`//`"),
            ("/etc/./motd", "`.`"),
            ("/etc/../../root", "outside"),
            ("/a\nb", "control character"),
        ] {
            let reason = TargetPath::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
        assert!(TargetPath::new(&format!("/{}", "a".repeat(256))).is_err());
        assert!(TargetPath::new(&"/a".repeat(3000)).is_err());
    }
}
