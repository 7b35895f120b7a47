//! Text that becomes code.

use oxc_ast::ast::Expression;
use packguard_sdk::indicators;
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use crate::acts::{Act, Kind, network};
use crate::context::{Context, hit, when};
use crate::value::{Eval, Taint, Value};

/// Decoded text that is run.
pub const DECODE_EVAL: Rule = Rule {
    id: "js-decode-eval",
    title: "Runs code that it decodes first",
    help: "A text that went through a decoder, decompressor or cipher is run as code (`eval`, `Function`, \
`vm`, `module._compile`).\n\nHonest packages ship code as code. Encoding hides it from readers and scanners.\n\n\
Read the decoded layers shown with the finding; do not install the package unless you know what they do.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027", "T1140", "T1059.007"],
};

/// Code in data.
pub const DATA_EVAL: Rule = Rule {
    id: "js-data-eval",
    title: "Runs code that stands in data",
    help: "What a picture, font, document, manifest or the file's own comments hold is read and run as \
code.\n\nHonest packages ship code in files of code.\n\nLook at what the data file holds; do not install the \
package unless you know why.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027.003", "T1027.009", "T1059.007"],
};

/// Downloaded text that is run.
pub const DOWNLOAD_EVAL: Rule = Rule {
    id: "js-download-eval",
    title: "Runs code that it downloads",
    help: "The answer of a request is run as code.\n\nWhoever controls the server decides what runs on your \
machine, today and later; nothing of it can be reviewed in the package.\n\nDo not install the package.",
    category: Category::CommandAndControl,
    severity: Severity::High,
    attack: &["T1105", "T1059.007"],
};

/// A sensitive module under a name that is put together.
pub const HIDDEN_MODULE: Rule = Rule {
    id: "js-hidden-module",
    title: "Hides the name of a sensitive module",
    help: "The name given to `require` or `import` is decoded or put together, and turns out to be a module \
that runs commands, talks to the network or evaluates code.\n\nHonest code writes module names out.\n\n\
Read what the module is used for.",
    category: Category::DefenseEvasion,
    severity: Severity::High,
    attack: &["T1027"],
};

/// A sensitive function under a name that is put together.
pub const HIDDEN_CALL: Rule = Rule {
    id: "js-hidden-call",
    title: "Hides the name of a sensitive function",
    help: "The name of a function that runs code or commands (`eval`, `Function`, `require`, `exec`) is put \
together or decoded where it is called.\n\nHonest code writes names out.\n\nRead what is called, and with what.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1027"],
};

/// Modules that matter when their name is hidden.
const SENSITIVE: &[&str] = &[
    "child_process",
    "http",
    "https",
    "net",
    "dns",
    "vm",
    "tls",
    "dgram",
    "axios",
    "node-fetch",
    "request",
];

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for act in context.of(Kind::Code) {
        code(context, act, hits);
    }
    for act in context.of(Kind::Spawn) {
        let Some(code) = inline_script(act) else {
            continue;
        };
        if code.taint.has(Taint::DECODED.with(Taint::UNESCAPED)) {
            let phase = context.phase_of(act);
            hits.push(
                hit(&DECODE_EVAL, act.span, phase)
                    .title(format!(
                        "Runs decoded code with {} {}",
                        act.api,
                        when(phase)
                    ))
                    .layers(code.layers())
                    .why("The code is not readable in the package: it is decoded first."),
            );
        }
    }
    names(context, hits);
}

/// The code in `spawn('node', ['-e', code])`.
pub fn inline_script<'c, 'a>(act: &'c Act<'a>) -> Option<&'c Eval<'a>> {
    let program = act.text.as_deref()?.split_whitespace().next()?;
    let name = program.rsplit(['/', '\\']).next()?;
    if !matches!(name, "node" | "node.exe" | "bun" | "deno") {
        return None;
    }
    let Value::List(items) = &act.arguments.get(1)?.value else {
        return None;
    };
    let flag = items.iter().position(|item| {
        item.known()
            .is_some_and(|text| matches!(text, "-e" | "--eval" | "-p" | "eval"))
    })?;
    items.get(flag + 1)
}

fn code<'a>(context: &Context<'_, 'a>, act: &Act<'a>, hits: &mut Vec<Hit>) {
    let phase = context.phase_of(act);
    let early = phase != Phase::Execute;
    let layers = code_of(act).map_or(&[][..], |code| code.layers());
    if act.taint.has(Taint::DOWNLOADED) {
        let (severity, from) = origin(context, early);
        hits.push(
            hit(&DOWNLOAD_EVAL, act.span, phase)
                .title(format!(
                    "Runs code downloaded from {from} with {} {}",
                    act.api,
                    when(phase)
                ))
                .severity(severity)
                .confidence(Confidence::Medium)
                .layers(layers)
                .why("The answer of a request reaches a function that runs code."),
        );
    } else if act.taint.has(Taint::OWN_TEXT.with(Taint::DATA_FILE)) {
        let severity = if early {
            Severity::High
        } else {
            Severity::Medium
        };
        hits.push(
            hit(&DATA_EVAL, act.span, phase)
                .title(format!("Runs what it reads from data with {} {}", act.api, when(phase)))
                .severity(severity)
                .confidence(Confidence::Medium)
                .why("What is run stands where nobody looks for code: in a picture, a document, a manifest or a comment."),
        );
    } else if act.taint.has(Taint::DECODED) {
        let severity = match (act.exact, act.taint.has(Taint::MIXED), early) {
            (true, _, false) => Severity::Medium,
            // Code generators put code together from many parts.
            (false, true, false) => Severity::Low,
            (false, true, true) if !holds_blob(context) => Severity::Medium,
            _ => Severity::High,
        };
        hits.push(
            hit(&DECODE_EVAL, act.span, phase)
                .title(format!(
                    "Runs decoded code with {} {}",
                    act.api,
                    when(phase)
                ))
                .severity(severity)
                .confidence(if act.exact {
                    Confidence::High
                } else {
                    Confidence::Medium
                })
                .layers(layers)
                .why("The code is not readable in the package: it is decoded first."),
        );
    } else if act.taint.has(Taint::UNESCAPED) {
        let severity = match (act.exact, early) {
            (true, true) => Severity::High,
            (true, false) => Severity::Medium,
            (false, true) if reads_data(context) => Severity::High,
            (false, _) => Severity::Low,
        };
        hits.push(
            hit(&DECODE_EVAL, act.span, phase)
                .title(format!("Runs code made of character codes with {}", act.api))
                .severity(severity)
                .confidence(Confidence::Medium)
                .layers(layers)
                .why("The code is not readable in the package: it is put together from character codes or escapes."),
        );
    } else if early
        && on_the_spot(context, act)
        && act.text.is_none()
        && act.taint == Taint::NONE
        && !act.api.starts_with("set")
        && context.text.len() <= SMALL
        && (holds_blob(context) || holds_numbers(context.text))
    {
        hits.push(
            hit(&DECODE_EVAL, act.span, phase)
                .title(format!("Runs code that is made of encoded data with {}", act.api))
                .confidence(Confidence::Medium)
                .why("A small file holds a long text or list of numbers, and runs what is not written out."),
        );
    }
}

/// Whether a call stands on the top level, or in functions that are called on the spot.
fn on_the_spot(context: &Context<'_, '_>, act: &Act<'_>) -> bool {
    let mut at = context.facts.calls[act.call as usize].function;
    while at != 0 {
        let function = &context.facts.functions[at as usize];
        if function.called_by.is_none() {
            return false;
        }
        at = function.parent;
    }
    true
}

/// Largest file that is small, in bytes.
const SMALL: usize = 64 << 10;

/// Whether a small file reads a picture or other data.
fn reads_data(context: &Context<'_, '_>) -> bool {
    context.text.len() <= SMALL
        && context
            .of(Kind::Read)
            .any(|act| act.text.as_deref().is_some_and(crate::sources::is_data))
}

/// Whether a text holds a long list of numbers.
fn holds_numbers(text: &str) -> bool {
    const MANY: usize = 60;
    let mut commas = 0;
    for byte in text.bytes() {
        match byte {
            b',' => commas += 1,
            b'0'..=b'9' | b'x' | b'a'..=b'f' | b' ' | b'\n' | b'\r' => {}
            _ => commas = 0,
        }
        if commas >= MANY {
            return true;
        }
    }
    false
}

/// Whether a small file holds a long text in an encoding: then that is what is decoded.
pub fn holds_blob(context: &Context<'_, '_>) -> bool {
    const LONG: usize = 160;
    let is_blob = |text: &str| {
        let encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
        // WebAssembly modules are shipped so.
        text.len() >= LONG && !text.starts_with("AGFzb") && text.bytes().all(encoded)
    };
    context.text.len() <= SMALL && context.facts.texts.iter().any(|(text, _)| is_blob(text))
}

/// How bad running a download is, by where this file's requests go. Module loaders
/// for browsers run what their caller's address gives.
fn origin(context: &Context<'_, '_>, early: bool) -> (Severity, String) {
    const BUNDLE: usize = 512 << 10;
    // Of what a bundle asks, little need be what it runs.
    let high = if context.text.len() > BUNDLE {
        Severity::Medium
    } else {
        Severity::High
    };
    let mut named = None;
    for act in context.of(Kind::Send) {
        let Some(address) = act.text.as_deref() else {
            continue;
        };
        let hostile = indicators::scan(address)
            .into_iter()
            .find(|found| super::download::is_hostile(found.kind));
        if let Some(found) = hostile {
            return (Severity::Critical, found.text);
        }
        if let Some(host) = network::host(address) {
            named.get_or_insert_with(|| host.to_owned());
        }
    }
    match named {
        Some(host) => (high, host),
        None if early => (Severity::High, "an address not written out".into()),
        None => (Severity::Low, "an address given by the caller".into()),
    }
}

/// The argument of a code act that is the code.
pub fn code_of<'c, 'a>(act: &'c Act<'a>) -> Option<&'c Eval<'a>> {
    if &*act.api == "Function" {
        act.arguments.last()
    } else {
        act.arguments.first()
    }
}

/// Names that are put together where they are used.
fn names(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    for call in &context.facts.calls {
        let Some(callee) = call.callee() else {
            continue;
        };
        let hidden_callee = matches!(callee, Expression::ComputedMemberExpression(member)
            if is_built(&member.expression));
        let hidden_argument = call.argument(0).is_some_and(is_built);
        if !hidden_callee && !hidden_argument {
            continue;
        }
        let mut evaluator = context.evaluator.borrow_mut();
        let target = evaluator.target(call);
        let api = target.api().to_owned();
        let phase = match context.phase {
            Phase::Install => Phase::Install,
            _ => Phase::Execute,
        };
        if hidden_argument
            && matches!(&*api, "require" | "import")
            && let Some(argument) = call.argument(0)
        {
            let value = evaluator.eval(argument, call.scope);
            let name = value.exact().unwrap_or_default();
            let bare = name.strip_prefix("node:").unwrap_or(&name);
            if bare.starts_with('.')
                && value.taint.has(Taint::DECODED)
                && !evaluator.shuffled
                && !argument_is_known(argument)
            {
                hits.push(
                    hit(&HIDDEN_MODULE, call.span(), phase)
                        .title(format!("Loads {bare} under a hidden name"))
                        .layers(value.layers())
                        .why("The file's name is decoded, so that a reader or scanner does not see what is loaded."),
                );
            }
            if SENSITIVE.contains(&bare) {
                let decoded = value.taint.has(Taint::DECODED.with(Taint::UNESCAPED));
                let concatenated = matches!(
                    argument,
                    Expression::BinaryExpression(_) | Expression::TemplateLiteral(_)
                );
                let severity = if evaluator.shuffled {
                    // The obfuscator hid all texts alike.
                    Severity::Low
                } else if decoded || !concatenated {
                    Severity::High
                } else {
                    Severity::Low
                };
                hits.push(
                    hit(&HIDDEN_MODULE, call.span(), phase)
                        .title(format!("Loads {bare} under a hidden name"))
                        .severity(severity)
                        .layers(value.layers())
                        .why("The module's name is decoded or put together, so that a reader or scanner does not see it."),
                );
            }
        }
        if hidden_callee && is_sensitive_call(&api) && !evaluator.shuffled {
            hits.push(
                hit(&HIDDEN_CALL, call.span(), phase)
                    .title(format!("Calls {api} under a hidden name"))
                    .why("The function's name is put together, so that a reader or scanner does not see it."),
            );
        }
    }
}

/// Whether an argument is written out.
fn argument_is_known(argument: &Expression<'_>) -> bool {
    matches!(argument, Expression::StringLiteral(_))
}

fn is_sensitive_call(api: &str) -> bool {
    matches!(api, "eval" | "Function" | "require") || crate::sources::is_process(api)
}

/// Whether an expression builds its text instead of writing it out.
fn is_built(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::BinaryExpression(_) | Expression::CallExpression(_) => true,
        Expression::TemplateLiteral(template) => !template.expressions.is_empty(),
        Expression::ComputedMemberExpression(_) => true,
        _ => false,
    }
}
