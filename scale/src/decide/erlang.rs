//! How many slots a steady stream of tasks needs.

use crate::service::VARIATION;

/// One task in twenty may wait longer than the target.
const LATE: f64 = 0.05;

/// The fewest slots with which 95 of 100 tasks wait no longer than `target`, for `load` slots that are busy on average
/// and tasks of `service` seconds; `most` where not even those are enough.
///
/// Erlang's C formula gives the chance that a task finds all slots busy. It then waits a time that is exponential in
/// the spare slots; as packages differ more than memoryless tasks, that is stretched by (1 + variation) / 2, which is
/// the usual approximation for the M/G/c queue (Allen and Cunneen).
pub(super) fn slots(load: f64, service: f64, target: f64, most: u64) -> u64 {
    if load <= 0.0 {
        return 0;
    }
    // Erlang's B formula by its recursion, which is stable and yields every number of slots on the way.
    let mut blocked = 1.0;
    for slots in 1..=most {
        let count = slots as f64;
        blocked = load * blocked / (count + load * blocked);
        let spare = count - load;
        if spare <= 0.0 {
            continue;
        }
        let waits = blocked / (1.0 - load / count * (1.0 - blocked));
        let late = waits * (-spare * target / service * 2.0 / (1.0 + VARIATION)).exp();
        if late <= LATE {
            return slots;
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::slots;

    /// Against the textbook's tables of Erlang C: 10 erlang need 14 slots for a chance to wait of at most 17.4 %, and
    /// with no patience at all 17 for one of at most 5 %.
    #[test]
    fn no_patience_is_erlang_c() {
        assert_eq!(slots(10.0, 1.0, 0.0, 1000), 17);
        assert_eq!(slots(1.0, 1.0, 0.0, 1000), 4);
        assert_eq!(slots(0.0, 1.0, 0.0, 1000), 0);
    }

    #[test]
    fn patience_needs_fewer_and_at_least_the_load() {
        let mut before = u64::MAX;
        for target in [0.0, 1.0, 5.0, 60.0, 3600.0] {
            let now = slots(10.0, 1.0, target, 1000);
            assert!(now <= before && now > 10, "{target}: {now}, {before}");
            before = now;
        }
        assert_eq!(before, 11);
    }

    #[test]
    fn never_more_than_there_may_be() {
        assert_eq!(slots(1e12, 1.0, 5.0, 8000), 8000);
        assert_eq!(slots(f64::INFINITY, 1.0, 5.0, 8000), 8000);
        assert_eq!(slots(f64::NAN, 1.0, 5.0, 8000), 8000);
    }
}
