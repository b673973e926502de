//! Brings the user database of a tree in line with its sysusers.d files.

use crate::database::Database;
use crate::line::{Identity, Line, LineError, parse};
use file_tree::content::{Content, ReadBlob};
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{FileTree, Inode, Kind, Metadata, TreeError};
use std::collections::BTreeMap;
use std::io;

/// Highest and lowest automatic number (systemd's system range).
const AUTOMATIC: (u32, u32) = (100, 999);
/// Largest file read, in bytes.
const MAXIMUM_FILE: u64 = 4 * 1024 * 1024;

/// Why users could not be created.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// A file has a line that is not understood.
    #[error("{path} is not understood")]
    Line {
        /// The sysusers.d file.
        path: String,
        /// The line.
        source: LineError,
    },
    /// A file of the tree could not be read.
    #[error("reading {path} from the tree failed")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The tree refused a file.
    #[error("writing {path} to the tree failed")]
    Tree {
        /// The file.
        path: String,
        /// Why.
        source: TreeError,
    },
    /// A fixed path is wrong.
    #[error("unusable path")]
    Path(#[from] PathError),
    /// A user's group does not exist.
    #[error("the user {user} wants the primary group {group}, which does not exist; add a line \"g {group} -\"")]
    NoSuchGroup {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// No number is left.
    #[error("no number is left for {name} between {} and {}", AUTOMATIC.0, AUTOMATIC.1)]
    Exhausted {
        /// The user or group.
        name: String,
    },
}

/// Reads all sysusers.d files of the tree (`/etc` overrides `/usr/lib` by file name) and adds what is missing. Answers the names
/// created.
///
/// # Errors
/// When a file cannot be read or understood, or an instruction cannot be carried out.
pub fn apply(tree: &mut FileTree, blobs: &dyn ReadBlob) -> Result<Vec<String>, UsersError> {
    let mut files: BTreeMap<Vec<u8>, TreePath> = BTreeMap::new();
    for directory in ["/usr/lib/sysusers.d", "/etc/sysusers.d"] {
        let directory = TreePath::parse(directory)?;
        if let Some(id) = tree.lookup(&directory)
            && let Kind::Directory(names) = &tree.inode(id).kind
        {
            for name in names.keys().filter(|name| name.ends_with(b".conf")) {
                files.insert(name.clone(), directory.join(name));
            }
        }
    }
    let mut lines = Vec::new();
    for path in files.values() {
        let text = read(tree, blobs, path)?.unwrap_or_default();
        lines.extend(parse(&text).map_err(|source| UsersError::Line { path: path.to_string(), source })?);
    }
    let mut database = load(tree, blobs)?;
    let before = database.clone();
    let created = carry_out(&lines, &mut database)?;
    if database != before {
        store(tree, &database)?;
    }
    Ok(created)
}

/// Carries out instructions on a database: groups first, then users, then memberships, as systemd-sysusers does.
///
/// # Errors
/// When a primary group is missing or no number is left.
pub fn carry_out(lines: &[Line], database: &mut Database) -> Result<Vec<String>, UsersError> {
    let mut created = Vec::new();
    for line in lines {
        if let Line::Group { name, identity } = line
            && database.group(name).is_none()
        {
            let wanted = if let Identity::Number(number) = identity { Some(*number) } else { None };
            let number = free(database, wanted, name)?;
            database.add_group(name, number);
            created.push(name.clone());
        }
    }
    for line in lines {
        match line {
            Line::User { name, identity, description, home, shell } if database.user(name).is_none() => {
                let (user, group) = numbers(database, name, identity)?;
                database.add_user(name, user, group, description, home, shell);
                created.push(name.clone());
            }
            Line::Member { user, group } => {
                if database.user(user).is_none() {
                    let (number, primary) = numbers(database, user, &Identity::Automatic)?;
                    database.add_user(user, number, primary, "", "/", "/usr/sbin/nologin");
                }
                if database.group(group).is_none() {
                    let number = free(database, None, group)?;
                    database.add_group(group, number);
                }
                database.add_member(user, group);
            }
            _ => {}
        }
    }
    Ok(created)
}

fn numbers(database: &mut Database, name: &str, identity: &Identity) -> Result<(u32, u32), UsersError> {
    match identity {
        Identity::NumberAndGroup(user, group) => Ok((*user, *group)),
        Identity::NumberAndGroupName(user, group) => {
            let number = database
                .group(group)
                .ok_or_else(|| UsersError::NoSuchGroup { user: name.to_owned(), group: group.clone() })?;
            Ok((free(database, *user, name)?, number))
        }
        Identity::Automatic | Identity::Number(_) => {
            let wanted = if let Identity::Number(number) = identity { Some(*number) } else { None };
            if let Some(group) = database.group(name) {
                let user = wanted.unwrap_or(group);
                let in_use = database.passwd.iter().any(|line| line.split(':').nth(2) == Some(&user.to_string()));
                return Ok((if in_use { free(database, None, name)? } else { user }, group));
            }
            let number = free(database, wanted, name)?;
            database.add_group(name, number);
            Ok((number, number))
        }
    }
}

/// The number wanted when it is free, else the highest free one, as systemd-sysusers chooses.
fn free(database: &Database, wanted: Option<u32>, name: &str) -> Result<u32, UsersError> {
    let taken = database.taken();
    if let Some(wanted) = wanted.filter(|wanted| !taken.contains(wanted)) {
        return Ok(wanted);
    }
    (AUTOMATIC.0..=AUTOMATIC.1)
        .rev()
        .find(|number| !taken.contains(number))
        .ok_or_else(|| UsersError::Exhausted { name: name.to_owned() })
}

/// Reads the user database of a tree; missing files count as empty.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn load(tree: &FileTree, blobs: &dyn ReadBlob) -> Result<Database, UsersError> {
    let lines = |path: &str| -> Result<Vec<String>, UsersError> {
        let text = read(tree, blobs, &TreePath::parse(path)?)?.unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    };
    Ok(Database {
        passwd: lines("/etc/passwd")?,
        group: lines("/etc/group")?,
        shadow: lines("/etc/shadow")?,
        gshadow: lines("/etc/gshadow")?,
    })
}

fn store(tree: &mut FileTree, database: &Database) -> Result<(), UsersError> {
    let files = [
        ("/etc/passwd", 0o644, &database.passwd),
        ("/etc/group", 0o644, &database.group),
        ("/etc/shadow", 0o640, &database.shadow),
        ("/etc/gshadow", 0o640, &database.gshadow),
    ];
    for (path, mode, lines) in files {
        let path = TreePath::parse(path)?;
        let mut text = lines.join("\n");
        text.push('\n');
        let metadata = match tree.lookup(&path) {
            Some(existing) => tree.inode(existing).metadata,
            None => Metadata::root_owned(mode),
        };
        let inode = Inode::new(metadata, Kind::File(Content::from_bytes(text.into_bytes())));
        tree.insert(&path, inode).map_err(|source| UsersError::Tree { path: path.to_string(), source })?;
    }
    Ok(())
}

fn read(tree: &FileTree, blobs: &dyn ReadBlob, path: &TreePath) -> Result<Option<String>, UsersError> {
    let Ok((_, id)) = tree.resolve(path) else { return Ok(None) };
    let Kind::File(content) = &tree.inode(id).kind else { return Ok(None) };
    let bytes = content
        .read_all(blobs, MAXIMUM_FILE)
        .map_err(|source| UsersError::Unreadable { path: path.to_string(), source })?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::{apply, carry_out};
    use crate::database::Database;
    use crate::line::parse;
    use file_tree::content::{Content, NoBlobs};
    use file_tree::path::TreePath;
    use file_tree::tree::{FileTree, Inode, Kind, Metadata};

    fn file(tree: &mut FileTree, path: &str, text: &str) {
        let inode = Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(text.as_bytes().to_vec())));
        tree.insert(&TreePath::parse(path).unwrap(), inode).unwrap();
    }

    fn text(tree: &FileTree, path: &str) -> String {
        let (_, id) = tree.resolve(&TreePath::parse(path).unwrap()).unwrap();
        let Kind::File(content) = &tree.inode(id).kind else { panic!("{path} is no file") };
        String::from_utf8(content.read_all(&NoBlobs, 1 << 20).unwrap()).unwrap()
    }

    #[test]
    fn creates_what_is_missing_and_keeps_what_is_there() {
        let mut tree = FileTree::new();
        file(&mut tree, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
        file(&mut tree, "/etc/group", "root:x:0:\n");
        file(&mut tree, "/usr/lib/sysusers.d/a.conf", "u root 0\nu daemon1 -\nm daemon1 tss\n");
        let created = apply(&mut tree, &NoBlobs).unwrap();
        assert_eq!(created, ["daemon1"]);
        assert_eq!(
            text(&tree, "/etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\ndaemon1:x:999:999::/:/usr/sbin/nologin\n"
        );
        assert_eq!(text(&tree, "/etc/group"), "root:x:0:\ndaemon1:x:999:\ntss:x:998:daemon1\n");
        assert_eq!(text(&tree, "/etc/shadow"), "daemon1:!*:::::::\n");
        assert!(apply(&mut tree, &NoBlobs).unwrap().is_empty(), "a second run must change nothing");
    }

    #[test]
    fn a_file_in_etc_replaces_the_one_of_the_same_name() {
        let mut tree = FileTree::new();
        file(&mut tree, "/usr/lib/sysusers.d/a.conf", "g vendor -\n");
        file(&mut tree, "/etc/sysusers.d/a.conf", "g operator -\n");
        assert_eq!(apply(&mut tree, &NoBlobs).unwrap(), ["operator"]);
    }

    #[test]
    fn numbers_asked_for_are_given_when_free() {
        let mut database = Database::default();
        carry_out(&parse("g a 300\ng b 300\nu c 301:300\nu d -:a\n").unwrap(), &mut database).unwrap();
        assert_eq!(database.group, ["a:x:300:", "b:x:999:"]);
        assert_eq!(database.passwd[0], "c:x:301:300::/:/usr/sbin/nologin");
        assert!(database.passwd[1].starts_with("d:x:998:300:"), "{:?}", database.passwd);
    }

    #[test]
    fn a_missing_primary_group_is_an_error() {
        let error = carry_out(&parse("u d -:none\n").unwrap(), &mut Database::default()).unwrap_err();
        assert!(error.to_string().contains("primary group none"), "{error}");
    }
}
