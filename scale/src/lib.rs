//! How many worker pods there should be, and the controller that brings it about.
//!
//! [`decide()`](decide::decide) is a pure function of [`signals::Signals`], [`policy::Policy`], what was done lately
//! ([`decide::History`]) and the time. Everything else here asks it, and knows neither Postgres nor Redis: who runs the
//! controller hands over a source of signals.

pub mod admin;
pub mod controller;
pub mod crd;
pub mod decide;
pub mod policy;
pub mod service;
pub mod signals;
pub mod simulate;
