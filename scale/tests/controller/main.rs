//! The controller against a stand-in of the Kubernetes API, in scenarios with names.

mod admin;
mod apply;
mod cluster;
mod harness;
mod leading;
mod people;
mod refusals;
mod scaling;
mod schema;
mod server;
mod store;
mod trouble;
