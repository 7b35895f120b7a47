//! Batches, archives and packages: the real router, Postgres and Redis, files as storage.

mod archives;
mod batches;
mod hostile;
mod lab;
mod packages;
mod progress;
mod uploads;
