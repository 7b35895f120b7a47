//! Code made unreadable on purpose.

use oxc_ast::ast::Expression;
use oxc_span::Span;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind};
use crate::collect::{Call, CallIx, CallNode, Facts, Origin};
use crate::context::{Context, hit};
use crate::eval::calls::unpacked;
use crate::value::Taint;
use packguard_sdk::decode::Layer;

/// obfuscator.io's string array.
pub const STRING_ARRAY: Rule = Rule {
    id: "js-obfuscated-string-array",
    title: "Hides its texts in a shuffled array",
    help: "All texts of the code stand in one array that is rotated when the code starts, and are fetched by \
number: the work of an obfuscator (obfuscator.io and its kin).\n\nMinifiers don't do that. Obfuscation has few \
honest uses in open source.\n\nDo not install the package unless you know why its authors hide the code.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1027"],
};

/// `_0x1a2b` names.
pub const MANGLED_NAMES: Rule = Rule {
    id: "js-mangled-names",
    title: "Uses an obfuscator's names",
    help: "Names such as `_0x1a2b3c` are what obfuscators make; minifiers make short ones.\n\nBy itself it says \
only that the code was meant to be unreadable.",
    category: Category::DefenseEvasion,
    severity: Severity::Low,
    attack: &["T1027"],
};

/// Dean Edwards' packer.
pub const PACKED: Rule = Rule {
    id: "js-packed",
    title: "Unpacks its code and runs it",
    help: "The code is packed (`eval(function(p,a,c,k,e,d)…`), put together when it starts, and run.\n\nOld \
browser plugins were packed to be small; in a package today it hides code.\n\nRead the unpacked text shown with \
the finding.",
    category: Category::DefenseEvasion,
    severity: Severity::Low,
    attack: &["T1027.002"],
};

/// A program or script inside a text.
pub const HIDDEN_PAYLOAD: Rule = Rule {
    id: "js-hidden-payload",
    title: "Carries a hidden program or script",
    help: "A decoded constant turns out to be an executable, or a script.\n\nHonest packages ship programs as \
files.\n\nRead the decoded layers shown with the finding.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1027.009"],
};

/// Letters that look like others.
pub const HOMOGLYPH: Rule = Rule {
    id: "js-homoglyph-name",
    title: "Uses a name with letters that look like others",
    help: "A name mixes Latin letters with Cyrillic or Greek ones that look the same, or has letters nobody \
sees.\n\nTwo names then look like one, and code does not do what it seems to.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1036"],
};

/// Mangled names that make a file an obfuscator's work.
const MANGLED: usize = 12;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let array = string_array(context, hits);
    if !array {
        mangled(context, hits);
    }
    packed(context, hits);
    payloads(context, hits);
    homoglyphs(context, hits);
}

/// An array of texts, and a loop that rotates it: `a.push(a.shift())` beside
/// `parseInt` of decoded texts, or in a function that is called on the spot.
fn string_array(context: &Context<'_, '_>, hits: &mut Vec<Hit>) -> bool {
    let Some(rotation) = rotation(context.facts) else {
        return false;
    };
    let phase = phase(context);
    let severity = match phase {
        Phase::Install => Severity::High,
        // What the code does then tells whether it hides something: makers of closed
        // software hide theirs too.
        Phase::Import if acts_on_machine(context) => Severity::High,
        _ => Severity::Medium,
    };
    let rotation = context.facts.calls[rotation.0 as usize];
    hits.push(
        hit(&STRING_ARRAY, rotation.span(), phase)
            .severity(severity)
            .why("An array of texts is rotated when the code starts, and its texts are fetched by number."),
    );
    true
}

/// Whether the code does what hidden code in a package is there for: starts processes,
/// runs code that is not written out, talks to a host, loads what cannot be read.
fn acts_on_machine(context: &Context<'_, '_>) -> bool {
    context.acts.iter().any(|act| match act.kind {
        Kind::Spawn | Kind::Capture => true,
        Kind::Code | Kind::Load => !act.exact,
        Kind::Send => act.exact || act.text.is_none() && !is_callers_address(context, act),
        Kind::Read => act
            .text
            .as_deref()
            .is_some_and(crate::sources::is_credential_path),
        _ => false,
    })
}

/// Whether a request goes where the caller says: `load(url) { return fetch(url) }`, and
/// nothing in the file calls it or says what else is sent.
fn is_callers_address<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> bool {
    let call = context.facts.calls[act.call as usize];
    let Some(Expression::Identifier(name)) = call.argument(0) else {
        return false;
    };
    let Some(symbol) = context.facts.reference(name, call.scope) else {
        return false;
    };
    let definitions = &context.facts.symbols[symbol as usize].definitions;
    let parameter = matches!(&definitions[..], [only] if matches!(only.origin,
    Origin::Parameter(function, _) if {
        let fact = &context.facts.functions[function as usize];
        let named = fact.symbol.is_some_and(|own| {
            !context.facts.symbols[own as usize].calls.is_empty()
        });
        !named
            && fact.called_by.is_none()
            && fact.callback_of.is_none()
            && fact.method_calls.is_empty()
    }));
    parameter && !act.loaded && act.taint == Taint::NONE
}

/// The call that turns a shuffled array of texts, and the call of the function on the
/// spot that does so as the code starts.
pub fn rotation(facts: &Facts<'_>) -> Option<(CallIx, CallIx)> {
    if !facts.arrays.iter().any(|(texts, ..)| *texts >= 4) {
        return None;
    }
    let (at, turn) = (0_u32..)
        .zip(&facts.calls)
        .find(|(_, call)| is_rotation(call))?;
    let mut function = turn.function;
    let starter = loop {
        let fact = &facts.functions[function as usize];
        if let Some(call) = fact.called_by {
            break call;
        }
        if function == 0 {
            return None;
        }
        function = fact.parent;
    };
    let parses = facts
        .calls
        .iter()
        .filter(|call| {
            facts.within(call.function, turn.function)
                && matches!(call.callee(), Some(Expression::Identifier(name)) if name.name == "parseInt")
        })
        .count();
    let fetched = numbered_calls(facts);
    (fetched >= 3 && (parses >= 3 || mangled_names(facts).0 >= MANGLED)).then_some((at, starter))
}

fn phase(context: &Context<'_, '_>) -> Phase {
    match context.phase {
        Phase::Unknown => Phase::Execute,
        phase => phase,
    }
}

/// `a.push(a.shift())`, whichever way the members are written.
fn is_rotation(call: &Call<'_>) -> bool {
    let Some((list, "push")) = call.callee().and_then(method) else {
        return false;
    };
    let Some(Expression::CallExpression(inner)) = call.argument(0) else {
        return false;
    };
    matches!(method(&inner.callee), Some((same, "shift")) if same == list)
}

fn method<'a>(callee: &'a Expression<'a>) -> Option<(&'a str, &'a str)> {
    match callee {
        Expression::StaticMemberExpression(member) => match &member.object {
            Expression::Identifier(name) => {
                Some((name.name.as_str(), member.property.name.as_str()))
            }
            _ => None,
        },
        Expression::ComputedMemberExpression(member) => {
            match (&member.object, &member.expression) {
                (Expression::Identifier(name), Expression::StringLiteral(text)) => {
                    Some((name.name.as_str(), text.value.as_str()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Calls `f(0x1a2)` of plain names with a number first: fetches from the array.
fn numbered_calls(facts: &Facts<'_>) -> usize {
    facts
        .calls
        .iter()
        .filter(|call| {
            matches!(call.callee(), Some(Expression::Identifier(_)))
                && call.argument(0).is_some_and(|argument| match argument {
                    Expression::NumericLiteral(_) => true,
                    Expression::StringLiteral(text) => text.value.starts_with("0x"),
                    Expression::UnaryExpression(_) | Expression::BinaryExpression(_) => true,
                    _ => false,
                })
        })
        .count()
}

/// How many bindings have an obfuscator's name, and where the first is.
fn mangled_names(facts: &Facts<'_>) -> (usize, Span) {
    let mut mangled = facts
        .symbols
        .iter()
        .filter(|symbol| is_mangled(symbol.name));
    let Some(first) = mangled.next() else {
        return (0, Span::new(0, 0));
    };
    let length = u32::try_from(first.name.len()).unwrap_or(0);
    (
        1 + mangled.count(),
        Span::new(first.start, first.start + length),
    )
}

fn is_mangled(name: &str) -> bool {
    name.strip_prefix("_0x").is_some_and(|digits| {
        digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn mangled(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let (count, first) = mangled_names(context.facts);
    if count < MANGLED {
        return;
    }
    let phase = phase(context);
    let severity = match phase {
        Phase::Install => Severity::High,
        Phase::Import => Severity::Medium,
        _ => Severity::Low,
    };
    hits.push(
        hit(&MANGLED_NAMES, first, phase)
            .title(format!("{count} names are an obfuscator's"))
            .severity(severity)
            .why("The code was made unreadable on purpose."),
    );
}

/// `eval(function(p,a,c,k,e,d){…}(…))`.
fn packed(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Code) {
        let call = context.facts.calls[act.call as usize];
        let Some(argument @ Expression::CallExpression(inner)) = call.argument(0) else {
            continue;
        };
        let Expression::FunctionExpression(function) = &inner.callee else {
            continue;
        };
        if !(4..=6).contains(&function.params.items.len()) {
            continue;
        }
        let packed = Call {
            node: CallNode::Call(inner),
            scope: call.scope,
            function: call.function,
        };
        let mut evaluator = context.evaluator.borrow_mut();
        let target = evaluator.target(&packed);
        let arguments = evaluator.arguments(&packed, &target);
        let Some(text) = unpacked(&arguments) else {
            continue;
        };
        let phase = context.phase_of(act);
        let severity = match phase {
            Phase::Install => Severity::High,
            _ => Severity::Low,
        };
        let mut hit = hit(&PACKED, crate::collect::span_of(argument), phase)
            .severity(severity)
            .why("The code is not readable in the package: it is unpacked first.");
        hit.layers.push(Layer {
            encoding: "packer",
            text: text.into(),
        });
        hits.push(hit);
    }
}

/// Constants that decode to programs, wherever they go.
fn payloads(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Write) {
        let Some(data) = act.arguments.get(1) else {
            continue;
        };
        let Some(layers) = &data.layers else { continue };
        let program = match &data.value {
            crate::value::Value::Bytes(bytes) => is_program(bytes),
            _ => data.known().is_some_and(|text| text.starts_with("#!")),
        };
        if program {
            let phase = context.phase_of(act);
            let severity = if phase == Phase::Execute {
                Severity::Medium
            } else {
                Severity::High
            };
            hits.push(
                hit(&HIDDEN_PAYLOAD, act.span, phase)
                    .title("Writes a program that it decodes from a text")
                    .severity(severity)
                    .layers(layers)
                    .why("Honest packages ship programs as files."),
            );
        }
    }
}

fn is_program(bytes: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"\x7FELF",
        b"MZ",
        b"\xCF\xFA\xED\xFE",
        b"\xCE\xFA\xED\xFE",
        b"\xCA\xFE\xBA\xBE",
        b"#!",
    ];
    STARTS.iter().any(|start| bytes.starts_with(start))
}

fn homoglyphs(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for (name, span) in context.facts.odd_names.iter().take(1_000) {
        let latin = name.chars().any(|letter| letter.is_ascii_alphabetic());
        let twin = name.chars().any(is_twin);
        let unseen = name.chars().any(|letter| {
            matches!(
                letter,
                '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{200C}' | '\u{200D}'
            )
        });
        if !(latin && twin || unseen) {
            continue;
        }
        // Joiners are part of names in some scripts, and in tests of engines.
        let joiners = !name
            .chars()
            .any(|letter| "\u{115F}\u{1160}\u{3164}\u{FFA0}".contains(letter));
        let severity = if unseen && joiners {
            Severity::Low
        } else if unseen {
            Severity::High
        } else {
            Severity::Medium
        };
        hits.push(
            hit(&HOMOGLYPH, *span, phase(context))
                .title(format!(
                    "The name {name:?} has letters that look like others"
                ))
                .severity(severity)
                .confidence(Confidence::Medium)
                .why("Two names can look like one; code then does not do what it seems to."),
        );
        return;
    }
}

/// Cyrillic and Greek letters that look like Latin ones.
fn is_twin(letter: char) -> bool {
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТУХІЈЅοανιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ".contains(letter)
}
