//! The image that the tests boot.

use std::env;
use std::path::PathBuf;

/// The environment variable that names the image.
pub const VARIABLE: &str = "PICCOLO_TEST_IMAGE";

/// The disk image under test: the recipe for virtual machines with the test layer on top.
///
/// # Panics
/// When nobody has built one.
#[must_use]
#[track_caller]
pub fn test_image() -> PathBuf {
    let Some(path) = env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!("{VARIABLE} is not set: run the tests through `cargo xtask test`, which builds the image and sets it");
    };
    assert!(path.is_file(), "{VARIABLE} names {}, which is not a file: run `cargo xtask test`", path.display());
    path
}
