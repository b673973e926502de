//! Content-addressed store of build outputs on disk
