//! How long to wait before a task is tried again.

use std::time::Duration;

/// The ceiling of the first wait: a registry that hiccups is back within a second.
const BASE: Duration = Duration::from_secs(1);

/// No wait is longer: a registry that is down for an hour is asked a dozen times, and a task
/// starts within minutes of its return.
const CAP: Duration = Duration::from_secs(300);

/// The wait before attempt `attempt + 1`; the first attempt is 1. Evenly spread between nothing and
/// a ceiling that doubles with each attempt (1 s, 2 s, 4 s … 5 min): "full jitter", which keeps the
/// thousand tasks that failed together from coming back together.
pub fn backoff(attempt: u32, rng: &mut fastrand::Rng) -> Duration {
    let millis = ceiling(attempt).as_millis();
    Duration::from_millis(rng.u64(0..=u64::try_from(millis).unwrap_or(u64::MAX)))
}

fn ceiling(attempt: u32) -> Duration {
    2u32.checked_pow(attempt.saturating_sub(1))
        .and_then(|factor| BASE.checked_mul(factor))
        .map_or(CAP, |ceiling| ceiling.min(CAP))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ceilings() {
        let seconds: Vec<_> = (0..12).map(|n| ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(ceiling(u32::MAX), CAP);
    }

    proptest! {
        #[test]
        fn within_its_ceiling_and_the_same_for_the_same_seed(attempt: u32, seed: u64) {
            let wait = backoff(attempt, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= ceiling(attempt));
            prop_assert_eq!(wait, backoff(attempt, &mut fastrand::Rng::with_seed(seed)));
        }

        #[test]
        fn spread_over_the_whole_range(attempt in 1u32..20, seed: u64) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let waits: Vec<_> = (0..400).map(|_| backoff(attempt, &mut rng)).collect();
            let quarter = ceiling(attempt) / 4;
            for n in 0..4 {
                // A hundred of four hundred are expected; fewer than forty is seven sigmas off.
                let hits = waits.iter().filter(|w| **w >= quarter * n && **w <= quarter * (n + 1)).count();
                prop_assert!(hits >= 40, "{hits} in quarter {n}");
            }
        }
    }
}
