//! systemd units and what they bring with them.
//!
//! A unit brings: its file, its drop-ins, the programs it starts (`Exec…=`), the units it names in `Requires=`, `Wants=`,
//! `BindsTo=` and `Upholds=`, and the unit that a socket, timer, path or automount unit starts. The links in `.wants` and
//! `.requires` directories bring nothing: only those between two included units are copied. Neither do `OnFailure=`, `After=`
//! and `Before=` bring anything. So what is in the initrd is what was asked for and what that cannot do without.

use crate::report::{Cause, Reason};
use std::collections::BTreeSet;

/// Directories of units, the one that wins first (systemd.unit(5)).
pub(crate) const DIRECTORIES: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];
/// Types of units that can be in an initrd.
const TYPES: [&str; 10] =
    ["service", "socket", "target", "mount", "automount", "swap", "timer", "path", "slice", "scope"];

/// What the text of one unit asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    /// Units by name.
    pub(crate) units: BTreeSet<String>,
    /// Programs: absolute paths or names to look up.
    pub(crate) programs: Vec<Program>,
}

/// A program that a unit starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Absolute path, or a name to be found in the usual directories.
    pub(crate) name: String,
    /// Marked `-`: its failure, and so its absence, is ignored.
    pub(crate) may_fail: bool,
}

/// Whether a file name is that of a unit.
pub(crate) fn is_unit_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, suffix)| !stem.is_empty() && TYPES.contains(&suffix))
}

/// The template of an instance: `getty@tty1.service` is of `getty@.service`.
pub(crate) fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, suffix) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{suffix}"))
}

/// Names of the drop-in directories of a unit: its own, its template's, those of its dashed prefixes, and its type's.
pub(crate) fn drop_in_directories(name: &str) -> Vec<String> {
    let mut names = vec![format!("{name}.d")];
    names.extend(template(name).map(|template| format!("{template}.d")));
    if let Some((stem, suffix)) = name.rsplit_once('.') {
        let dashes = stem.match_indices('-').filter(|(position, _)| position + 1 < stem.len());
        names.extend(dashes.map(|(position, _)| format!("{}.{suffix}.d", &stem[..=position])));
        names.push(format!("{suffix}.d"));
    }
    names
}

/// Reads what a unit asks for from its text, drop-ins behind it. Settings are only ever added: an assignment of nothing, which
/// resets a list, leaves the initrd with a program too many, never with one too few.
pub(crate) fn asks(name: &str, text: &str) -> Asks {
    let mut asks = Asks::default();
    let mut section = String::new();
    let mut accept = false;
    let mut starts: Option<String> = None;
    for line in logical_lines(text) {
        if let Some(heading) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            heading.clone_into(&mut section);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match (section.as_str(), key) {
            ("Unit", "Requires" | "Wants" | "BindsTo" | "Upholds") | ("Service", "Sockets") => {
                asks.units.extend(value.split_whitespace().filter_map(|unit| specified(unit, name)));
            }
            ("Socket", "Service") | ("Timer" | "Path", "Unit") => starts = specified(value, name),
            ("Socket", "Accept") => accept = matches!(value, "yes" | "true" | "on" | "1"),
            ("Service" | "Socket" | "Mount" | "Swap", key) if key.starts_with("Exec") => {
                asks.programs.extend(program(value));
            }
            _ => {}
        }
    }
    asks.units.extend(starts.or_else(|| started_by_default(name, accept)));
    asks
}

/// The reason for a unit that another one asks for.
pub(crate) fn wanted_by(name: &str) -> Reason {
    Reason::new(Cause::WantedBy, name)
}

/// The unit that a socket, timer, path or automount starts where it names none.
fn started_by_default(name: &str, accept: bool) -> Option<String> {
    let (stem, suffix) = name.rsplit_once('.')?;
    match suffix {
        "socket" if accept => Some(format!("{stem}@.service")),
        "socket" | "timer" | "path" => Some(format!("{stem}.service")),
        "automount" => Some(format!("{stem}.mount")),
        _ => None,
    }
}

/// Replaces the instance specifier in a unit's name; names with other specifiers are known only at run time.
fn specified(unit: &str, of: &str) -> Option<String> {
    let instance = of.split_once('@').and_then(|(_, rest)| rest.rsplit_once('.')).map_or("", |(instance, _)| instance);
    let unit = unit.trim_matches('"').replace("%i", instance).replace("%I", instance).replace("%%", "%");
    (!unit.contains('%') && is_unit_name(&unit)).then_some(unit)
}

/// The program of a command line: special prefixes are taken off (systemd.service(5), table 1).
fn program(command: &str) -> Option<Program> {
    let start = command.find(|letter: char| !"-@:+!|".contains(letter))?;
    let (prefixes, command) = command.split_at(start);
    let name = match command.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next()?,
        None => command.split_whitespace().next()?,
    };
    let known = !name.contains(['%', '$']) && !name.is_empty();
    known.then(|| Program { name: name.to_owned(), may_fail: prefixes.contains('-') })
}

/// Lines without comments, with continuations (`\` at the end) joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            current.push_str(part);
            current.push(' ');
            continue;
        }
        current.push_str(line);
        if !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Program, asks, drop_in_directories};

    #[test]
    fn a_service_asks_for_programs_and_units() {
        let text = "[Unit]\nWants=a.service \\\n  b@%i.target\n# Wants=no.service\nAfter=z.service\n[Service]\nExecStartPre=-/bin/first --x\n\
                    ExecStart=+!udevadm trigger\nExecStop=\"/usr/bin/with space\" x\nExecReload=/usr/bin/%p\nSockets=s.socket\n";
        let asks = asks("me@one.service", text);
        assert_eq!(
            asks.units.iter().map(String::as_str).collect::<Vec<_>>(),
            ["a.service", "b@one.target", "s.socket"]
        );
        let program = |name: &str, may_fail| Program { name: name.to_owned(), may_fail };
        let expected = [program("/bin/first", true), program("udevadm", false), program("/usr/bin/with space", false)];
        assert_eq!(asks.programs, expected);
    }

    #[test]
    fn a_socket_starts_its_service() {
        let started = |name: &str, text: &str| asks(name, text).units.into_iter().collect::<Vec<_>>();
        assert_eq!(started("a.socket", "[Socket]\nListenStream=/run/a\n"), ["a.service"]);
        assert_eq!(started("a.socket", "[Socket]\nAccept=yes\n"), ["a@.service"]);
        assert_eq!(started("a.socket", "[Socket]\nService=b.service\n"), ["b.service"]);
        assert_eq!(started("a.timer", "[Timer]\nUnit=c.target\n"), ["c.target"]);
    }

    #[test]
    fn drop_ins_are_looked_for_where_systemd_does() {
        let expected = ["a-b@x.service.d", "a-b@.service.d", "a-.service.d", "service.d"];
        assert_eq!(drop_in_directories("a-b@x.service"), expected);
    }
}
