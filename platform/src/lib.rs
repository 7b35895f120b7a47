//! The `packguard` command as a library, so that tests and benchmarks can use its parts.

pub mod admin;
pub mod api;
pub mod cli;
pub mod components;
pub mod config;
pub mod db;
pub mod dev;
pub mod doctor;
pub mod functions;
pub mod inputs;
pub mod limits;
pub mod model;
pub mod output;
pub mod purl;
pub mod queue;
pub mod reconcile;
pub mod registry;
pub mod roles;
pub mod router;
pub mod scan;
pub mod serve;
pub mod storage;
pub mod telemetry;
pub mod webhooks;
pub mod worker;
