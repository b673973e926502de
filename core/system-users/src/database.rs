//! `/etc/passwd`, `/etc/group` and their shadows, as text files of colon-separated lines (passwd(5), group(5)).

use std::collections::BTreeSet;

/// The four files. Lines that are not understood stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Lines of `/etc/passwd`.
    pub passwd: Vec<String>,
    /// Lines of `/etc/group`.
    pub group: Vec<String>,
    /// Lines of `/etc/shadow`.
    pub shadow: Vec<String>,
    /// Lines of `/etc/gshadow`.
    pub gshadow: Vec<String>,
}

impl Database {
    /// Number of a user.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<u32> {
        number(&self.passwd, name)
    }

    /// Number of a group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<u32> {
        number(&self.group, name)
    }

    /// All user and group numbers taken.
    #[must_use]
    pub fn taken(&self) -> BTreeSet<u32> {
        self.passwd.iter().chain(&self.group).filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
    }

    /// Adds a user without a password.
    pub fn add_user(&mut self, name: &str, user: u32, group: u32, description: &str, home: &str, shell: &str) {
        self.passwd.push(format!("{name}:x:{user}:{group}:{description}:{home}:{shell}"));
        self.shadow.push(format!("{name}:!*:::::::"));
    }

    /// Adds a group without members.
    pub fn add_group(&mut self, name: &str, group: u32) {
        self.group.push(format!("{name}:x:{group}:"));
        self.gshadow.push(format!("{name}:!*::"));
    }

    /// Puts a user into a group that exists; nothing happens when it is in already.
    pub fn add_member(&mut self, user: &str, group: &str) {
        for lines in [&mut self.group, &mut self.gshadow] {
            let prefix = format!("{group}:");
            if let Some(line) = lines.iter_mut().find(|line| line.starts_with(&prefix)) {
                let members = line.rsplit(':').next().unwrap_or_default();
                if members.split(',').all(|member| member != user) {
                    if !members.is_empty() {
                        line.push(',');
                    }
                    line.push_str(user);
                }
            }
        }
    }
}

fn number(lines: &[String], name: &str) -> Option<u32> {
    let line = lines.iter().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn members_are_added_once() {
        let mut database = Database::default();
        database.add_group("tss", 100);
        for _ in 0..2 {
            database.add_member("a", "tss");
            database.add_member("b", "tss");
        }
        assert_eq!(database.group, ["tss:x:100:a,b"]);
        assert_eq!(database.gshadow, ["tss:!*::a,b"]);
    }
}
