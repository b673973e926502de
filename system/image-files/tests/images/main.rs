//! Images made here, as the programs that everybody uses see them

mod disk;
mod esp;
mod first_boot;
mod oracle;
