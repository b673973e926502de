//! Ten releases in a row leave a device as one does: nothing piles up.

use serde_json::Value;

use crate::operator::{Operator, history, update_machine, wait_for_updates};

/// How many.
const UPDATES: usize = 10;
/// What the device has on its disk: files on the ESP, the partition table, and what is kept about updates.
const HOLDINGS: &str = "find /efi /var/lib/piccolo -path /var/lib/piccolo/etc -prune -o -type f -print; ls -A /var/tmp | wc -l; \
    lsblk --noheadings --list --output PARTLABEL /dev/piccolo/disk | grep .";

#[test]
fn ten_updates_by_patch_in_a_row_leave_no_litter() {
    let mut operator = Operator::new();
    let first = operator.build("1.0.0", "");
    operator.publish(&first, 0);
    let mut machine = operator.start(&first, update_machine());
    let mut holdings = Vec::new();
    let mut used = Vec::new();
    for number in 1..=UPDATES {
        let version = format!("1.{number}.0");
        let next = operator.build_once(&version);
        operator.publish(&next, 1);
        drop(next);
        let _it_may_be_looking = machine.try_run("piccolo device update check");
        wait_for_updates(&mut machine, "those of the next release", |updates| {
            updates["state"] == "idle" && updates["running"] == *version
        });
        let before = format!("1.{}.0", number - 1);
        let found = machine.succeed(HOLDINGS).replace(&version, "NEW").replace(&before, "OLD");
        holdings.push(without_numbers(&found));
        used.push(
            machine.succeed("sync; du --summarize --bytes /var/lib/piccolo/updates | cut -f1").parse::<u64>().unwrap(),
        );
    }
    let [first, .., last] = &holdings[..] else { panic!("there were {} updates", holdings.len()) };
    assert!(first.contains("piccolo_NEW.efi") && first.contains("piccolo_OLD.efi"), "{first}");
    assert_eq!(first, last, "something piles up");
    // The history grows by a line each time, up to its limit.
    assert!(used[UPDATES - 1] < used[0] + 64 * 1024, "{used:?}");

    let history = history(&mut machine);
    let entries = history.as_array().unwrap();
    assert_eq!(entries.len(), UPDATES, "{history}");
    assert!(entries.iter().all(|entry| entry["outcome"] == "updated" && entry["way"] == "patch"), "{history}");
    assert_eq!(machine.api_get("/api/v1/health")["status"], Value::from("ok"));
}

/// The lines, sorted, in which what is counted or hashed is not told apart.
fn without_numbers(listing: &str) -> String {
    let plain = |word: &str| match word.parse::<u64>() {
        Ok(_) => "NUMBER".to_owned(),
        Err(_) if word.len() == 64 && word.bytes().all(|digit| digit.is_ascii_hexdigit()) => "HASH".to_owned(),
        Err(_) => word.to_owned(),
    };
    let path = |line: &str| {
        let parts = line.split('/').map(|part| part.split('.').map(plain).collect::<Vec<_>>().join("."));
        parts.collect::<Vec<_>>().join("/")
    };
    let mut lines: Vec<String> = listing.lines().map(path).collect();
    lines.sort();
    lines.join("\n")
}
