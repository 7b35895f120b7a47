//! The `packguard` command.

fn main() {}
