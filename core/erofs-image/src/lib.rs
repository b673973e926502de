//! Lays out and reads uncompressed EROFS images
