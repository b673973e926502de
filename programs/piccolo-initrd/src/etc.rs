//! The writable layer of `/etc`.

use anyhow::Context;
use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

const STATE: &str = "/sysroot/var/lib/piccolo";

/// Makes the upper and the work directory of the overlay. The upper directory's mode becomes that of `/etc`; the rest is private.
pub fn prepare() -> anyhow::Result<()> {
    for (name, mode) in [("", 0o755), ("etc", 0o755), ("etc-work", 0o700)] {
        let directory = Path::new(STATE).join(name);
        let made = DirBuilder::new().mode(mode).recursive(name.is_empty()).create(&directory);
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => {
                return Err(error).with_context(|| format!("creating {}", directory.display()));
            }
        }
        set_permissions(&directory, Permissions::from_mode(mode))
            .with_context(|| format!("setting the mode of {}", directory.display()))?;
    }
    Ok(())
}
