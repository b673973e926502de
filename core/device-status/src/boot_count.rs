//! Boot counting: how many tries the file this device booted from has left.
//!
//! The name's form is `NAME+LEFT.efi` or `NAME+LEFT-DONE.efi` (UAPI Boot Loader Specification, "Boot counting").

/// The counters in the name of the file that was booted.
///
/// systemd-boot counts *before* it starts the file, so this boot is among `done` already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootCount {
    /// Boots that may still fail before the loader passes the file over.
    pub tries_left: u32,
    /// Boots of this file that were started and not yet found good, this one included.
    pub tries_done: u32,
}

/// More digits than this are no counter; systemd's own fit into 32 bits.
const MAX_DIGITS: usize = 9;

impl BootCount {
    /// Reads the counters from `LoaderBootCountPath`, such as `\EFI\Linux\piccolo_1.4.0+2-1.efi`; `None` where the name carries none.
    pub fn from_path(path: &str) -> Option<Self> {
        let name = path.rsplit(['\\', '/']).next()?;
        let (stem, extension) = name.rsplit_once('.')?;
        if !extension.eq_ignore_ascii_case("efi") && !extension.eq_ignore_ascii_case("conf") {
            return None;
        }
        let (_, counters) = stem.rsplit_once('+')?;
        let (left, done) = counters.split_once('-').unwrap_or((counters, "0"));
        Some(Self { tries_left: counter(left)?, tries_done: counter(done)? })
    }
}

fn counter(text: &str) -> Option<u32> {
    let is_counter = !text.is_empty() && text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_counter { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::BootCount;
    use proptest::proptest;

    #[test]
    fn counters_are_read_as_the_boot_loader_specification_writes_them() {
        let count = |tries_left, tries_done| Some(BootCount { tries_left, tries_done });
        for (path, expected) in [
            (r"\EFI\Linux\piccolo_1.4.0+3-0.efi", count(3, 0)),
            (r"\EFI\Linux\piccolo_1.4.0+2-1.efi", count(2, 1)),
            (r"\EFI\Linux\piccolo_1.4.0+3.efi", count(3, 0)),
            ("/loader/entries/x+0-3.conf", count(0, 3)),
            (r"\EFI\Linux\a+b+1-2.EFI", count(1, 2)),
            (r"\EFI\Linux\piccolo_1.4.0.efi", None),
            (r"\EFI\Linux\piccolo+.efi", None),
            (r"\EFI\Linux\piccolo+1-.efi", None),
            (r"\EFI\Linux\piccolo++1.txt", None),
            (r"\EFI\x+1.efi\piccolo.efi", None),
            ("x+4294967296.efi", None),
            ("", None),
        ] {
            assert_eq!(BootCount::from_path(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(path in ".{0,64}") {
            let _ = BootCount::from_path(&path);
        }

        #[test]
        fn what_is_written_is_read(left in 0u32..1_000_000_000, done in 0u32..1_000_000_000) {
            let read = BootCount::from_path(&format!(r"\EFI\Linux\p_1+{left}-{done}.efi"));
            assert_eq!(read, Some(BootCount { tries_left: left, tries_done: done }));
        }
    }
}
