//! What a system says about itself: os-release(5) and the list of packages.

use super::text::{Text, plain};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// More than any os-release has.
const MAXIMUM_FIELDS: usize = 256;
/// Most packages listed.
const MAXIMUM_PACKAGES: usize = 65_536;

/// Fields of os-release(5), such as `VERSION_ID`, without quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OsRelease(BTreeMap<String, String>);

impl OsRelease {
    /// Reads the text; lines that are no assignment are passed over.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let assignments = text.lines().filter_map(|line| line.trim().split_once('='));
        let fields = assignments.filter(|(name, _)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        });
        Self(fields.take(MAXIMUM_FIELDS).map(|(name, value)| (name.to_owned(), unquoted(value))).collect())
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The release's version: of the image, or of the system.
    pub fn version(&self) -> Option<&str> {
        self.get("IMAGE_VERSION").or_else(|| self.get("VERSION_ID"))
    }

    /// What a person calls it.
    pub fn describe(&self, text: &mut Text) {
        let name = self.get("PRETTY_NAME").or_else(|| self.get("NAME")).unwrap_or("without a name");
        text.field("Release", plain(name));
        let image = self.get("IMAGE_ID").map(|id| format!("{} ", plain(id))).unwrap_or_default();
        text.optional("Version", self.version().map(|version| format!("{image}{}", plain(version))));
    }
}

/// A value of os-release(5): bare, or in quotes with backslashes before what is special.
fn unquoted(value: &str) -> String {
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return value.to_owned();
    };
    let mut out = String::new();
    let mut characters = value.chars().skip(1);
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => out.extend(characters.next()),
            end if end == quote => break,
            other => out.push(other),
        }
    }
    out
}

/// The packages an image was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packages {
    /// How many.
    pub count: usize,
    /// Each of them, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<Package>>,
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture, where the list has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

impl Packages {
    /// Reads `packages.json`: a list of packages, or an object with one under `packages`.
    pub fn parse(bytes: &[u8], listed: bool) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let items = value.get("packages").unwrap_or(&value).as_array()?;
        let packages = items.iter().take(MAXIMUM_PACKAGES).filter_map(package);
        Some(Self::of(packages.collect(), listed))
    }

    /// A list that is already known.
    pub fn of(list: Vec<Package>, listed: bool) -> Self {
        Self { count: list.len(), list: listed.then_some(list) }
    }

    /// How many, and each where asked for.
    pub fn describe(&self, text: &mut Text) {
        text.field("Packages", self.count);
        let Some(list) = &self.list else { return };
        let row = |package: &Package| {
            let architecture = package.architecture.as_deref().unwrap_or_default();
            vec![String::new(), plain(&package.name), plain(&package.version), plain(architecture)]
        };
        text.table(&list.iter().map(row).collect::<Vec<_>>(), &[]);
    }
}

fn package(value: &Value) -> Option<Package> {
    let field = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some(Package { name: field("name")?, version: field("version")?, architecture: field("architecture") })
}

#[cfg(test)]
mod tests {
    use super::{OsRelease, Packages};

    #[test]
    fn os_release_values_lose_their_quotes() {
        let release =
            OsRelease::parse(b"# comment\nNAME=\"A \\\"b\\\" c\"\nVERSION_ID='1.2'\nIMAGE_ID=vm\nlower=1\n=x\n\xff");
        assert_eq!(release.get("NAME"), Some("A \"b\" c"));
        assert_eq!(release.version(), Some("1.2"));
        assert_eq!(release.get("lower"), None);
    }

    #[test]
    fn packages_are_read_from_a_list_or_a_lockfile() {
        let list = br#"[{"name":"bash","version":"5.2"},{"name":"x"},3]"#;
        assert_eq!(Packages::parse(list, false).map(|packages| packages.count), Some(1));
        let object = br#"{"packages":[{"name":"bash","version":"5.2","architecture":"amd64"}]}"#;
        let packages = Packages::parse(object, true).unwrap();
        assert_eq!(packages.list.unwrap()[0].architecture.as_deref(), Some("amd64"));
        assert_eq!(Packages::parse(b"{", true), None);
    }
}
