//! Comparisons with peers: each prints a ratio

fn main() {}
