//! The operator's tool: build, run, inspect

fn main() {}
