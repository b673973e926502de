//! Lines of sysusers.d(5).

/// How the number of a user or group is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The next free number of the system range.
    Automatic,
    /// This number; for users also the number of the group of the same name.
    Number(u32),
    /// This user number, and a primary group that exists by number.
    NumberAndGroup(u32, u32),
    /// A user with this number and a primary group that exists by name.
    NumberAndGroupName(Option<u32>, String),
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Create a user, and its group.
    User {
        /// Login name.
        name: String,
        /// Its number.
        identity: Identity,
        /// Full name, for people.
        description: String,
        /// Home directory, `/` when not given.
        home: String,
        /// Login shell, `/usr/sbin/nologin` when not given.
        shell: String,
    },
    /// Create a group.
    Group {
        /// Its name.
        name: String,
        /// Its number.
        identity: Identity,
    },
    /// Add a user to a group; both are created when missing.
    Member {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// Use this range for automatic numbers.
    Range {
        /// Lowest number.
        first: u32,
        /// Highest number.
        last: u32,
    },
}

/// Why a line is not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {number}: {problem}")]
pub struct LineError {
    /// Number of the line, from one.
    pub number: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads a sysusers.d file.
///
/// # Errors
/// The first line that is not understood.
pub fn parse(text: &str) -> Result<Vec<Line>, LineError> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines.push(parse_line(line).map_err(|problem| LineError { number, problem })?);
    }
    Ok(lines)
}

fn parse_line(line: &str) -> Result<Line, String> {
    let fields = split(line)?;
    let field = |index: usize| fields.get(index).map(String::as_str).filter(|value| !value.is_empty() && *value != "-");
    let kind = field(0).unwrap_or_default();
    let name = || -> Result<String, String> {
        let name = field(1).ok_or("a name is missing")?;
        let valid = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
        if name.len() > 31
            || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || !name.chars().all(valid)
        {
            return Err(format!("{name:?} is no user or group name"));
        }
        Ok(name.to_owned())
    };
    match kind {
        // "u!" locks the account; ours never have a password, so the difference is none.
        "u" | "u!" => Ok(Line::User {
            name: name()?,
            identity: user_identity(field(2))?,
            description: plain(field(3).unwrap_or_default())?,
            home: plain(field(4).unwrap_or("/"))?,
            shell: plain(field(5).unwrap_or("/usr/sbin/nologin"))?,
        }),
        "g" => Ok(Line::Group { name: name()?, identity: group_identity(field(2))? }),
        "m" => Ok(Line::Member { user: name()?, group: field(2).ok_or("a group is missing")?.to_owned() }),
        "r" => {
            let range = field(2).ok_or("a range is missing")?;
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{range:?} is no range of numbers"));
            Ok(Line::Range { first: number(first)?, last: number(last)? })
        }
        other => Err(format!("the type {other:?} is not one of u, u!, g, m, r")),
    }
}

fn user_identity(field: Option<&str>) -> Result<Identity, String> {
    let Some(text) = field else { return Ok(Identity::Automatic) };
    if text.starts_with('/') {
        return Err(format!("taking the number from the owner of {text} is not supported; write a number or \"-\""));
    }
    let Some((user, group)) = text.split_once(':') else { return Ok(Identity::Number(number(text)?)) };
    let user = if user == "-" { None } else { Some(number(user)?) };
    match (user, group.parse()) {
        (Some(user), Ok(group)) => Ok(Identity::NumberAndGroup(user, group)),
        (user, _) => Ok(Identity::NumberAndGroupName(user, group.to_owned())),
    }
}

fn group_identity(field: Option<&str>) -> Result<Identity, String> {
    match field {
        None => Ok(Identity::Automatic),
        Some(text) if text.starts_with('/') => {
            Err(format!("taking the number from the owner of {text} is not supported; write a number or \"-\""))
        }
        Some(text) => Ok(Identity::Number(number(text)?)),
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse() {
        // 65535 and 2³²−1 mean "none" in kernel interfaces.
        Ok(65535 | u32::MAX) | Err(_) => Err(format!("{text:?} is no usable number")),
        Ok(number) => Ok(number),
    }
}

/// Refuses what would break the line format of passwd(5).
fn plain(text: &str) -> Result<String, String> {
    if text.contains([':', '\n', '\0']) {
        return Err(format!("{text:?} holds a colon, a newline or NUL"));
    }
    Ok(text.to_owned())
}

/// Splits at white space; double quotes keep it.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quotation mark is not closed")?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        fields.push(field.to_owned());
        rest = after.trim_start();
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::{Identity, Line, parse};

    #[test]
    fn reads_every_kind_of_line() {
        let lines = parse(
            "# comment\nu piccolod 950 \"The daemon\" /var/lib/piccolod -\ng tss -\nm piccolod tss\nr - 500-900\nu root 0:0 \"Super User\" /root /bin/sh\n",
        )
        .unwrap();
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[0],
            Line::User {
                name: "piccolod".into(),
                identity: Identity::Number(950),
                description: "The daemon".into(),
                home: "/var/lib/piccolod".into(),
                shell: "/usr/sbin/nologin".into(),
            }
        );
        assert_eq!(lines[3], Line::Range { first: 500, last: 900 });
    }

    #[test]
    fn mistakes_name_their_line() {
        let error = parse("g ok -\nu bad:name -\n").unwrap_err();
        assert_eq!(error.number, 2);
        assert!(parse("u x 65535\n").is_err());
        assert!(parse("u x - \"open\n").is_err());
        assert!(parse("q x\n").is_err());
    }
}
