//! The Python analyzer: see `README.md`.

mod facts;
mod fold;
mod guard;
mod interp;
mod names;
mod value;
