//! Repositories as publishers make them and as readers see them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what these tests prepare must work")]

mod buckets;
mod crashes;
mod exported;
mod faulty_servers;
mod key_files;
mod oracles;
mod readers;
mod sample;
