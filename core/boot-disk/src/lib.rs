//! Decides which disk the firmware booted from
