//! The instructions of the Java virtual machine, one after the other.
//!
//! A long or double takes two places on the stack, as in the specification, so that
//! instructions which move two places work whatever stands there.

use std::ops::Range;
use std::rc::Rc;

use super::class::{Class, Constant, Method};
use crate::machine::Value;
use crate::read::{be16, be32, index};
use crate::scene::Scene;
use crate::summaries;

/// What was seen of a method's instructions.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Shape {
    /// Instructions followed.
    pub steps: usize,
    /// It combines values by exclusive or.
    pub xor: bool,
    /// It takes single letters or bytes.
    pub letters: bool,
    /// It branches backwards.
    pub loops: bool,
}

/// Follows the code of a method, and says what it looks like.
pub(crate) fn follow(
    class: &Class<'_>,
    method: &Method,
    scene: &mut Scene<'_>,
    result: &mut Vec<Value>,
) -> Shape {
    let code = class.bytes().get(method.code.clone()).unwrap_or_default();
    let mut shape = Shape::default();
    let mut at = 0;
    while let Some(opcode) = code.get(at) {
        let handler = method.handlers.binary_search(&at).is_ok();
        scene.machine.arrive(at, handler);
        let Some(size) = size(code, at) else {
            break;
        };
        shape.steps += 1;
        let mut step = Step {
            class,
            scene,
            shape: &mut shape,
            result,
        };
        step.run(*opcode, code, at, at..at + size);
        at += size;
    }
    shape
}

/// The size of an instruction with its operands.
fn size(code: &[u8], at: usize) -> Option<usize> {
    let operands = match code.get(at)? {
        0x10 | 0x12 | 0x15..=0x19 | 0x36..=0x3A | 0xA9 | 0xBC => 1,
        0x11
        | 0x13
        | 0x14
        | 0x84
        | 0x99..=0xA8
        | 0xB2..=0xB8
        | 0xBB
        | 0xBD
        | 0xC0
        | 0xC1
        | 0xC6
        | 0xC7 => 2,
        0xC5 => 3,
        0xB9 | 0xBA | 0xC8 | 0xC9 => 4,
        0xC4 => {
            if code.get(at + 1) == Some(&0x84) {
                5
            } else {
                3
            }
        }
        table @ (0xAA | 0xAB) => {
            let start = (at & !3) + 4;
            let entries = if *table == 0xAA {
                let low = i64::from(be32(code, start + 4)?.cast_signed());
                let high = i64::from(be32(code, start + 8)?.cast_signed());
                let count = usize::try_from(high - low + 1).ok()?;
                count.checked_mul(4)?.checked_add(12)?
            } else {
                index(be32(code, start + 4)?)
                    .checked_mul(8)?
                    .checked_add(8)?
            };
            start.checked_add(entries)? - at - 1
        }
        _ => 0,
    };
    let size = operands + 1;
    (at + size <= code.len()).then_some(size)
}

/// The instruction at hand.
pub(super) struct Step<'a, 's, 'c> {
    pub(super) class: &'a Class<'c>,
    pub(super) scene: &'a mut Scene<'s>,
    pub(super) shape: &'a mut Shape,
    result: &'a mut Vec<Value>,
}

impl Step<'_, '_, '_> {
    fn run(&mut self, opcode: u8, code: &[u8], at: usize, range: Range<usize>) {
        let machine = &mut *self.scene.machine;
        let byte = code.get(at + 1).copied().unwrap_or(0);
        let short = be16(code, at + 1).unwrap_or(0);
        match opcode {
            0x01 | 0x0B..=0x0D | 0xA8 | 0xC9 => machine.push_unknown(1),
            0x02..=0x08 => machine.push_number(i64::from(opcode) - 3),
            0x09 | 0x0A => {
                machine.push_number(i64::from(opcode) - 9);
                machine.push_unknown(1);
            }
            0x0E | 0x0F => machine.push_unknown(2),
            0x10 => machine.push_number(i64::from(byte.cast_signed())),
            0x11 => machine.push_number(i64::from(short.cast_signed())),
            0x12 => self.constant(u16::from(byte)),
            0x13 | 0x14 => self.constant(short),
            0x15..=0x56 => self.variable(opcode, usize::from(byte)),
            0x57 => machine.drop(1),
            0x58 => machine.drop(2),
            0x59..=0x5B => machine.dup(1, usize::from(opcode - 0x59)),
            0x5C..=0x5E => machine.dup(2, usize::from(opcode - 0x5C)),
            0x5F => machine.swap(),
            0x60..=0x98 => self.compute(opcode),
            0x99..=0xA7 | 0xC6..=0xC8 => self.branch(opcode, code, at),
            0xAA | 0xAB => {
                machine.drop(1);
                table(code, at, range.end, |to| machine.branch(at, to));
                machine.ended = true;
            }
            0xAC..=0xB1 => self.give(opcode),
            0xB2..=0xB5 => self.field(opcode, short),
            0xB6..=0xB9 => self.call(opcode, short),
            0xBA => self.dynamic(short),
            0xBB => {
                machine.push(Value::default());
            }
            0xBC => machine.new_items(),
            0xBD => {
                machine.drop(1);
                machine.push(Value::default());
            }
            0xBE => {
                machine.drop(1);
                machine.push_unknown(1);
            }
            0xBF => machine.ended = true,
            0xC1 => {
                machine.drop(1);
                machine.push_unknown(1);
            }
            0xC2 | 0xC3 => machine.drop(1),
            0xC4 if byte != 0x84 => {
                let number = usize::from(be16(code, at + 2).unwrap_or(0));
                self.variable(byte, number);
            }
            0xC5 => {
                machine.drop(usize::from(code.get(at + 3).copied().unwrap_or(0)));
                machine.push_unknown(1);
            }
            _ => {}
        }
    }

    fn constant(&mut self, at: u16) {
        let machine = &mut *self.scene.machine;
        match self.class.constant(at) {
            Constant::String(text) => {
                let text: Rc<str> = self.class.text(*text).into();
                machine.push_text(&text);
            }
            Constant::Number(number) => machine.push_number(i64::from(*number)),
            Constant::Long(number) => {
                machine.push_number(*number);
                machine.push_unknown(1);
            }
            Constant::Class(_) | Constant::Handle | Constant::Dynamic(..) => {
                machine.push_unknown(1);
            }
            // A double, or a float in one place.
            _ => {
                let next = self.class.pool.get(usize::from(at) + 1);
                let double = matches!(next, Some(Constant::Other));
                machine.push_unknown(if double { 2 } else { 1 });
            }
        }
    }

    /// Loads and stores of local variables and of elements of arrays.
    fn variable(&mut self, opcode: u8, number: usize) {
        let machine = &mut *self.scene.machine;
        match opcode {
            0x15 | 0x17 | 0x19 => machine.load(number),
            0x16 | 0x18 => {
                machine.load(number);
                machine.push_unknown(1);
            }
            0x1A..=0x2D => {
                let number = usize::from((opcode - 0x1A) % 4);
                machine.load(number);
                if matches!(opcode, 0x1E..=0x21 | 0x26..=0x29) {
                    machine.push_unknown(1);
                }
            }
            0x2E..=0x35 => {
                self.shape.letters |= matches!(opcode, 0x33 | 0x34);
                machine.load_item();
                if matches!(opcode, 0x2F | 0x31) {
                    machine.push_unknown(1);
                }
            }
            0x36 | 0x38 | 0x3A => machine.store(number),
            0x37 | 0x39 => {
                machine.drop(1);
                machine.store(number);
            }
            0x3B..=0x4E => {
                if matches!(opcode, 0x3F..=0x42 | 0x47..=0x4A) {
                    machine.drop(1);
                }
                machine.store(usize::from((opcode - 0x3B) % 4));
            }
            0x50 | 0x52 => machine.drop(4),
            0x4F..=0x56 => machine.store_item(),
            _ => {}
        }
    }

    fn compute(&mut self, opcode: u8) {
        let machine = &mut *self.scene.machine;
        match opcode {
            0x60 => machine.arithmetic(i64::checked_add),
            0x64 => machine.arithmetic(i64::checked_sub),
            0x68 => machine.arithmetic(i64::checked_mul),
            0x6C => machine.arithmetic(i64::checked_div),
            0x70 => machine.arithmetic(i64::checked_rem),
            0x7E => machine.arithmetic(|left, right| Some(left & right)),
            0x80 => machine.arithmetic(|left, right| Some(left | right)),
            0x82 => {
                self.shape.xor = true;
                machine.arithmetic(|left, right| Some(left ^ right));
            }
            0x62 | 0x66 | 0x6A | 0x6E | 0x72 | 0x78 | 0x7A | 0x7C => {
                machine.arithmetic(|_, _| None);
            }
            // Operations on two places each.
            0x61 | 0x63 | 0x65 | 0x67 | 0x69 | 0x6B | 0x6D | 0x6F | 0x71 | 0x73 | 0x7F | 0x81
            | 0x83 => machine.drop(2),
            0x79 | 0x7B | 0x7D => machine.drop(1),
            0x85 | 0x87 | 0x8C | 0x8D => machine.push_unknown(1),
            0x88 | 0x89 | 0x8E | 0x90 => machine.drop(1),
            0x94 | 0x97 | 0x98 => {
                machine.drop(4);
                machine.push_unknown(1);
            }
            0x95 | 0x96 => {
                machine.drop(2);
                machine.push_unknown(1);
            }
            // Negations and conversions that keep the size.
            _ => {}
        }
    }

    fn branch(&mut self, opcode: u8, code: &[u8], at: usize) {
        let machine = &mut *self.scene.machine;
        machine.drop(match opcode {
            0x99..=0x9E | 0xC6 | 0xC7 => 1,
            0x9F..=0xA6 => 2,
            _ => 0,
        });
        let offset = if opcode == 0xC8 {
            be32(code, at + 1).map_or(0, u32::cast_signed)
        } else {
            i32::from(be16(code, at + 1).map_or(0, u16::cast_signed))
        };
        if let Some(to) = target(at, offset) {
            self.shape.loops |= to <= at;
            machine.branch(at, to);
        }
        machine.ended = matches!(opcode, 0xA7 | 0xC8);
    }

    fn give(&mut self, opcode: u8) {
        let machine = &mut *self.scene.machine;
        if matches!(opcode, 0xAD | 0xAF) {
            machine.drop(1);
        }
        if opcode != 0xB1 {
            let id = machine.pop();
            self.result.push(machine.value(id).clone());
        }
        machine.ended = true;
    }

    fn field(&mut self, opcode: u8, member: u16) {
        let Constant::Member(owner, name) = self.class.constant(member) else {
            return;
        };
        let owner = self.class.class_name(*owner);
        let (name, kind) = self.class.name_type(*name);
        let wide = matches!(kind.as_ref(), "J" | "D");
        let key = summaries::key(&[&owner, &name]);
        let machine = &mut *self.scene.machine;
        match opcode {
            0xB2 | 0xB4 => {
                if opcode == 0xB4 {
                    machine.drop(1);
                }
                let value = self.scene.summaries.field(key);
                let mut value = value.unwrap_or_default();
                value.field = key;
                let id = machine.add(value);
                machine.push_id(id);
                if wide {
                    machine.push_unknown(1);
                }
            }
            _ => {
                if wide {
                    machine.drop(1);
                }
                let id = machine.pop();
                if opcode == 0xB5 {
                    machine.drop(1);
                }
                let text = machine.text_of(id);
                let mut value = machine.value(id).clone();
                value.text = text;
                self.scene.summaries.store(key, &value);
            }
        }
    }
}

fn target(at: usize, offset: i32) -> Option<usize> {
    at.checked_add_signed(isize::try_from(offset).ok()?)
}

/// Calls `each` with the targets of a table of branches.
fn table(code: &[u8], at: usize, end: usize, mut each: impl FnMut(usize)) {
    let lookup = code.get(at) == Some(&0xAB);
    let start = (at & !3) + 4;
    let mut go = |place: usize| {
        let offset = be32(code, place).map_or(0, u32::cast_signed);
        if let Some(to) = target(at, offset) {
            each(to);
        }
    };
    go(start);
    let (mut place, step) = if lookup {
        (start + 12, 8)
    } else {
        (start + 12, 4)
    };
    while place < end {
        go(place);
        place += step;
    }
}
