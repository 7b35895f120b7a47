//! Calls that are given code, though they look as if they were given a file.

use std::rc::Rc;

use oxc_ast::ast::{Expression, ObjectPropertyKind};

use crate::collect::Call;
use crate::value::{Eval, HOLE, Taint};

/// The code in `import('data:text/javascript;base64,…')`.
pub(super) fn data_address<'a>(address: &Eval<'a>) -> Option<Eval<'a>> {
    let text = address.known()?.strip_prefix("data:")?;
    let (kind, data) = text.split_once(',')?;
    if !kind.contains("javascript") && !kind.contains("ecmascript") {
        return None;
    }
    if data.contains(HOLE) {
        return Some(Eval::partial(data).tainted(address.taint));
    }
    let (decoded, encoding) = if kind.contains("base64") {
        let bytes = packguard_sdk::decode::base64(data)?;
        (String::from_utf8_lossy(&bytes).into_owned(), "base64")
    } else {
        return Some(Eval::text(data).tainted(address.taint));
    };
    let layer = packguard_sdk::decode::Layer {
        encoding,
        text: packguard_sdk::text::cut(&decoded, 4_000).into(),
    };
    let taint = address.taint.with(Taint::DECODED);
    let code = Eval::text(decoded).tainted(taint);
    Some(code.layered(Some(Rc::new(vec![layer]))))
}

/// Whether a worker is given its code, not its file: `new Worker(code, { eval: true })`.
pub(super) fn runs_text(call: &Call<'_>) -> bool {
    let Some(Expression::ObjectExpression(options)) = call.argument(1) else {
        return false;
    };
    options.properties.iter().any(|property| match property {
        ObjectPropertyKind::ObjectProperty(one) => {
            one.key.is_specific_static_name("eval")
                && matches!(&one.value, Expression::BooleanLiteral(on) if on.value)
        }
        ObjectPropertyKind::SpreadProperty(_) => false,
    })
}
