//! A user without privileges, for tests that root runs.

use std::fs;

use crate::oracle;

/// The user; it stays, as a package's would, so that the next run finds it.
const NAME: &str = "piccolo-tester";
/// How many subordinate IDs a user namespace with all of a system's users needs.
const IDS: u32 = 65536;

/// The user's name, after making what it lacks: itself, and ranges of subordinate IDs.
pub fn ensure() -> &'static str {
    if !oracle::output("passwd", oracle::command("id").arg(NAME)).status.success() {
        oracle::run("passwd", "useradd", ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]);
    }
    for (file, option) in [("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")] {
        let ranges = fs::read_to_string(file).unwrap_or_default();
        let fields = ranges.lines().filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?))
        });
        if fields.clone().any(|(user, _, count)| user == NAME && count >= IDS) {
            continue;
        }
        let free = fields.map(|(_, first, count)| first.saturating_add(count)).max().unwrap_or(0).max(100_000);
        let range = format!("{free}-{}", free + IDS - 1);
        oracle::run("passwd", "usermod", [option, &range, NAME]);
    }
    NAME
}
