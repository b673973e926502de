//! Repositories as publishers make them and as readers see them.

mod buckets;
mod crashes;
mod exported;
mod faulty_servers;
mod key_files;
mod oracles;
mod readers;
mod sample;
