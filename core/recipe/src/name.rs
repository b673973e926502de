//! Names: of recipes, packages, units, fragments of configuration and steps.

use crate::shape::text_value;

text_value! {
    /// The name of an operating system: up to 32 lower-case letters, digits and hyphens, a letter first.
    ///
    /// It becomes `IMAGE_ID=` and part of file names, in which `_` separates the name from the version.
    expected "a name such as piccolo"
    pattern "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"
    check check_recipe_name;
    pub struct RecipeName;
}

fn check_recipe_name(text: &str) -> Result<(), String> {
    let good = text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| is_lower_or_digit(c) || c == '-');
    if good {
        return Ok(());
    }
    Err("is no name; use up to 32 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen".to_owned())
}

text_value! {
    /// The name of a Debian package (Debian policy 5.6.1).
    expected "the name of a package"
    pattern "^[a-z0-9][a-z0-9+.-]{1,127}$"
    check check_package_name;
    pub struct PackageName;
}

fn check_package_name(text: &str) -> Result<(), String> {
    if let Some((name, version)) = text.split_once('=') {
        return Err(format!("names a version; write `{name}` here, the lockfile holds the version ({version})"));
    }
    if text.contains(':') || text.contains('/') {
        return Err(
            "names an architecture or a suite; write the name alone, the recipe's `architecture` and `base` decide the rest"
                .to_owned(),
        );
    }
    let good = (2..=128).contains(&text.len())
        && text.starts_with(is_lower_or_digit)
        && text.chars().all(|c| is_lower_or_digit(c) || "+-.".contains(c));
    if good {
        return Ok(());
    }
    if check_package_name_letters(&text.to_ascii_lowercase()) {
        return Err(format!("is no name of a package; package names are lower-case: `{}`", text.to_ascii_lowercase()));
    }
    Err("is no name of a package; it has at least two of lower-case letters, digits, `+`, `-` and `.`, a letter or digit first".to_owned())
}

fn check_package_name_letters(lower: &str) -> bool {
    (2..=128).contains(&lower.len())
        && lower.starts_with(is_lower_or_digit)
        && lower.chars().all(|c| is_lower_or_digit(c) || "+-.".contains(c))
}

text_value! {
    /// The name of a systemd unit with its type, such as `ssh.service` (systemd.unit(5)).
    expected "the name of a unit such as ssh.service"
    pattern "^[A-Za-z0-9:_.\\\\@-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$"
    check check_unit_name;
    pub struct UnitName;
}

const UNIT_TYPES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

fn check_unit_name(text: &str) -> Result<(), String> {
    if text.len() > 255 {
        return Err("is longer than the 255 characters that systemd allows".to_owned());
    }
    let Some((stem, kind)) = text.rsplit_once('.') else {
        return Err(format!("lacks the type of the unit; did you mean `{text}.service`?"));
    };
    if !UNIT_TYPES.contains(&kind) {
        return Err(match crate::problem::nearest(kind, UNIT_TYPES) {
            Some(nearest) => format!("ends in no type of unit; did you mean `{stem}.{nearest}`?"),
            None => format!("ends in no type of unit; the types are {}", UNIT_TYPES.join(", ")),
        });
    }
    let good = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
    if stem.is_empty() || !stem.chars().all(good) {
        return Err("is no name of a unit; use letters, digits and `:`, `_`, `.`, `\\`, `@`, `-`".to_owned());
    }
    Ok(())
}

text_value! {
    /// The name of a fragment of configuration, such as `50-piccolo`, without the ending that its kind adds.
    expected "the name of a fragment, such as 50-piccolo"
    pattern "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
    check check_fragment_name;
    pub struct FragmentName;
}

fn check_fragment_name(text: &str) -> Result<(), String> {
    for ending in [".conf", ".preset"] {
        if let Some(stem) = text.strip_suffix(ending) {
            return Err(format!("has an ending, which is added anyway; write `{stem}`"));
        }
    }
    check_file_name(text)
}

text_value! {
    /// The name of a post-processing step.
    expected "the name of a step, such as trim-locales"
    pattern "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
    check check_file_name;
    pub struct StepName;
}

text_value! {
    /// The name by which messages and other layers refer to a repository.
    expected "the name of a repository, such as tools"
    pattern "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
    check check_file_name;
    pub struct RepositoryName;
}

fn check_file_name(text: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.len() <= 128 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good) {
        return Ok(());
    }
    Err("is no name; use up to 128 letters, digits and `.`, `_`, `-`, a letter or digit first".to_owned())
}

fn is_lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::{FragmentName, PackageName, RecipeName, UnitName};

    #[test]
    fn package_names_follow_debian_policy() {
        for good in ["nano", "libstdc++6", "7zip", "linux-image-6.12", "g++"] {
            assert!(PackageName::new(good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("Nano", "`nano`"),
            ("n", "at least two"),
            ("nano=7.2-1", "lockfile"),
            ("nano:arm64", "architecture"),
            ("nano/trixie-backports", "suite"),
            ("-nano", "a letter or digit first"),
            ("na no", "lower-case letters"),
            ("", "at least two"),
        ] {
            let reason = PackageName::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
    }

    #[test]
    fn unit_names_have_a_type() {
        for good in ["ssh.service", "getty@tty1.service", "dev-disk-by\\x2dlabel.swap", "-.mount"] {
            assert!(UnitName::new(good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("ssh", "`ssh.service`"),
            ("ssh.servce", "`ssh.service`"),
            ("network.conf", "the types are"),
            ("a b.service", "use letters"),
            (".service", "use letters"),
        ] {
            let reason = UnitName::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
    }

    #[test]
    fn recipe_names_fit_into_file_names() {
        for good in ["piccolo", "a", "home-lab2"] {
            assert!(RecipeName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Piccolo", "home_lab", "2box", "box-", "a/b", &"a".repeat(33)] {
            assert!(RecipeName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fragment_names_are_written_without_their_ending() {
        assert!(FragmentName::new("50-piccolo").is_ok());
        assert!(FragmentName::new("50-piccolo.conf").unwrap_err().contains("`50-piccolo`"));
        for bad in ["", "..", "a/b", ".hidden"] {
            assert!(FragmentName::new(bad).is_err(), "{bad}");
        }
    }
}
