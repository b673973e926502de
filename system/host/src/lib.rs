//! Runs external programs: the only place that does
