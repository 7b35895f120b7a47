//! Which pods go first when there are to be fewer: those without work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::metrics::Metrics;
use super::trouble::Trouble;
use super::view::PodView;
use super::write::Writer;

/// A pod that goes first. Others have no cost, which counts as 0.
const IDLE_COST: i32 = -100;

/// Marks are written side by side.
const SIDE_BY_SIDE: usize = 8;

/// What to mark a pod with; none takes its mark away.
pub(super) type Mark = (String, Option<i32>);

/// Marks `goes` pods without work, as far as there are so many, and takes the mark from those that got work since.
pub(super) fn marks(
    pods: &BTreeMap<String, Arc<PodView>>,
    busy: &BTreeSet<String>,
    pool: &str,
    canary: bool,
    goes: usize,
) -> Vec<Mark> {
    let mine = pods
        .iter()
        .filter(|(_, pod)| pod.pool == pool && pod.canary == canary && !pod.leaving);
    let (working, mut idle): (Vec<_>, Vec<_>) = mine.partition(|(name, _)| busy.contains(*name));
    // Those that are not ready go anyway, before any cost counts; those marked already need no request.
    idle.sort_by_key(|(_, pod)| (pod.ready, pod.cost.unwrap_or(0)));
    let spared = working
        .into_iter()
        .filter(|(_, pod)| pod.cost.is_some())
        .map(|(name, _)| (name.clone(), None));
    let chosen = idle
        .into_iter()
        .take(goes)
        .filter(|(_, pod)| pod.cost != Some(IDLE_COST))
        .map(|(name, _)| (name.clone(), Some(IDLE_COST)));
    spared.chain(chosen).collect()
}

/// Writes marks. A pod with work that is told to go finishes what it has: marks make that rarer, safety is the grace period.
/// So the right to write them is not a condition.
pub(super) async fn write(
    marks: Vec<Mark>,
    writer: &Writer,
    metrics: &Metrics,
) -> Result<(), Trouble> {
    let written = stream::iter(marks)
        .map(|(pod, cost)| writer.deletion_cost(pod, cost))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<Vec<()>>();
    match written.await {
        Ok(_) => Ok(()),
        Err(trouble @ (Trouble::Unreachable(_) | Trouble::Moved)) => Err(trouble),
        Err(trouble) => {
            metrics.trouble("pods", &trouble);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_pods_go_first_and_busy_ones_are_spared() {
        let pod = |ready: bool, cost: Option<i32>| {
            Arc::new(PodView {
                pool: String::from("standard"),
                ready,
                cost,
                ..PodView::default()
            })
        };
        let pods = BTreeMap::from([
            (String::from("a"), pod(true, None)),
            (String::from("b"), pod(true, Some(IDLE_COST))),
            (String::from("c"), pod(true, Some(IDLE_COST))),
            (String::from("d"), pod(false, None)),
        ]);
        let busy = BTreeSet::from([String::from("b")]);
        let marked = |goes| marks(&pods, &busy, "standard", false, goes);
        let (a, b, d) = (
            (String::from("a"), Some(IDLE_COST)),
            (String::from("b"), None),
            (String::from("d"), Some(IDLE_COST)),
        );
        assert_eq!(marked(1), [b.clone(), d.clone()]);
        assert_eq!(marked(2), [b.clone(), d.clone()], "c is marked already");
        assert_eq!(marked(9), [b, d, a]);
        assert!(marks(&pods, &busy, "bulk", false, 9).is_empty());
    }
}
