//! `sdk` as its users meet it: the binary, real toolchains, the real runtime.

mod check;
mod deploy;
mod develop;
mod four_lines;
mod mistakes;
mod operate;
mod project;
mod same;
mod server;
mod session;
mod shell;
mod tutorial;
