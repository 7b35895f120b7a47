//! Admission by memory: packages that are analysed at the same time fit into the budget
//! together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit that is reserved in.
const MIB: u64 = 1 << 20;

/// What a package of no size takes: seven sandboxes with their parsers, at rest.
const BASE: u64 = 48 * MIB;

/// What each byte of its artifacts takes on top. Measured over 99 releases (README,
/// "Measured"): a 17 MB release peaks at 192 MB in all.
const PER_BYTE: u64 = 10;

/// The budget.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    units: Arc<Semaphore>,
    total: u32,
}

impl Memory {
    /// A budget of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let total = units(bytes).max(1);
        Self {
            units: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    /// Waits for room for a package whose artifacts have so many bytes. One that would take
    /// more than there is waits until it is alone: each of its steps has its own limit.
    pub(super) async fn reserve(&self, artifact_bytes: u64) -> Option<OwnedSemaphorePermit> {
        let wanted = BASE.saturating_add(artifact_bytes.saturating_mul(PER_BYTE));
        let wanted = units(wanted).min(self.total);
        Arc::clone(&self.units)
            .acquire_many_owned(wanted)
            .await
            .ok()
    }

    /// Bytes that are reserved now.
    pub(super) fn reserved(&self) -> u64 {
        let free = u64::try_from(self.units.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.total).saturating_sub(free) * MIB
    }

    /// Whether more than half of it is reserved.
    pub(super) fn is_scarce(&self) -> bool {
        self.reserved() > self.total() / 2
    }

    /// Bytes in all.
    pub(super) fn total(&self) -> u64 {
        u64::from(self.total) * MIB
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_scarce_when_more_than_half_is_reserved() {
        let memory = Memory::new(4 * BASE);
        let one = memory.reserve(0).await.unwrap();
        let two = memory.reserve(0).await.unwrap();
        assert!(!memory.is_scarce());
        let three = memory.reserve(0).await.unwrap();
        assert!(memory.is_scarce());
        drop((one, two, three));
        assert!(!memory.is_scarce());
    }

    #[tokio::test]
    async fn large_packages_wait_for_each_other_and_none_waits_for_ever() {
        let memory = Memory::new(256 * MIB);
        let large = memory.reserve(17 << 20).await.unwrap();
        assert_eq!(memory.reserved(), 218 * MIB);
        let mut second = Box::pin(memory.reserve(17 << 20));
        assert!(futures_util::FutureExt::now_or_never(&mut second).is_none());
        drop(large);
        drop(second.await.unwrap());
        let huge = memory.reserve(u64::MAX).await.unwrap();
        assert_eq!(memory.reserved(), memory.total());
        drop(huge);
        assert_eq!(memory.reserved(), 0);
    }
}
