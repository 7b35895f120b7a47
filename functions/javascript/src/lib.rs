//! x
#![allow(dead_code, missing_docs)]
mod collect; mod eval; mod nesting; mod parse; mod reach; mod resolve; mod sources; mod value;
