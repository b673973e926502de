//! What the initrd must decide before the root is mounted

fn main() {}
