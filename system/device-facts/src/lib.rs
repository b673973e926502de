//! Reads what the running device is from /proc, /sys, EFI variables and os-release
