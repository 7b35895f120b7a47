//! Hosts that stand in pieces: `".evil.ex" + "ample"`.

use ruff_python_ast::{Expr, ExprBinOp, Operator};
use ruff_text_size::Ranged as _;

use super::{Signs, bits, hosts};
use crate::interp::bytes_of;

/// Pieces of one string that are read.
const PIECES: usize = 24;

/// Looks at a sum of strings.
pub fn signs_of_sum(sum: &ExprBinOp, signs: &mut Signs) {
    let (mut text, mut left) = (String::new(), PIECES);
    if !joined(sum, &mut text, &mut left) {
        return;
    }
    let text = text.to_ascii_lowercase();
    let range = bytes_of(sum.range());
    if let Some(host) = text.split("://").nth(1) {
        if hosts::is_foreign(host.split(['/', '?', ':']).next().unwrap_or_default()) {
            signs.add(bits::URL, range);
        }
    } else if hosts::is_bare_host(text.trim_start_matches('.')) {
        signs.add(bits::HOST, range);
    }
}

/// Puts the pieces together; false where one is no constant. The right side is looked at
/// first: most sums end there.
fn joined(sum: &ExprBinOp, text: &mut String, left: &mut usize) -> bool {
    let Expr::StringLiteral(last) = &*sum.right else {
        return false;
    };
    let Some(rest) = left.checked_sub(1).filter(|_| sum.op == Operator::Add) else {
        return false;
    };
    *left = rest;
    let before = match &*sum.left {
        Expr::StringLiteral(first) => {
            text.push_str(first.value.to_str());
            true
        }
        Expr::BinOp(inner) => joined(inner, text, left),
        _ => false,
    };
    text.push_str(last.value.to_str());
    before && text.len() <= 400
}
