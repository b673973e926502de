//! Paths inside a tree: absolute, normalised, bytes.

use std::fmt;

/// Longest path accepted, in bytes (Linux `PATH_MAX`).
pub const MAXIMUM_PATH: usize = 4096;
/// Longest name accepted, in bytes (Linux `NAME_MAX`, also EROFS's limit).
pub const MAXIMUM_NAME: usize = 255;

/// An absolute path within a tree, as components without `.`, `..` or empty names. The root has none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath {
    components: Vec<Vec<u8>>,
}

impl TreePath {
    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses a path written with slashes. A leading slash or `./` is optional, `.` and doubled slashes vanish.
    ///
    /// # Errors
    /// When a component is `..`, holds a NUL byte, or a name or the whole is too long.
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        let show = || String::from_utf8_lossy(&path[..path.len().min(200)]).into_owned();
        if path.len() > MAXIMUM_PATH {
            return Err(PathError::TooLong { path: show() });
        }
        let mut components = Vec::new();
        for name in path.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(PathError::ParentComponent { path: show() }),
                name if name.len() > MAXIMUM_NAME => return Err(PathError::TooLong { path: show() }),
                name if name.contains(&0) => return Err(PathError::NulByte { path: show() }),
                name => components.push(name.to_vec()),
            }
        }
        Ok(Self { components })
    }

    /// The names from the root to the file.
    #[must_use]
    pub fn components(&self) -> &[Vec<u8>] {
        &self.components
    }

    /// The directory that holds this path, and the name in it; nothing for the root.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        let (name, parent) = self.components.split_last()?;
        Some((Self { components: parent.to_vec() }, name))
    }

    /// This path with one more name, which must be a single valid component.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut components = self.components.clone();
        components.push(name.to_vec());
        Self { components }
    }

    /// The path as bytes, with a leading slash.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.components.is_empty() {
            return b"/".to_vec();
        }
        let mut bytes = Vec::new();
        for name in &self.components {
            bytes.push(b'/');
            bytes.extend_from_slice(name);
        }
        bytes
    }

    /// Whether this path is `ancestor` or lies below it.
    #[must_use]
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.components.starts_with(&ancestor.components)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.to_string())
    }
}

/// Why a path cannot be one of a tree.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// The path climbs.
    #[error("the path {path:?} holds \"..\"; write it without")]
    ParentComponent {
        /// The path as given.
        path: String,
    },
    /// The path holds a byte that no file system can store.
    #[error("the path {path:?} holds a NUL byte")]
    NulByte {
        /// The path as given.
        path: String,
    },
    /// The path or one of its names is longer than Linux allows.
    #[error("the path {path:?}… is longer than {MAXIMUM_PATH} bytes or has a name longer than {MAXIMUM_NAME}")]
    TooLong {
        /// The beginning of the path.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use super::{PathError, TreePath};

    #[test]
    fn spelling_does_not_matter() {
        for spelling in ["/usr/bin", "usr/bin", "./usr//bin/", "/usr/./bin"] {
            assert_eq!(TreePath::parse(spelling).unwrap().to_string(), "/usr/bin", "{spelling}");
        }
        assert_eq!(TreePath::parse("./").unwrap(), TreePath::root());
    }

    #[test]
    fn climbing_and_oversized_paths_are_refused() {
        assert!(matches!(TreePath::parse("/a/../b"), Err(PathError::ParentComponent { .. })));
        assert!(matches!(TreePath::parse(b"/a\0b"), Err(PathError::NulByte { .. })));
        assert!(matches!(TreePath::parse("x".repeat(256)), Err(PathError::TooLong { .. })));
    }
}
