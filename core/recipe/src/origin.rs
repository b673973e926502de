//! Where a value was written, so that a later error can still name file, line and column.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The path of a layer as the operator or another layer's `extends:` named it, in one normal form:
/// no empty or `.` component, and `..` only at its front.
///
/// `..` is resolved in the text, so a symbolic link among the directories of a layer is not seen.
/// Two paths are the same layer when they are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerPath(Arc<str>);

/// Why a text is not the path of a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerPathError {
    /// There is no file name in it.
    #[error("the path of a layer is empty or names no file")]
    Empty,
    /// It holds a control character, which no message could show.
    #[error("the path of a layer holds a control character")]
    ControlCharacter,
    /// It is longer than Linux accepts.
    #[error("the path of a layer is longer than 4096 bytes")]
    TooLong,
}

impl LayerPath {
    /// Reads a path as written on the command line: absolute, or relative to a directory that the
    /// caller chooses.
    ///
    /// # Errors
    /// When the path is empty, longer than 4096 bytes or holds a control character.
    pub fn new(path: &str) -> Result<Self, LayerPathError> {
        if path.len() > 4096 {
            return Err(LayerPathError::TooLong);
        }
        if path.chars().any(char::is_control) {
            return Err(LayerPathError::ControlCharacter);
        }
        let normal = normalise(path);
        match normal.rsplit('/').next() {
            None | Some("" | "..") => Err(LayerPathError::Empty),
            Some(_) => Ok(Self(normal.into())),
        }
    }

    /// Resolves a path written in this layer, relative to the directory of this layer.
    ///
    /// # Errors
    /// When the result is no path of a file, as for [`LayerPath::new`].
    pub fn sibling(&self, relative: &str) -> Result<Self, LayerPathError> {
        match self.0.rsplit_once('/') {
            Some((directory, _)) => Self::new(&format!("{directory}/{relative}")),
            None => Self::new(relative),
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pseudo layer in which the defaults of the language are written.
    pub(crate) fn built_in() -> Self {
        Self("built-in default".into())
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn normalise(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut components: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => match components.last() {
                Some(&last) if last != ".." => {
                    components.pop();
                }
                // The parent of the root directory is the root directory.
                None if absolute => {}
                _ => components.push(".."),
            },
            name => components.push(name),
        }
    }
    let joined = components.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// The place at which a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The layer it was written in.
    pub layer: LayerPath,
    /// Line, counted from 1.
    pub line: u32,
    /// Column, counted from 1 in characters.
    pub column: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.layer, self.line, self.column)
    }
}

/// A value together with the place where it was written.
///
/// It serialises as the value alone, so that moving a line does not change a cache key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerPath, LayerPathError};

    #[test]
    fn layer_paths_have_one_normal_form() {
        for (written, normal) in [
            ("base.yaml", "base.yaml"),
            ("./os//recipes/./vm.yaml", "os/recipes/vm.yaml"),
            ("os/recipes/../vm.yaml", "os/vm.yaml"),
            ("../a/../../b.yaml", "../../b.yaml"),
            ("/a/../../b.yaml", "/b.yaml"),
        ] {
            assert_eq!(LayerPath::new(written).unwrap().as_str(), normal, "{written}");
        }
    }

    #[test]
    fn a_path_that_names_no_file_is_refused() {
        for written in ["", "/", ".", "..", "a/..", "../.."] {
            assert_eq!(LayerPath::new(written), Err(LayerPathError::Empty), "{written}");
        }
        assert_eq!(LayerPath::new("a\nb"), Err(LayerPathError::ControlCharacter));
        assert_eq!(LayerPath::new(&"a".repeat(5000)), Err(LayerPathError::TooLong));
    }

    #[test]
    fn a_sibling_is_relative_to_the_directory_of_the_layer() {
        let layer = LayerPath::new("os/recipes/vm.yaml").unwrap();
        assert_eq!(layer.sibling("base.yaml").unwrap().as_str(), "os/recipes/base.yaml");
        assert_eq!(layer.sibling("../x.yaml").unwrap().as_str(), "os/x.yaml");
        let top = LayerPath::new("vm.yaml").unwrap();
        assert_eq!(top.sibling("base.yaml").unwrap().as_str(), "base.yaml");
        let root = LayerPath::new("/vm.yaml").unwrap();
        assert_eq!(root.sibling("base.yaml").unwrap().as_str(), "/base.yaml");
    }
}
