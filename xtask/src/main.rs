//! Developer chores: demo, test, check, bench

fn main() {}
