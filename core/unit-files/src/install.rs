//! The `[Install]` section of a unit file (systemd.unit(5)).

/// Longest unit file read, in bytes.
pub const MAXIMUM_UNIT_FILE: u64 = 1024 * 1024;

/// What enabling a unit does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallSection {
    /// Units whose `.wants/` directory gets a link.
    pub wanted_by: Vec<String>,
    /// Units whose `.requires/` directory gets a link.
    pub required_by: Vec<String>,
    /// Units whose `.upholds/` directory gets a link.
    pub upheld_by: Vec<String>,
    /// Further names of the unit.
    pub alias: Vec<String>,
    /// Units enabled along with it.
    pub also: Vec<String>,
    /// Instance to use when a template is enabled without one.
    pub default_instance: Option<String>,
}

impl InstallSection {
    /// Whether enabling does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { default_instance: self.default_instance.clone(), ..Self::default() }
    }
}

/// Reads the `[Install]` section; lines that are not understood are skipped, as systemd does.
#[must_use]
pub fn parse(text: &str) -> InstallSection {
    let mut section = InstallSection::default();
    let mut inside = false;
    for line in logical_lines(text) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            inside = name.trim_end_matches(']') == "Install";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else { continue };
        let list = match key.trim() {
            "WantedBy" => &mut section.wanted_by,
            "RequiredBy" => &mut section.required_by,
            "UpheldBy" => &mut section.upheld_by,
            "Alias" => &mut section.alias,
            "Also" => &mut section.also,
            "DefaultInstance" => {
                section.default_instance = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
                continue;
            }
            _ => continue,
        };
        let value = value.trim();
        if value.is_empty() {
            list.clear();
        }
        list.extend(value.split_whitespace().map(str::to_owned));
    }
    section
}

/// Joins continued lines and drops comments.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let body = line.strip_suffix('\\');
        let part = body.unwrap_or(line);
        match lines.last_mut().filter(|_| continued) {
            Some(last) => {
                last.push(' ');
                last.push_str(part);
            }
            None => lines.push(part.to_owned()),
        }
        continued = body.is_some();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_lists_continuations_and_resets() {
        let section = parse(
            "[Unit]\nWantedBy=no.target\n[Install]\n# WantedBy=x\nWantedBy=a.target \\\n  b.target\nRequiredBy=c.target\n\
             RequiredBy=\nAlias=d.service\nDefaultInstance=tty1\n",
        );
        assert_eq!(section.wanted_by, ["a.target", "b.target"]);
        assert!(section.required_by.is_empty());
        assert_eq!(section.alias, ["d.service"]);
        assert_eq!(section.default_instance.as_deref(), Some("tty1"));
    }

    #[test]
    fn a_unit_without_install_section_does_nothing_when_enabled() {
        assert!(parse("[Service]\nExecStart=/bin/true\n").is_empty());
    }
}
