//! Deeds that are told by what stands together in one small file, where no flow from one
//! to the other can be followed.

use oxc_ast::ast::Expression;
use packguard_sdk::indicators::{self, Kind as Indicator, ShellAct};
use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::exfiltration;
use crate::acts::{Act, Kind, network};
use crate::collect::{CallNode, FunctionIx};
use crate::context::{Context, hit, when};
use crate::value::{HOLE, Value};

/// Files made unreadable for their owner.
pub const RANSOM: Rule = Rule {
    id: "js-ransom",
    title: "Encrypts the user's files",
    help: "A small file goes through folders, encrypts what it finds, removes the originals, and knows kinds of \
documents or asks for money.\n\nDo not install the package.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1486"],
};

/// Deletes or overwrites, but only for some.
pub const SABOTAGE: Rule = Rule {
    id: "js-sabotage",
    title: "Deletes or overwrites files under a condition",
    help: "When loaded, the code deletes folders if the machine's language, time zone or date is a certain one, or \
writes the same text over every file that it finds.\n\nThat is how protest and logic bombs look.\n\n\
Do not install the package.",
    category: Category::Impact,
    severity: Severity::High,
    attack: &["T1485", "T1480"],
};

/// Longest file that is looked at as a whole, in bytes.
pub const SMALL: usize = 40_000;

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    if context.text.len() > SMALL {
        return;
    }
    ransom(context, hits);
    guarded(context, hits);
    overwritten(context, hits);
    recon(context, hits);
}

/// Whether an act reaches a host that is not the package's.
pub fn is_foreign(context: &Context<'_, '_>, act: &Act<'_>) -> bool {
    let address = act.text.as_deref().unwrap_or_default();
    network::host(address).is_some_and(|host| {
        !context.own.is_home(host) && host != "localhost" && !host.starts_with("127.")
    })
}

/// Whether a text of the file has any of the words, in lower case.
pub fn has_text(context: &Context<'_, '_>, words: &[&str]) -> bool {
    let mut texts = context.facts.texts.iter();
    texts.any(|(text, _)| {
        let text = text.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    })
}

fn calls<'a>(context: &Context<'_, 'a>, api: &[&str]) -> Option<(FunctionIx, oxc_span::Span)> {
    let mut evaluator = context.evaluator.borrow_mut();
    context.facts.calls.iter().find_map(|call| {
        let path = evaluator.target(call).path?;
        api.contains(&&*path).then(|| (call.function, call.span()))
    })
}

const LISTS_FOLDER: &[&str] = &[
    "fs.readdirSync",
    "fs.readdir",
    "fs.promises.readdir",
    "fs.opendirSync",
    "fs.promises.opendir",
    "glob.sync",
    "glob.globSync",
    "glob",
];

fn ransom(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const DOCUMENTS: &[&str] = &[
        ".doc", ".docx", ".xls", ".xlsx", ".pdf", ".jpg", ".ppt", ".pptx", ".odt", ".mp4",
    ];
    const CIPHERS: &[&str] = &[
        "crypto.createCipheriv",
        "crypto.createCipher",
        "crypto.publicEncrypt",
        "crypto-js.AES.encrypt",
        "crypto.subtle.encrypt",
    ];
    let (Some(write), Some(_)) = (
        context.of(Kind::Write).next(),
        context.acts.iter().find(|act| {
            act.kind == Kind::Delete || act.api.contains("rename") || act.kind == Kind::Write
        }),
    ) else {
        return;
    };
    let texts = || {
        context
            .facts
            .texts
            .iter()
            .map(|(text, _)| text.to_ascii_lowercase())
    };
    let documents = DOCUMENTS
        .iter()
        .filter(|end| texts().any(|text| text == **end || text == end[1..]))
        .count();
    let note = texts().any(|text| {
        (text.contains("encrypted") || text.contains("decrypt"))
            && ["bitcoin", "btc", "ransom", "monero", "xmr", "wallet"]
                .iter()
                .any(|word| text.contains(word))
    });
    let removes = context
        .acts
        .iter()
        .any(|act| act.kind == Kind::Delete || act.api.contains("rename"));
    if !(note || documents >= 4 && removes)
        || calls(context, LISTS_FOLDER).is_none()
        || calls(context, CIPHERS).is_none()
    {
        return;
    }
    let phase = context.phase_of(write);
    hits.push(
        hit(&RANSOM, write.span, phase)
            .title(format!(
                "Encrypts files that it finds in folders {}",
                when(phase)
            ))
            .why(
                "It goes through folders, encrypts, writes, and knows documents or asks for money.",
            ),
    );
}

/// Whether an act deletes folders with all that is in them.
pub fn deletes_all<'a>(context: &Context<'_, 'a>, act: &Act<'a>) -> bool {
    match act.kind {
        Kind::Delete => {
            let all = ["rimraf", "del", "fs.remove", "fs.emptyDir"];
            all.iter().any(|api| act.api.starts_with(api)) || {
                let option = act.option(&mut context.evaluator.borrow_mut(), "recursive");
                matches!(option.map(|value| value.value), Some(Value::Boolean(true)))
            }
        }
        Kind::Spawn => act.text.as_deref().is_some_and(|text| {
            let text = text.to_ascii_lowercase();
            [
                "rm -rf", "rm -fr", "rm -r ", "rd /s", "rmdir /s", "del /s", "del /f", "format c",
            ]
            .iter()
            .any(|command| text.contains(command))
        }),
        _ => false,
    }
}

fn guarded(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let place = context.text.contains(".resolvedOptions()")
        && (context.text.contains(".timeZone") || context.text.contains(".locale"));
    let date = context.facts.calls.iter().any(|call| {
        matches!(call.node, CallNode::New(_))
            && matches!(call.callee(), Some(Expression::Identifier(name)) if name.name == "Date")
            && matches!(
                call.argument(0),
                Some(Expression::StringLiteral(_) | Expression::NumericLiteral(_))
            )
    }) && (context.text.contains("new Date()") || context.text.contains("Date.now()"));
    if !place && !date {
        return;
    }
    for act in context.acts {
        let phase = context.phase_of(act);
        let spread = place
            && act.kind == Kind::Spawn
            && act.text.is_none()
            && (has_text(context, &["rd /s", "rmdir /s"]) || has_text(context, &["-rf"]));
        if act.loaded && phase != Phase::Execute && (spread || deletes_all(context, act)) {
            let (confidence, what) = if place {
                (Confidence::High, "in some places")
            } else {
                (Confidence::Medium, "from some day on")
            };
            hits.push(
                hit(&SABOTAGE, act.span, phase)
                    .confidence(confidence)
                    .title(format!("Deletes folders {what} {}", when(phase)))
                    .why("The same small file looks at language, time zone or date."),
            );
            return;
        }
    }
}

/// A function that calls itself, lists folders, and writes one constant into what it finds.
fn overwritten(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const LONGEST: usize = 400;
    let facts = context.facts;
    let mut evaluator = context.evaluator.borrow_mut();
    let mut lists = Vec::new();
    let mut recursive = Vec::new();
    for call in &facts.calls {
        let target = evaluator.target(call);
        if LISTS_FOLDER.contains(&target.api()) {
            lists.push(call.function);
        }
        if let Some(function) = target.function
            && facts.within(call.function, function)
        {
            recursive.push(function);
        }
    }
    for act in context.of(Kind::Write) {
        let call = &facts.calls[act.call as usize];
        let constant = act.arguments.get(1).and_then(|data| data.exact());
        let named = act
            .text
            .as_deref()
            .is_some_and(|path| !path.ends_with(HOLE));
        let walks = recursive.iter().any(|function| {
            *function != 0
                && facts.within(call.function, *function)
                && lists.iter().any(|list| facts.within(*list, *function))
        });
        if walks
            && !named
            && act.api.contains("writeFile")
            && constant.is_some_and(|text| text.len() <= LONGEST)
        {
            let phase = context.phase_of(act);
            hits.push(
                hit(&SABOTAGE, act.span, phase)
                    .title(format!(
                        "Writes the same text over all files it finds {}",
                        when(phase)
                    ))
                    .why("A function goes through folders and replaces what each file holds."),
            );
            return;
        }
    }
}

/// Commands that tell about machine and accounts, and a request to somebody.
fn recon(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    const MANY: usize = 3;
    let Some(sender) = context
        .of(Kind::Send)
        .find(|act| act.loaded && is_foreign(context, act))
    else {
        return;
    };
    let phase = context.phase_of(sender);
    if phase == Phase::Execute || context.of(Kind::Spawn).next().is_none() {
        return;
    }
    let mut known: Vec<String> = Vec::new();
    let spawned = context
        .of(Kind::Spawn)
        .filter_map(|act| act.text.as_deref());
    let texts = context.facts.texts.iter().map(|(text, _)| *text);
    for text in spawned.chain(texts).filter(|text| text.len() < 4_000) {
        for line in text.lines() {
            if is_recon(line) && !known.iter().any(|have| have == line) {
                known.push(line.to_owned());
            }
        }
    }
    if known.len() < MANY {
        return;
    }
    hits.push(
        hit(&exfiltration::HOST, sender.span, phase)
            .title(format!(
                "Runs {} commands that tell about the machine, and sends a request {}",
                known.len(),
                when(phase)
            ))
            .why("What the commands say is what such requests carry."),
    );
}

fn is_recon(command: &str) -> bool {
    const COMMANDS: &[&str] = &[
        "whoami",
        "id",
        "uname",
        "ifconfig",
        "ipconfig",
        "ip a",
        "ip addr",
        "netstat",
        "systeminfo",
        "net user",
        "net view",
        "net localgroup",
        "arp",
        "ps aux",
        "ps -ef",
        "tasklist",
        "sudo -n",
        "cat /etc/hosts",
        "cat /etc/passwd",
        "wmic",
        "hostname",
        "lscpu",
        "lsblk",
        "env",
        "printenv",
    ];
    let command = command.trim();
    COMMANDS.iter().any(|known| {
        command == *known
            || command.strip_prefix(known).is_some_and(|rest| {
                rest.starts_with(" -") || rest.starts_with(" /") || known.contains(' ')
            })
    }) || indicators::shell(command)
        .iter()
        .any(|found| found.act == ShellAct::Recon)
}

/// Whether an address names a chat's or webhook's own key, written out.
pub fn is_written_out(address: &str) -> bool {
    !address.contains(HOLE)
        && indicators::scan(address)
            .iter()
            .any(|found| matches!(found.kind, Indicator::ChatApi | Indicator::Webhook))
}
