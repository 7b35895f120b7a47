//! Calls, and texts that are put together by `invokedynamic`.

use super::class::Constant;
use super::code::Step;
use super::descriptor::Descriptor;
use super::library::LIBRARY;
use crate::facts::Deed;
use crate::labels::Labels;
use crate::machine::{Id, UNKNOWN, Value};
use crate::meaning::Meaning;
use crate::scene::Call;
use crate::summaries;

impl Step<'_, '_, '_> {
    pub(super) fn call(&mut self, opcode: u8, member: u16) {
        let Constant::Member(owner, name) = self.class.constant(member) else {
            return;
        };
        let owner = self.class.class_name(*owner);
        let (name, kind) = self.class.name_type(*name);
        let descriptor = Descriptor::read(&kind);
        let receiver = opcode != 0xB8;
        let mut args = self.arguments(&descriptor, receiver);
        if matches!(name.as_ref(), "append" | "valueOf") {
            self.spell(&kind, &mut args);
        }
        let meaning = LIBRARY
            .find(&owner, &name)
            .or_else(|| by_name(&name, &kind));
        self.shape.letters |= name == "charAt";
        let key = summaries::key(&[&owner, &name, &kind]);
        // A constructor gives nothing: it fills its receiver.
        let id = self.scene.call(Call {
            meaning,
            key,
            shape: summaries::key(&["", &name, &kind]),
            args: &args,
            receiver,
            returns: descriptor.returns > 0,
        });
        if descriptor.returns > 0 {
            let machine = &mut *self.scene.machine;
            machine.push_id(id);
            machine.push_unknown(descriptor.returns - 1);
        }
    }

    /// A constant letter or number that is put into a text becomes one.
    fn spell(&mut self, kind: &str, args: &mut [Id]) {
        let Some(last) = args.last_mut() else {
            return;
        };
        let machine = &mut *self.scene.machine;
        let value = machine.value(*last);
        let text = match (value.number, kind.get(..3)) {
            (Some(number), Some("(C)")) => {
                let letter = u32::try_from(number).ok().and_then(char::from_u32);
                letter.map(|letter| letter.to_string())
            }
            (Some(number), Some("(I)")) => Some(number.to_string()),
            _ => None,
        };
        if let Some(text) = text {
            *last = machine.add(Value {
                text: Some(text.into()),
                ..Value::default()
            });
        }
    }

    fn arguments(&mut self, descriptor: &Descriptor, receiver: bool) -> Vec<Id> {
        let machine = &mut *self.scene.machine;
        let mut args = Vec::with_capacity(descriptor.arguments.len() + 1);
        for wide in descriptor.arguments.iter().rev() {
            if *wide {
                machine.drop(1);
            }
            args.push(machine.pop());
        }
        if receiver {
            args.push(machine.pop());
        }
        args.reverse();
        args
    }

    /// `invokedynamic`: texts are put together so, and lambdas made.
    pub(super) fn dynamic(&mut self, at: u16) {
        let Constant::Dynamic(bootstrap, name) = self.class.constant(at) else {
            return;
        };
        let (name, kind) = self.class.name_type(*name);
        let descriptor = Descriptor::read(&kind);
        let args = self.arguments(&descriptor, false);
        let id = if name == "makeConcatWithConstants" {
            self.concatenated(*bootstrap, &args)
        } else {
            let meaning = (name == "makeConcat").then_some(Meaning::Concat(""));
            self.scene.call(Call {
                meaning,
                key: 0,
                shape: 0,
                args: &args,
                receiver: false,
                returns: true,
            })
        };
        let machine = &mut *self.scene.machine;
        if descriptor.returns > 0 {
            machine.push_id(id);
            machine.push_unknown(descriptor.returns - 1);
        }
    }

    /// The recipe holds constants, and `\u{1}` where an argument goes.
    fn concatenated(&mut self, bootstrap: u16, args: &[Id]) -> Id {
        let recipe = self.class.bootstraps.get(usize::from(bootstrap));
        let recipe = recipe.and_then(|(_, arguments)| arguments.first());
        let recipe = match recipe.map(|at| self.class.constant(*at)) {
            Some(Constant::String(text)) => self.class.text(*text),
            _ => return UNKNOWN,
        };
        let mut text = String::new();
        let mut labels = Labels::NONE;
        let mut origin = None;
        let mut args = args.iter();
        for letter in recipe.chars() {
            if letter == '\u{1}' {
                let id = args.next().copied().unwrap_or(UNKNOWN);
                let value = self.scene.machine.value(id);
                labels = labels.with(value.labels);
                origin = origin.or_else(|| value.origin.clone());
                let number = value.number.map(|number| number.to_string());
                match (self.scene.machine.text_of(id), number) {
                    (Some(part), _) if text.len() + part.len() < crate::machine::TEXT_LIMIT => {
                        text.push_str(&part);
                    }
                    (None, Some(number)) => text.push_str(&number),
                    _ => {}
                }
            } else {
                text.push(letter);
            }
        }
        if self.scene.noting {
            self.scene.facts.text(&text);
        }
        self.scene.machine.add(Value {
            labels,
            text: Some(text.into()),
            origin,
            ..Value::default()
        })
    }
}

/// Methods that are told by their name, since classes of the package inherit them.
fn by_name(name: &str, kind: &str) -> Option<Meaning> {
    match name {
        "defineClass" if kind.contains("[BII") || kind.contains("ByteBuffer") => {
            Some(Meaning::Do(Deed::Load, Labels::NONE))
        }
        "defineAnonymousClass" => Some(Meaning::Do(Deed::Load, Labels::NONE)),
        _ => None,
    }
}
