//! Resolves, fetches and installs Debian packages
