//! An in-memory tree of files with ownership, modes, extended attributes, hard links and devices
