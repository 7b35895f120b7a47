//! A method while it is followed: what its calls mean for the values, and what it does.

mod values;

use std::rc::Rc;

use packguard_sdk::Phase;
use packguard_sdk::indicators::{self, Kind};

use crate::facts::{Deed, Done, Facts};
use crate::labels::Labels;
use crate::machine::{Id, Machine, UNKNOWN, Value};
use crate::meaning::Meaning;
use crate::summaries::Summaries;

/// Longest text looked at to tell what a path or variable is, in bytes.
const NAME_LIMIT: usize = 4_096;

/// A call, as the bytecode has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub meaning: Option<Meaning>,
    /// The key of the method, should it be the package's.
    pub key: u64,
    /// The key of its name alone, should a class of the package stand behind an interface.
    pub shape: u64,
    /// Receiver first.
    pub args: &'a [Id],
    pub receiver: bool,
    pub returns: bool,
}

/// A method while it is followed.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub machine: &'a mut Machine,
    pub summaries: &'a mut Summaries,
    pub facts: &'a mut Facts,
    pub method: Rc<str>,
    pub phase: Phase,
    /// Deeds are noted: in the second round.
    pub noting: bool,
}

impl Scene<'_> {
    /// Makes a call, and gives its result.
    pub fn call(&mut self, call: Call<'_>) -> Id {
        match call.meaning {
            Some(meaning) => self.known(meaning, call),
            None => self.foreign(call),
        }
    }

    /// Labels and origin of all that goes in.
    fn sum(&self, args: &[Id]) -> Value {
        let mut sum = Value::default();
        for id in args {
            let value = self.machine.value(*id);
            sum.labels = sum.labels.with(value.labels);
            sum.origin = sum.origin.or_else(|| value.origin.clone());
        }
        sum
    }

    fn result(&mut self, value: Value) -> Id {
        if value.labels == Labels::NONE && value.text.is_none() && value.origin.is_none() {
            return UNKNOWN;
        }
        self.machine.add(value)
    }

    /// A call of what has no meaning of its own: the package's, or just anybody's.
    fn foreign(&mut self, call: Call<'_>) -> Id {
        let sum = self.sum(call.args);
        let values: Vec<Value> = call
            .args
            .iter()
            .map(|id| self.machine.value(*id).clone())
            .collect();
        if let Some(summary) = self.summaries.method_mut(call.key) {
            summary.called_in(self.phase);
            for (index, value) in values.iter().enumerate() {
                summary.parameter(index, value);
            }
            let known = summary.result.value();
            let mut result = known;
            result.labels = result.labels.with(sum.labels);
            result.origin = result.origin.or(sum.origin);
            if summary.decoder {
                result.labels = result.labels.with(Labels::DECODED);
            }
            return self.result(result);
        }
        // Who stands behind an interface is not known: only keys are followed to all.
        if let Some(summary) = self.summaries.method_mut(call.shape) {
            for (index, value) in values.iter().enumerate() {
                summary.parameter(
                    index,
                    &Value {
                        labels: value.labels.only(Labels::WALLET),
                        ..Value::default()
                    },
                );
            }
        }
        if call.receiver
            && !call.returns
            && let [receiver, rest @ ..] = call.args
        {
            let given = self.sum(rest);
            self.write(*receiver, given.labels, given.origin.as_ref());
        }
        self.result(sum)
    }

    fn known(&mut self, meaning: Meaning, call: Call<'_>) -> Id {
        let args = call.args;
        let sum = self.sum(args);
        let first = args.first().copied().unwrap_or(UNKNOWN);
        match meaning {
            Meaning::Same => first,
            Meaning::Into(separator) => self.into(first, args, separator),
            Meaning::Concat(separator) => {
                let text = self.machine.joined(args, separator);
                self.tell(text.as_ref());
                self.result(Value { text, ..sum })
            }
            Meaning::Reverse => {
                let text = self.machine.text_of(first);
                let text: Option<Rc<str>> =
                    text.map(|text| text.chars().rev().collect::<String>().into());
                self.tell(text.as_ref());
                if let Some(value) = self.machine.value_mut(first) {
                    value.text = text;
                }
                first
            }
            Meaning::Base64 => self.base64(args, sum),
            Meaning::Variable => self.variable(args, sum),
            Meaning::Pick => {
                let whole = sum.labels.any(Labels::ENVIRONMENT);
                let labels = sum.labels.without(Labels::ENVIRONMENT);
                let sum = Value { labels, ..sum };
                match args {
                    [_, rest @ ..] if whole => self.variable(rest, sum),
                    _ => self.result(sum),
                }
            }
            Meaning::Property => self.property(args, sum),
            Meaning::Source(labels) => self.source(labels, call, &sum),
            Meaning::Fill => {
                let from = self.machine.value(first).clone();
                for id in args.iter().skip(1) {
                    self.write(*id, from.labels, from.origin.as_ref());
                }
                self.result(Value { text: None, ..sum })
            }
            Meaning::Put => {
                self.put(first, args.get(1..).unwrap_or_default());
                first
            }
            Meaning::Pour => {
                if let [from, to, ..] = args {
                    self.pour(*from, *to);
                }
                self.result(Value { text: None, ..sum })
            }
            Meaning::Do(deed, labels) => self.deed(deed, labels, call, sum),
            Meaning::Initialise => UNKNOWN,
        }
    }

    fn into(&mut self, first: Id, args: &[Id], separator: &str) -> Id {
        let text = self.machine.joined(args, separator);
        self.tell(text.as_ref());
        let sum = self.sum(args);
        let link = args.get(1).copied().unwrap_or(UNKNOWN);
        if let Some(value) = self.machine.value_mut(first) {
            value.labels = sum.labels;
            value.text = text;
            value.origin = sum.origin;
            if value.link == UNKNOWN && link != first {
                value.link = link;
            }
        }
        first
    }

    /// Something that comes from somewhere, or leads there.
    fn source(&mut self, labels: Labels, call: Call<'_>, sum: &Value) -> Id {
        let first = call.args.first().copied().unwrap_or(UNKNOWN);
        let text = self.machine.joined(call.args, "/");
        let mut labels = labels;
        if labels.any(Labels::FILE) && text.as_deref().is_some_and(is_secret_path) {
            labels = labels.with(Labels::SECRET);
        }
        let origin = sum.origin.clone().or_else(|| text.clone());
        let link = if call.receiver && !call.returns {
            call.args.get(1).copied()
        } else {
            call.args.first().copied()
        };
        // What a source gives is not what its name says.
        let keeps_text = labels.any(Labels::TO_FILE) || labels == Labels::NONE;
        let value = Value {
            labels: sum.labels.with(labels),
            text: text.filter(|_| keeps_text),
            origin: origin.filter(|_| labels != Labels::NONE),
            link: link.unwrap_or(UNKNOWN),
            ..Value::default()
        };
        if call.receiver && !call.returns {
            if let Some(made) = self.machine.value_mut(first) {
                *made = value;
            }
            return first;
        }
        self.machine.add(value)
    }

    /// Something is written to a stream.
    fn put(&mut self, stream: Id, given: &[Id]) {
        let sum = self.sum(given);
        let text = self.machine.joined(given, " ");
        self.written(stream, &sum, text.as_ref());
    }

    fn written(&mut self, stream: Id, sum: &Value, text: Option<&Rc<str>>) {
        let target = self.machine.value(stream).clone();
        let origin = sum.origin.clone().or(target.origin.clone());
        if target.labels.any(Labels::TO_NETWORK) {
            let labels = sum.labels.with(if target.labels.any(Labels::SOCKET) {
                Labels::SOCKET
            } else {
                Labels::NONE
            });
            let labels = if target.labels.any(Labels::DECODED) {
                labels.with(Labels::TO_HIDDEN)
            } else {
                labels
            };
            self.note(Deed::Send, labels, text.cloned(), target.origin.clone());
        }
        if target.labels.any(Labels::TO_PROCESS) {
            self.note(Deed::Feed, sum.labels, text.cloned(), origin.clone());
        }
        if target.labels.any(Labels::TO_FILE) {
            self.note(Deed::Write, sum.labels, target.text, origin.clone());
        }
        let carried = sum.labels.without(Labels::TO_FILE.with(Labels::TO_NETWORK));
        self.write(stream, carried, sum.origin.as_ref());
    }

    /// One stream is emptied into another, or into a file.
    pub fn pour(&mut self, from: Id, to: Id) {
        let source = self.machine.value(from).clone();
        let target = self.machine.value(to).clone();
        if !target
            .labels
            .any(Labels::TO_NETWORK.with(Labels::TO_PROCESS))
        {
            self.note(
                Deed::Write,
                source.labels,
                target.text.clone(),
                source.origin.clone(),
            );
            let carried = source.labels.without(Labels::TO_FILE);
            self.write(to, carried, source.origin.as_ref());
        } else {
            self.written(to, &source, None);
        }
    }

    fn deed(&mut self, deed: Deed, labels: Labels, call: Call<'_>, sum: Value) -> Id {
        let text = self.machine.joined(call.args, " ");
        let local = text
            .as_deref()
            .is_some_and(|text| text.starts_with("file:") || text.starts_with("jar:"));
        if deed == Deed::Fetch && (local || sum.labels.any(Labels::RESOURCE)) {
            let labels = sum.labels.with(Labels::RESOURCE);
            return self.result(Value {
                labels,
                origin: text,
                ..sum
            });
        }
        let origin = sum.origin.clone().or_else(|| {
            let place = matches!(
                deed,
                Deed::Fetch | Deed::Send | Deed::DownloadToFile | Deed::Connect
            );
            text.clone().filter(|_| place)
        });
        self.note(deed, sum.labels, text.clone(), origin.clone());
        if deed == Deed::Reflect {
            self.reflected(call, &sum);
        }
        match deed {
            // The file that is written carries what it was given.
            Deed::Write => {
                if let [file, ..] = call.args {
                    self.write(*file, sum.labels, origin.as_ref());
                }
            }
            Deed::DownloadToFile => {
                for id in call.args {
                    self.write(*id, Labels::NETWORK, origin.as_ref());
                }
            }
            _ => {}
        }
        let first = call.args.first().copied().unwrap_or(UNKNOWN);
        if call.receiver && !call.returns {
            self.write(first, sum.labels.with(labels), origin.as_ref());
            return first;
        }
        let kept = if deed == Deed::Fetch { text } else { None };
        self.machine.add(Value {
            labels: sum.labels.with(labels),
            origin,
            // A connection still knows its address.
            text: kept,
            ..Value::default()
        })
    }

    /// A method is called that was looked up by its name: what that means.
    fn reflected(&mut self, call: Call<'_>, sum: &Value) {
        let Some((method, rest)) = call.args.split_first() else {
            return;
        };
        let Some(name) = self.machine.text_of(*method) else {
            return;
        };
        let name = name.split_whitespace().last().unwrap_or_default();
        let deed = match name {
            "defineClass" | "defineClass0" | "defineClass1" | "defineAnonymousClass" => Deed::Load,
            "exec" => Deed::Execute,
            _ => return,
        };
        let text = self.machine.joined(rest, " ");
        self.note(deed, sum.labels, text, sum.origin.clone());
    }

    /// Something flows into a value.
    fn write(&mut self, id: Id, labels: Labels, origin: Option<&Rc<str>>) {
        if labels == Labels::NONE {
            return;
        }
        let written = Value {
            labels,
            origin: origin.cloned(),
            ..Value::default()
        };
        let summaries = &mut *self.summaries;
        self.machine
            .write(id, labels, origin, |key| summaries.store(key, &written));
    }

    /// Notes a deed.
    pub fn note(
        &mut self,
        deed: Deed,
        labels: Labels,
        text: Option<Rc<str>>,
        origin: Option<Rc<str>>,
    ) {
        if self.noting {
            self.facts.push(Done {
                deed,
                labels,
                text,
                origin,
                method: self.method.clone(),
                phase: self.phase,
            });
        }
    }

    /// Notes a text that was put together.
    fn tell(&mut self, text: Option<&Rc<str>>) {
        if let Some(text) = text.filter(|_| self.noting) {
            self.facts.text(text);
        }
    }
}

/// Whether a file holds a secret.
pub(crate) fn is_secret_path(path: &str) -> bool {
    if path.len() > NAME_LIMIT {
        return false;
    }
    let found = indicators::scan(path);
    found.iter().any(|one| one.kind == Kind::CredentialPath)
}
