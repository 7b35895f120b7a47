//! What is known of fields and methods of the package across its classes.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use packguard_sdk::Phase;
use rustc_hash::{FxHashMap, FxHasher};

use crate::labels::Labels;
use crate::machine::Value;

/// Most fields and methods that are remembered.
const ENTRIES_LIMIT: usize = 300_000;
/// Most parameters of a method that are remembered.
const PARAMETERS_LIMIT: usize = 16;

/// What was put into a place, by all who did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    labels: Labels,
    text: Option<Rc<str>>,
    origin: Option<Rc<str>>,
    items: Option<Vec<u16>>,
    /// Different texts were put there.
    mixed: bool,
}

impl Slot {
    /// Something is put there.
    pub fn put(&mut self, value: &Value) {
        self.labels = self.labels.with(value.labels);
        self.origin = self.origin.take().or_else(|| value.origin.clone());
        if let Some(items) = &value.items {
            self.items.get_or_insert_with(|| items.clone());
        }
        match (&self.text, &value.text) {
            (None, Some(text)) if !self.mixed => self.text = Some(text.clone()),
            (Some(have), Some(text)) if have != text => {
                self.mixed = true;
                self.text = None;
            }
            _ => {}
        }
    }

    /// What comes out.
    pub fn value(&self) -> Value {
        Value {
            labels: self.labels,
            text: self.text.clone(),
            origin: self.origin.clone(),
            items: self.items.clone(),
            ..Value::default()
        }
    }
}

/// A method of the package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// What it returns.
    pub result: Slot,
    /// What it is called with.
    pub parameters: Vec<Slot>,
    /// It computes a text out of another by changing its letters.
    pub decoder: bool,
    /// The soonest that it runs by itself.
    pub phase: Option<Phase>,
}

impl Summary {
    /// It is called by what runs in this phase.
    pub fn called_in(&mut self, phase: Phase) {
        if self
            .phase
            .is_none_or(|known| known.urgency() < phase.urgency())
        {
            self.phase = Some(phase);
        }
    }

    /// It is called with this value in this place.
    pub fn parameter(&mut self, index: usize, value: &Value) {
        if index >= PARAMETERS_LIMIT {
            return;
        }
        if self.parameters.len() <= index {
            self.parameters.resize(index + 1, Slot::default());
        }
        self.parameters[index].put(value);
    }
}

/// Fields and methods of the package, by the hash of their names.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    methods: FxHashMap<u64, Summary>,
    fields: FxHashMap<u64, Slot>,
}

impl Summaries {
    pub fn method(&self, key: u64) -> Option<&Summary> {
        self.methods.get(&key)
    }

    /// Notes a method that the package has.
    pub fn declare(&mut self, key: u64) {
        if self.methods.len() < ENTRIES_LIMIT {
            self.methods.entry(key).or_default();
        }
    }

    pub fn method_mut(&mut self, key: u64) -> Option<&mut Summary> {
        self.methods.get_mut(&key)
    }

    pub fn field(&self, key: u64) -> Option<Value> {
        self.fields.get(&key).map(Slot::value)
    }

    pub fn store(&mut self, key: u64, value: &Value) {
        if let Some(slot) = self.fields.get_mut(&key) {
            slot.put(value);
        } else if self.fields.len() < ENTRIES_LIMIT {
            let mut slot = Slot::default();
            slot.put(value);
            self.fields.insert(key, slot);
        }
    }
}

/// A key out of names.
pub(crate) fn key(parts: &[&str]) -> u64 {
    let mut hasher = FxHasher::default();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The sooner of a method's own phase and that of what calls it.
pub(crate) fn sooner(own: Phase, summary: Option<&Summary>) -> Phase {
    match summary.and_then(|summary| summary.phase) {
        Some(called) if called.urgency() > own.urgency() => called,
        _ => own,
    }
}
