//! Texts and values put together from others.

use std::rc::Rc;

use oxc_ast::ast::{BinaryOperator, Expression, UnaryOperator};

use super::{Evaluator, methods};
use crate::collect::ScopeIx;
use crate::value::{Eval, HOLE, TEXT_LIMIT, Taint, Value};

impl<'a> Evaluator<'a> {
    /// `a + b + …` without recursion along the left side, and arithmetic.
    pub(super) fn binary(&mut self, expression: &'a Expression<'a>, scope: ScopeIx) -> Eval<'a> {
        let mut operands = Vec::new();
        let mut at = expression;
        while let Expression::BinaryExpression(binary) = at {
            if binary.operator != BinaryOperator::Addition {
                break;
            }
            operands.push(&binary.right);
            at = &binary.left;
        }
        if operands.is_empty() {
            let Expression::BinaryExpression(binary) = expression else {
                return Eval::default();
            };
            let left = self.eval(&binary.left, scope);
            let right = self.eval(&binary.right, scope);
            return methods::arithmetic(binary.operator, &left, &right);
        }
        operands.push(at);
        let mut sum: Option<f64> = None;
        let mut pieces: Option<Pieces> = None;
        for operand in operands.into_iter().rev() {
            let value = self.eval(operand, scope);
            match (&mut pieces, value.number(), sum) {
                (None, Some(number), None) => sum = Some(number),
                (None, Some(number), Some(have)) => sum = Some(have + number),
                (None, None, have) => {
                    let mut begun = Pieces::default();
                    if let Some(have) = have {
                        begun.push(&Value::Number(have).into());
                    }
                    begun.push(&value);
                    pieces = Some(begun);
                }
                (Some(pieces), ..) => pieces.push(&value),
            }
        }
        match (pieces, sum) {
            (Some(pieces), _) => self.join(pieces),
            (None, Some(sum)) => Value::Number(sum).into(),
            (None, None) => Eval::default(),
        }
    }

    /// A text made of pieces, within the file's budget.
    pub(super) fn join(&mut self, pieces: Pieces) -> Eval<'a> {
        self.text_bytes += pieces.text.len();
        if self.text_bytes > 16 * TEXT_LIMIT || pieces.text.len() > TEXT_LIMIT {
            self.exhausted = true;
            return Eval::default().tainted(pieces.taint);
        }
        let value = if pieces.known {
            Value::Text {
                exact: pieces.exact,
                text: pieces.text.into(),
            }
        } else {
            Value::Unknown
        };
        Eval {
            value,
            path: None,
            taint: pieces.taint,
            layers: pieces.layers,
        }
    }
}

/// A text in the making.
pub(super) struct Pieces {
    text: String,
    exact: bool,
    known: bool,
    taint: Taint,
    layers: Option<Rc<Vec<packguard_sdk::decode::Layer>>>,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            text: String::new(),
            exact: true,
            known: false,
            taint: Taint::NONE,
            layers: None,
        }
    }
}

impl Pieces {
    pub(super) fn push(&mut self, piece: &Eval<'_>) {
        self.taint = self.taint.with(piece.taint);
        if self.layers.is_none() {
            self.layers.clone_from(&piece.layers);
        }
        match piece.as_piece() {
            Some(text) if self.text.len() <= TEXT_LIMIT => {
                self.exact &= piece.is_exact();
                self.known |= !text.is_empty();
                self.text.push_str(&text);
            }
            _ => {
                self.exact = false;
                if !self.text.ends_with(HOLE) {
                    self.text.push(HOLE);
                }
                if piece.taint == Taint::NONE {
                    self.taint = self.taint.with(Taint::MIXED);
                }
            }
        }
        if self.exact {
            self.known = true;
        }
    }
}

/// One or the other: marks of both, and what is known of the first that is known.
pub fn either<'a>(left: Eval<'a>, right: Eval<'a>) -> Eval<'a> {
    let taint = left.taint.with(right.taint);
    let value = match (left.value, right.value) {
        (Value::Unknown, value) | (value, Value::Unknown) => match value {
            // Only one side is known: partly known at best.
            Value::Text { text, .. } => Value::Text { text, exact: false },
            Value::Object(..) | Value::Function(_) => value,
            _ => Value::Unknown,
        },
        (Value::Text { text, .. }, Value::Text { .. }) => Value::Text { text, exact: false },
        (value @ (Value::Object(..) | Value::Function(_)), _) => value,
        _ => Value::Unknown,
    };
    Eval {
        value,
        path: left.path.or(right.path),
        taint,
        layers: left.layers.or(right.layers),
    }
}

pub(super) fn unary_value<'a>(operator: UnaryOperator, inner: &Eval<'a>) -> Eval<'a> {
    match operator {
        UnaryOperator::UnaryNegation => match inner.number() {
            Some(number) => Value::Number(-number).into(),
            None => Eval::default(),
        },
        UnaryOperator::UnaryPlus => methods::to_number(inner)
            .map(|number| Value::Number(number).into())
            .unwrap_or_default(),
        UnaryOperator::BitwiseNot => match inner.number() {
            Some(number) => Value::Number(f64::from(!methods::to_int32(number))).into(),
            None => Eval::default(),
        },
        UnaryOperator::LogicalNot => match inner.value {
            Value::Boolean(value) => Value::Boolean(!value).into(),
            Value::Number(number) => Value::Boolean(number == 0.0).into(),
            Value::List(_) => Value::Boolean(false).into(),
            _ => Eval::default(),
        },
        _ => Eval::default(),
    }
}
