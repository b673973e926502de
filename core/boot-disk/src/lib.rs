//! Decides which disk the firmware booted from.
//!
//! A device image is flashed many times, so two disks in one machine can carry the same labels, even the same partition
//! UUIDs. The loader tells the UUID of the partition it came from (`LoaderDevicePartUUID`, Boot Loader Interface); where several disks
//! have it, the firmware's own device path of the boot option decides; where that cannot tell them apart, the boot is refused
//! rather than guessed.

pub mod choice;
pub mod device_path;
pub mod hardware;
pub mod variable;
