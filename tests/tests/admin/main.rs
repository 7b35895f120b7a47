//! Administration: over the API, and on the command line. Keys, dead letters, deletion, retention.

mod backups;
mod command_line;
mod deletion;
mod keys;
mod publishers;
mod reanalysis;
mod webhooks;
mod world;
