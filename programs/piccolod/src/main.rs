//! The device's daemon

fn main() {}
