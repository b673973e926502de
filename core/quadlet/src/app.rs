//! An app: a set of units that belong together.

use crate::check;
use crate::finding::{Finding, Rule, Severity};
use crate::unit_file::UnitFile;
use crate::unit_kind::UnitKind;
use crate::value::Problem;
use std::collections::BTreeSet;

/// Most units of an app.
pub const MAXIMUM_UNITS: usize = 256;
/// Most lines of all units of an app together: everything that compares lines with each other stays quick.
pub const MAXIMUM_APP_LINES: usize = 10_000;

/// A unit of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The name of its file, `web.container`.
    pub name: String,
    /// Its kind, by the name.
    pub kind: UnitKind,
    /// What is written in it.
    pub file: UnitFile,
}

impl Unit {
    /// The name without the kind, `web`.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    /// Whether it is a template, of which instances are made (`web@.container`, systemd.unit(5)).
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.stem().contains('@')
    }
}

/// What else is on the device, for the owner of the app: it can be referred to, and its names are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// File names of units of other apps.
    pub units: BTreeSet<String>,
    /// Names of services of other apps and of the system, with `.service`.
    pub services: BTreeSet<String>,
}

/// A set of units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct App {
    units: Vec<Unit>,
    refused: Vec<Finding>,
}

impl App {
    /// Reads the files of an app, each with its name. A file that cannot be read is no unit; [`App::check`] says why.
    pub fn read<'files>(files: impl IntoIterator<Item = (&'files str, &'files [u8])>) -> Self {
        let mut app = Self::default();
        let mut lines = 0;
        for (name, bytes) in files {
            lines += bytes.split(|byte| *byte == b'\n').take(MAXIMUM_APP_LINES + 1).count();
            if app.units.len() + app.refused.len() == MAXIMUM_UNITS || lines > MAXIMUM_APP_LINES {
                let message = format!("the app has more than {MAXIMUM_UNITS} units or {MAXIMUM_APP_LINES} lines");
                app.refused.push(Finding::new(Severity::Error, Rule::Files, "", message).suggest("split it"));
                break;
            }
            match Self::read_unit(name, bytes) {
                Ok(unit) if app.unit(&unit.name).is_some() => {
                    let finding = Finding::new(Severity::Error, Rule::Files, name, "this file is there twice");
                    app.refused.push(finding.suggest("leave one out"));
                }
                Ok(unit) => app.units.push(unit),
                Err(finding) => app.refused.push(*finding),
            }
        }
        app.units.sort_by(|one, other| one.name.cmp(&other.name));
        app
    }

    fn read_unit(name: &str, bytes: &[u8]) -> Result<Unit, Box<Finding>> {
        let kind = kind_of(name).map_err(|problem| {
            let message = format!("{name:?} {}", problem.message);
            Finding::new(Severity::Error, Rule::Files, name, message).suggest(problem.suggestion)
        })?;
        let file = UnitFile::parse(bytes).map_err(|error| {
            Finding::new(Severity::Error, Rule::Syntax, name, error.problem.to_string()).at(error.position)
        })?;
        Ok(Unit { name: name.to_owned(), kind, file })
    }

    /// The units, by name.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The unit with this file name.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// Everything there is to say about the app: by file, then by place, then the gravest first.
    #[must_use]
    pub fn check(&self, surroundings: &Surroundings) -> Vec<Finding> {
        let mut findings = self.refused.clone();
        check::check(self, surroundings, &mut findings);
        findings.sort_by(|one, other| {
            let key = |finding: &Finding| (finding.file.clone(), finding.position, std::cmp::Reverse(finding.severity));
            key(one).cmp(&key(other))
        });
        findings
    }
}

/// The kind of a unit by the name of its file, where it can be one.
fn kind_of(name: &str) -> Result<UnitKind, Problem> {
    let kinds = UnitKind::ALL.map(|kind| format!(".{kind}")).join(" ");
    let kind = UnitKind::of_file(name)
        .ok_or_else(|| Problem::new("is not the name of a unit", format!("end it in one of {kinds}")))?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // The name of the service has the same length limit as every unit's: systemd.unit(5).
    let longest = 255 - ".service".len() - kind.service_suffix().len();
    if !crate::value::is_unit_name(stem) || stem.starts_with(['.', '-', '@']) {
        return Err(Problem::new(
            "is not a name that systemd takes",
            "use letters, digits, and : - _ . @, and begin with a letter or digit",
        ));
    }
    if stem.len() > longest {
        return Err(Problem::new("is too long", format!("use at most {longest} characters before the dot")));
    }
    Ok(kind)
}
