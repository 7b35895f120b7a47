//! `sdk` as its users meet it: the binary, real toolchains, the real runtime.

mod check;
mod deploy;
mod develop;
mod mistakes;
mod operate;
mod project;
mod server;
mod shell;
