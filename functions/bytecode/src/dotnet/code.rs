//! The instructions of the Common Intermediate Language, one after the other.

use std::rc::Rc;

use super::context::Context;
use crate::machine::{Id, UNKNOWN, Value};
use crate::meaning::Meaning;
use crate::read::{index, le16, le32};
use crate::scene::{Call, Scene};
use crate::summaries;

/// Where local variables begin: arguments stand before them.
const LOCALS: usize = 256;
/// Constant arrays of this many bytes may be code.
const BLOB_MINIMUM: usize = 200;
/// Most elements of a constant array that are looked at.
const ITEMS_LIMIT: usize = 16 << 10;

/// What was seen of a method's instructions.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Shape {
    pub steps: usize,
    pub xor: bool,
    pub letters: bool,
    pub loops: bool,
}

/// Follows the code of a method.
pub(crate) fn follow(
    context: &mut Context<'_, '_>,
    code: &[u8],
    scene: &mut Scene<'_>,
    result: &mut Vec<Value>,
) -> Shape {
    let mut shape = Shape::default();
    let mut at = 0;
    while let Some(first) = code.get(at) {
        scene.machine.arrive(at, true);
        let (opcode, start) = if *first == 0xFE {
            let second = code.get(at + 1).copied().unwrap_or(0xFF);
            (0xFE00 | u16::from(second), at + 2)
        } else {
            (u16::from(*first), at + 1)
        };
        let Some(size) = operand(opcode, code, start) else {
            break;
        };
        let Some(operand) = code.get(start..start.saturating_add(size)) else {
            break;
        };
        shape.steps += 1;
        let mut step = Step {
            context,
            scene,
            shape: &mut shape,
            result,
        };
        step.run(opcode, operand, at, start + size);
        at = start + size;
    }
    shape
}

/// The size of an operand.
fn operand(opcode: u16, code: &[u8], at: usize) -> Option<usize> {
    Some(match opcode {
        0x0E..=0x13 | 0x1F | 0x2B..=0x37 | 0xDE | 0xFE12 | 0xFE19 => 1,
        0xFE09..=0xFE0E => 2,
        0x20
        | 0x22
        | 0x27..=0x29
        | 0x38..=0x44
        | 0x6F..=0x75
        | 0x79
        | 0x7B..=0x81
        | 0x8C
        | 0x8D
        | 0x8F
        | 0xA3..=0xA5
        | 0xC2
        | 0xC6
        | 0xD0
        | 0xDD
        | 0xFE06
        | 0xFE07
        | 0xFE15
        | 0xFE16
        | 0xFE1C => 4,
        0x21 | 0x23 => 8,
        0x45 => index(le32(code, at)?).checked_mul(4)?.checked_add(4)?,
        _ => 0,
    })
}

struct Step<'a, 'c, 's, 'b> {
    context: &'a mut Context<'c, 'b>,
    scene: &'a mut Scene<'s>,
    shape: &'a mut Shape,
    result: &'a mut Vec<Value>,
}

impl Step<'_, '_, '_, '_> {
    fn run(&mut self, opcode: u16, operand: &[u8], at: usize, end: usize) {
        let machine = &mut *self.scene.machine;
        let byte = usize::from(operand.first().copied().unwrap_or(0));
        let short = usize::from(le16(operand, 0).unwrap_or(0));
        let token = le32(operand, 0).unwrap_or(0);
        match opcode {
            0x02..=0x05 => machine.load(usize::from(opcode - 2)),
            0x06..=0x09 => machine.load(LOCALS + usize::from(opcode - 6)),
            0x0A..=0x0D => machine.store(LOCALS + usize::from(opcode - 0x0A)),
            0x0E | 0x0F => machine.load(byte),
            0x10 => machine.store(byte),
            0x11 | 0x12 => self.local(LOCALS + byte),
            0x13 => machine.store(LOCALS + byte),
            0xFE09 | 0xFE0A => machine.load(short),
            0xFE0B => machine.store(short),
            0xFE0C | 0xFE0D => self.local(LOCALS + short),
            0xFE0E => machine.store(LOCALS + short),
            0x14 | 0x22 | 0x23 | 0xFE00 | 0xFE06 => machine.push_unknown(1),
            0x15..=0x1E => machine.push_number(i64::from(opcode) - 0x16),
            0x1F => machine.push_number(i64::from((byte as u8).cast_signed())),
            0x20 => machine.push_number(i64::from(token.cast_signed())),
            0x21 => machine.push_number(i64::from(token)),
            0x25 => machine.dup(1, 0),
            0x26 | 0x7A | 0xC3 => {
                machine.drop(usize::from(opcode != 0xC3));
                machine.ended |= opcode == 0x7A;
            }
            0x28 | 0x6F | 0x73 => self.call(token, opcode == 0x73),
            0x2A => {
                let id = machine.pop();
                self.result.push(machine.value(id).clone());
                machine.ended = true;
            }
            0x2B..=0x45 | 0xDD | 0xDE => self.branch(opcode, operand, at, end),
            0x51..=0x57 | 0x81 | 0xDF => machine.drop(2),
            0x58..=0x64 | 0xD6..=0xDB | 0xFE01..=0xFE05 => self.compute(opcode),
            0x72 => self.text(token),
            0x7B..=0x80 => self.field(opcode, token),
            0x8D => machine.new_items(),
            0x8E => {
                machine.drop(1);
                machine.push_unknown(1);
            }
            0x8F..=0x9A | 0xA3 => {
                self.shape.letters |= matches!(opcode, 0x90 | 0x91 | 0x93 | 0x8F);
                machine.load_item();
            }
            0x9B..=0xA2 | 0xA4 => machine.store_item(),
            0xD0 => machine.push_number(i64::from(token)),
            0xDC | 0xFE11 | 0xFE1A => machine.ended = true,
            0xFE07 | 0xFE0F => {
                machine.drop(1);
                machine.push_unknown(1);
            }
            0xFE15 => machine.drop(1),
            0xFE17 | 0xFE18 => machine.drop(3),
            0x70 => machine.drop(2),
            // Conversions, boxes and casts keep what they are given.
            _ => {}
        }
    }

    /// A local variable or its address: what fills it fills this value.
    fn local(&mut self, number: usize) {
        let machine = &mut *self.scene.machine;
        machine.load(number);
        if machine.peek(0) == UNKNOWN {
            machine.drop(1);
            let id = machine.add(Value::default());
            machine.push_id(id);
            machine.store(number);
            machine.push_id(id);
        }
    }

    fn branch(&mut self, opcode: u16, operand: &[u8], at: usize, end: usize) {
        let machine = &mut *self.scene.machine;
        machine.drop(match opcode {
            0x2B | 0x38 | 0xDD | 0xDE => 0,
            0x2C | 0x2D | 0x39 | 0x3A | 0x45 => 1,
            _ => 2,
        });
        let short = matches!(opcode, 0x2B..=0x37 | 0xDE);
        let mut go = |offset: i32| {
            let offset = isize::try_from(offset).unwrap_or(0);
            if let Some(to) = end.checked_add_signed(offset) {
                self.shape.loops |= to <= at;
                machine.branch(at, to);
            }
        };
        if short {
            go(i32::from(
                operand.first().copied().unwrap_or(0).cast_signed(),
            ));
        } else {
            let from = usize::from(opcode == 0x45);
            for place in operand.as_chunks::<4>().0.iter().skip(from) {
                go(i32::from_le_bytes(*place));
            }
        }
        machine.ended = matches!(opcode, 0x2B | 0x38 | 0xDD | 0xDE);
    }

    fn compute(&mut self, opcode: u16) {
        let machine = &mut *self.scene.machine;
        match opcode {
            0x58 => machine.arithmetic(i64::checked_add),
            0x59 => machine.arithmetic(i64::checked_sub),
            0x5A => machine.arithmetic(i64::checked_mul),
            0x5F => machine.arithmetic(|left, right| Some(left & right)),
            0x60 => machine.arithmetic(|left, right| Some(left | right)),
            0x61 => {
                self.shape.xor = true;
                machine.arithmetic(|left, right| Some(left ^ right));
            }
            _ => machine.arithmetic(|_, _| None),
        }
    }

    fn text(&mut self, token: u32) {
        let Some(text) = self.context.assembly.user_text(token) else {
            self.scene.machine.push_unknown(1);
            return;
        };
        if self.scene.noting {
            self.scene.facts.text(&text);
        }
        let text: Rc<str> = crate::machine::join(None, &text, "");
        self.scene.machine.push_text(&text);
    }

    fn field(&mut self, opcode: u16, token: u32) {
        let key = self.context.field(token);
        let machine = &mut *self.scene.machine;
        match opcode {
            0x7B | 0x7C | 0x7E | 0x7F => {
                let owner = if opcode < 0x7E {
                    machine.pop()
                } else {
                    UNKNOWN
                };
                let labels = machine.value(owner).labels;
                let mut value = self.scene.summaries.field(key).unwrap_or_default();
                value.labels = value.labels.with(labels);
                value.field = key;
                machine.push(value);
            }
            _ => {
                let id = machine.pop();
                if opcode == 0x7D {
                    machine.drop(1);
                }
                let value = machine.value(id).clone();
                self.scene.summaries.store(key, &value);
            }
        }
    }

    fn call(&mut self, token: u32, new: bool) {
        let callee = self.context.callee(token);
        let signature = callee.signature;
        let receiver = signature.has_this && !new;
        let machine = &mut *self.scene.machine;
        let count = signature.arguments + usize::from(receiver);
        let mut args: Vec<Id> = (0..count).map(|_| machine.pop()).collect();
        args.reverse();
        self.shape.letters |= callee.letters;
        if let (Some(native), true) = (&callee.native, self.scene.noting) {
            self.scene.facts.natives.insert(native.to_string());
        }
        if callee.meaning == Some(Meaning::Initialise) {
            self.initialise(&args);
            return;
        }
        let returns = signature.returns || new;
        let id = self.scene.call(Call {
            meaning: callee.meaning,
            key: callee.key,
            shape: 0,
            args: &args,
            receiver,
            returns,
        });
        if returns {
            let machine = &mut *self.scene.machine;
            // What is made anew can be written to.
            let id = if new && id == UNKNOWN {
                machine.add(Value::default())
            } else {
                id
            };
            machine.push_id(id);
        }
    }

    /// Fills an array with the constant bytes of a field.
    fn initialise(&mut self, args: &[Id]) {
        let [array, field] = args else {
            return;
        };
        let token = self.scene.machine.value(*field).number.unwrap_or(0);
        let token = u32::try_from(token).unwrap_or(0);
        let Some(bytes) = self.context.initial(token) else {
            return;
        };
        if bytes.len() >= BLOB_MINIMUM && self.scene.noting {
            self.scene.facts.blobs += 1;
        }
        let items: Vec<u16> = bytes
            .iter()
            .take(ITEMS_LIMIT)
            .map(|byte| u16::from(*byte))
            .collect();
        if let Some(array) = self.scene.machine.value_mut(*array) {
            array.items = Some(items);
        }
    }
}

/// The key of a method, in whatever assembly it stands.
pub(crate) fn method_key(owner: &str, name: &str, arguments: usize) -> u64 {
    summaries::key(&[owner, name, &arguments.to_string()])
}
