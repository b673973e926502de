//! Names that Debian Policy defines, checked before they reach a command line or a path.

/// Longest package name, version or architecture taken.
pub const MAXIMUM_NAME: usize = 255;

/// A name that Debian Policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a package name (Debian Policy 5.6.1).
    #[error("{0:?} is not a package name: lower-case letters, digits, + - . and at least two of them")]
    Package(String),
    /// Not a version (Debian Policy 5.6.12).
    #[error("{0:?} is not a Debian version")]
    Version(String),
    /// Not an architecture.
    #[error("{0:?} is not a Debian architecture name, such as amd64")]
    Architecture(String),
    /// Not a suite.
    #[error("{0:?} is not a suite name, such as trixie or trixie-security")]
    Suite(String),
    /// Not a component.
    #[error("{0:?} is not a component name, such as main or non-free-firmware")]
    Component(String),
    /// Not a name of an archive in a recipe.
    #[error("{0:?} is not a name for an archive: lower-case letters, digits and -")]
    Archive(String),
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Checks a package name (Debian Policy 5.6.1).
///
/// # Errors
/// When it has other characters than `a-z 0-9 + - .`, is too short or too long.
pub fn check_package_name(name: &str) -> Result<(), NameError> {
    let good = (2..=MAXIMUM_NAME).contains(&name.len())
        && name.bytes().next().is_some_and(lower_or_digit)
        && name.bytes().all(|byte| lower_or_digit(byte) || b"+-.".contains(&byte));
    if good { Ok(()) } else { Err(NameError::Package(shown(name))) }
}

/// Checks a version (Debian Policy 5.6.12).
///
/// # Errors
/// When it has characters that a version cannot have.
pub fn check_version(version: &str) -> Result<(), NameError> {
    let good = (1..=MAXIMUM_NAME).contains(&version.len())
        && version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-:~".contains(&byte))
        && version.parse::<debversion::Version>().is_ok();
    if good { Ok(()) } else { Err(NameError::Version(shown(version))) }
}

/// Checks an architecture name.
///
/// # Errors
/// When it has other characters than `a-z 0-9 -`.
pub fn check_architecture(architecture: &str) -> Result<(), NameError> {
    if is_word(architecture, b"-") { Ok(()) } else { Err(NameError::Architecture(shown(architecture))) }
}

/// Checks a suite name. A name that ends in `/` is the directory of a flat repository.
///
/// # Errors
/// When it has characters that would change a URI or a `.sources` file.
pub fn check_suite(suite: &str) -> Result<(), NameError> {
    let good = (1..=MAXIMUM_NAME).contains(&suite.len())
        && suite.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/".contains(&byte))
        && suite.split('/').all(|part| part != "..");
    if good { Ok(()) } else { Err(NameError::Suite(shown(suite))) }
}

/// Checks a component name.
///
/// # Errors
/// When it has characters that would change a URI or a `.sources` file.
pub fn check_component(component: &str) -> Result<(), NameError> {
    let good = (1..=MAXIMUM_NAME).contains(&component.len())
        && component.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/".contains(&byte))
        && component.split('/').all(|part| part != ".." && !part.is_empty());
    if good { Ok(()) } else { Err(NameError::Component(shown(component))) }
}

/// Checks the name by which a recipe calls an archive.
///
/// # Errors
/// When it has other characters than `a-z 0-9 -`.
pub fn check_archive_name(name: &str) -> Result<(), NameError> {
    if is_word(name, b"-") { Ok(()) } else { Err(NameError::Archive(shown(name))) }
}

fn is_word(text: &str, extra: &[u8]) -> bool {
    (1..=MAXIMUM_NAME).contains(&text.len())
        && text.bytes().next().is_some_and(lower_or_digit)
        && text.bytes().all(|byte| lower_or_digit(byte) || extra.contains(&byte))
}
