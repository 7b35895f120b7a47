//! What the API server said last, kept by watching, so that an idle controller asks nothing.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, pin_mut};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::metrics::Metrics;
use super::trouble::Trouble;

/// Objects of one kind by name, each cut down to what is needed: a thousand whole pods would take more memory than everything else.
#[derive(Debug)]
pub(super) struct Cache<V> {
    items: Mutex<BTreeMap<String, Arc<V>>>,
    ready: watch::Sender<bool>,
    changes: watch::Sender<u64>,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self {
            items: Mutex::default(),
            ready: watch::Sender::new(false),
            changes: watch::Sender::new(0),
        }
    }
}

impl<V> Cache<V> {
    /// All of them.
    pub(super) fn all(&self) -> BTreeMap<String, Arc<V>> {
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What a write answered, in place of what was known `before` it. Where something was heard since, that stays: it is
    /// newer than the answer, or the watch is about to tell of the write as well. An answer put over what is newer would
    /// stay, as the watch tells of each change once.
    pub(super) fn put(&self, name: &str, before: Option<&Arc<V>>, value: V) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.get(name).map(Arc::as_ptr) == before.map(Arc::as_ptr) {
            items.insert(name.to_owned(), Arc::new(value));
        }
    }

    /// Returns once everything has been listed.
    pub(super) async fn listed(&self) {
        // Fails only where the sender is gone, and it is in `self`.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Tells of every change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Follows what the API server says; never returns.
    pub(super) async fn follow<K>(
        &self,
        api: Api<K>,
        config: watcher::Config,
        view: impl Fn(K) -> V,
        what: &'static str,
        metrics: &Metrics,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let events = watcher(api, config).default_backoff();
        pin_mut!(events);
        let mut listing = BTreeMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(object)) => {
                    listing.insert(object.name_any(), Arc::new(view(object)));
                }
                Ok(Event::InitDone) => {
                    self.change(|items| *items = std::mem::take(&mut listing));
                    self.ready.send_replace(true);
                }
                Ok(Event::Apply(object)) => {
                    let name = object.name_any();
                    let value = Arc::new(view(object));
                    self.change(|items| {
                        items.insert(name, value);
                    });
                }
                Ok(Event::Delete(object)) => self.change(|items| {
                    items.remove(&object.name_any());
                }),
                Err(error) => report(what, error, metrics),
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<V>>)) {
        change(&mut self.items.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn report(what: &'static str, error: watcher::Error, metrics: &Metrics) {
    let trouble = match error {
        // Too old a version: listed anew at once, nothing is amiss.
        watcher::Error::WatchError(status) if status.code == 410 => return,
        watcher::Error::WatchError(status) => Trouble::of_status(&status),
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Trouble::from(error),
        watcher::Error::NoResourceVersion => Trouble::Refused(error.to_string()),
    };
    match &trouble {
        Trouble::NotFound(_) if what == "pools" => metrics.failed(
            "definition",
            "NotFound",
            "the cluster knows no RuntimePool: apply deploy/base/crd.yaml; nothing is scaled until then",
        ),
        _ => metrics.trouble(what, &trouble),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_does_not_replace_what_was_heard_since() {
        let cache = Cache::default();
        cache.put("pool", None, 1);
        let before = cache.all();
        cache.put("pool", before.get("pool"), 2);
        assert_eq!(*cache.all()["pool"], 2);

        cache.change(|items| {
            items.insert(String::from("pool"), Arc::new(4));
        });
        cache.put("pool", before.get("pool"), 3);
        assert_eq!(*cache.all()["pool"], 4);
        cache.change(|items| {
            items.remove("pool");
        });
        cache.put("pool", before.get("pool"), 3);
        assert!(cache.all().is_empty(), "it was deleted since");
    }
}
