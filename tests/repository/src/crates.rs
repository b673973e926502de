//! The crates of the workspace, as cargo sees them.

use crate::files::{output, root};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A room of the house (ARCHITECTURE.md): the top folder in which a crate lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Values in, values out.
    Core,
    /// Every effect.
    System,
    /// Contracts.
    Api,
    /// Pages.
    Web,
    /// The product's programs.
    Programs,
    /// Test support and tests, benchmarks and chores: no part of the product.
    Workshop,
}

impl Room {
    /// The room of a folder, relative to the root.
    #[must_use]
    pub fn of(folder: &str) -> Option<Self> {
        match folder.split('/').next()? {
            "core" => Some(Self::Core),
            "system" => Some(Self::System),
            "api" => Some(Self::Api),
            "web" => Some(Self::Web),
            "programs" => Some(Self::Programs),
            "tests" | "benches" | "xtask" => Some(Self::Workshop),
            _ => None,
        }
    }
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// What it says about itself.
    pub description: Option<String>,
    /// Its licence expression.
    pub license: Option<String>,
    /// Registries to which it may be published; an empty list means none.
    pub publish: Option<Vec<String>>,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    manifest_path: PathBuf,
}

/// A dependency of a crate.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The name of the crate.
    pub name: String,
    /// The requirement, such as `=1.2.3`.
    #[serde(rename = "req")]
    pub requirement: String,
    /// `None` for what the crate itself needs; otherwise `dev` or `build`.
    pub kind: Option<String>,
    /// Where it lies, if it is one of ours.
    pub path: Option<PathBuf>,
}

impl Crate {
    /// Its folder, relative to the root.
    #[must_use]
    pub fn folder(&self) -> String {
        relative(self.manifest_path.parent().expect("invariant: a manifest lies in a folder"))
    }
}

impl Dependency {
    /// The folder of one of our crates, relative to the root.
    #[must_use]
    pub fn folder(&self) -> Option<String> {
        self.path.as_deref().map(relative)
    }

    /// Whether only tests need it.
    #[must_use]
    pub fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

fn relative(path: &Path) -> String {
    let root = root();
    path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned()
}

/// All crates of the workspace.
///
/// # Panics
/// When cargo refuses the workspace.
#[must_use]
pub fn all() -> Vec<Crate> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Crate>,
    }
    let text = output(env!("CARGO"), &["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&text).expect("cargo metadata prints its documented format");
    metadata.packages
}
