//! Which tasks a canary and a shadow take.
//!
//! Every task falls into one of a hundred buckets, which its id alone decides: all workers and
//! all attempts agree. A canary of so many percent takes the lowest ones, so that canaries of
//! different functions share their tasks, and there are few sets of analyzers. A shadow takes
//! the highest ones: it is compared with the stable version wherever there are some to spare.

use sha2::{Digest as _, Sha256};

use crate::model::TaskId;

/// How many buckets there are.
const BUCKETS: u64 = 100;

/// The bucket of a task, 0 to 99: ids are in order, their digests are not.
pub fn bucket(task: TaskId) -> u8 {
    let digest = Sha256::digest(task.0.to_be_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // Below 100.
    u8::try_from(u64::from_be_bytes(first) % BUCKETS).unwrap_or_default()
}

/// Whether a canary of so many percent takes a task.
pub fn canary_takes(percent: u8, task: TaskId) -> bool {
    bucket(task) < percent
}

/// Whether a shadow of so many percent is tried in a task.
pub fn shadow_takes(percent: u8, task: TaskId) -> bool {
    u64::from(bucket(task)) + u64::from(percent) >= BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_decided_by_the_id_alone() {
        // Written down, since workers of different versions have to agree.
        let buckets: Vec<_> = (1..=8).map(|id| bucket(TaskId(id))).collect();
        assert_eq!(buckets, [30, 13, 48, 87, 74, 21, 12, 13]);
        assert!((0..10_000).all(|id| bucket(TaskId(id)) < 100));
    }

    #[test]
    fn a_percentage_takes_about_that_many() {
        for percent in [1, 5, 10, 50, 99] {
            let ids = || (0..10_000).map(TaskId);
            let canary = ids().filter(|id| canary_takes(percent, *id)).count();
            let shadow = ids().filter(|id| shadow_takes(percent, *id)).count();
            for taken in [canary, shadow] {
                let off = taken.abs_diff(usize::from(percent) * 100);
                assert!(off < 150, "{percent} %: {taken} of 10000");
            }
        }
    }

    #[test]
    fn all_and_none_are_exact_and_halves_do_not_overlap() {
        for id in (0..1_000).map(TaskId) {
            assert!(canary_takes(100, id) && shadow_takes(100, id));
            assert!(!canary_takes(0, id) && !shadow_takes(0, id));
            assert_ne!(canary_takes(50, id), shadow_takes(50, id));
        }
    }
}
