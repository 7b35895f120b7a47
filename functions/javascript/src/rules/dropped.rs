//! Data of the package that becomes a program: written to a file, and started.

use packguard_sdk::{Confidence, Hit, Phase, Severity};

use super::{download, execution, small, tampering};
use crate::acts::{Act, Kind};
use crate::context::{Context, hit, when};
use crate::value::{Eval, Taint};

/// Runs the family.
pub fn check(context: &Context<'_, '_>, hits: &mut Vec<Hit>) {
    let decoded: Vec<&Act<'_>> = context
        .of(Kind::Write)
        .filter(|act| data(act).is_some_and(|data| !data.layers().is_empty()))
        .collect();
    let unpacked: Vec<&Act<'_>> = context
        .of(Kind::Write)
        .filter(|act| data(act).is_some_and(is_unpacked))
        .collect();
    if decoded.is_empty() && unpacked.is_empty() {
        return;
    }
    for act in context.of(Kind::Spawn) {
        if let Some(write) = download::first_run(context, act, &decoded) {
            hits.push(decoded_file(context, act, write));
        } else if context.phase_of(act) != Phase::Execute
            && download::first_run(context, act, &unpacked).is_some()
        {
            let phase = context.phase_of(act);
            hits.push(
                hit(&small::BUNDLED_PROGRAM, act.span, phase)
                    .title(format!("Starts a program that it unpacks from its own files {}", when(phase)))
                    .confidence(Confidence::Medium)
                    .why("A file of the package is read, decompressed or deciphered, written elsewhere, and started."),
            );
        }
    }
}

fn data<'c, 'a>(write: &'c Act<'a>) -> Option<&'c Eval<'a>> {
    write.arguments.get(1)
}

/// Whether data was read from a file and went through a decoder, and nothing else.
fn is_unpacked(data: &Eval<'_>) -> bool {
    data.taint.has(Taint::DECODED)
        && data.taint.has(Taint::FILE.with(Taint::DATA_FILE))
        && !data.taint.has(Taint::DOWNLOADED.with(Taint::CREDENTIALS))
}

fn decoded_file<'a>(context: &Context<'_, 'a>, act: &Act<'a>, write: &Act<'a>) -> Hit {
    let phase = context.phase_of(act);
    let text = data(write).and_then(Eval::as_piece).unwrap_or_default();
    let layers = data(write).map_or(&[][..], Eval::layers);
    if tampering::dumps_memory(&text) {
        return hit(&tampering::MEMORY, act.span, phase)
            .title(format!("Runs a decoded script that reads another process's memory {}", when(phase)))
            .layers(layers)
            .why("The script is written to a file and started; it goes through the memory of the process that holds a build's secrets.");
    }
    // Tools that carry a helper program write and start it when they are asked to.
    let severity = match phase {
        Phase::Execute => Severity::Medium,
        _ => Severity::High,
    };
    hit(&execution::DECODE_EVAL, act.span, phase)
        .title(format!(
            "Writes decoded text to a file and starts it {}",
            when(phase)
        ))
        .severity(severity)
        .layers(layers)
        .why("What runs is not readable in the package: it is decoded first.")
}
