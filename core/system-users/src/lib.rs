//! Creates the users and groups of sysusers.d files in a file tree
