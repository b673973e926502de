//! `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use device_status::facts::Mount;

/// Reads the whole table; `None` where a line does not have the documented form.
pub fn parse(text: &str) -> Option<Vec<Mount>> {
    text.lines().map(line).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn line(line: &str) -> Option<Mount> {
    // Any number of optional fields stands before the separator, and spaces in names are escaped.
    let (place, file_system) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let device = place.next()?.parse().ok()?;
    let target = place.nth(1)?;
    let mut file_system = file_system.split(' ');
    let kind = file_system.next()?;
    let options = file_system.nth(1)?;
    Some(Mount {
        device,
        target: unescaped(target),
        file_system: unescaped(kind),
        read_only: options.split(',').any(|option| option == "ro"),
    })
}

/// Undoes the kernel's `\040` for a space, and likewise tab, newline and backslash.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}
