//! The API's contract (docs: `platform/openapi.json`) against the real router on a real
//! socket, with real Postgres and Redis: every row, and every way to get it wrong.

mod bodies;
mod broken;
mod connections;
mod delivery;
mod keys;
mod lab;
mod lists;
mod service;
mod tasks;
