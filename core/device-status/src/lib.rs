//! Decides what protects a device, what is missing and what to do about it
