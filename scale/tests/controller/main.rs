//! The controller against a stand-in of the Kubernetes API, in scenarios with names.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod admin;
mod apply;
mod cluster;
mod fixture;
mod harness;
mod kinds;
mod leading;
mod people;
mod pods;
mod refusals;
mod requests;
mod scaling;
mod schema;
mod server;
mod store;
mod trouble;
mod watching;
