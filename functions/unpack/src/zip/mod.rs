//! Walks a zip as installers do, by its central directory, and looks for everything that
//! other tools would see instead.
//!
//! [`directory`] finds the directories, [`walk`](self::walk) goes through one, `entry`
//! unpacks an entry, `compare` sets its two headers side by side, and `gaps` looks at the
//! bytes that no entry accounts for.

mod compare;
mod directory;
mod entry;
mod gaps;
mod records;
mod walk;

pub use directory::{Directories, may_hold_end_record};
pub use walk::{salvage, walk};
