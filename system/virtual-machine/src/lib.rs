//! Starts, watches and stops QEMU virtual machines
