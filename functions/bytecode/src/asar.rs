//! Archives of Electron: a JSON head with sizes and offsets, then the files. Their
//! scripts are searched for what hostile texts have in common.

use packguard_sdk::indicators::{self, Kind, ShellAct};
use packguard_sdk::{Analysis, Confidence, File, Severity, text};
use serde_json::Value;

use crate::read::{index, le32};
use crate::rules;

/// Largest archive that is read, in bytes.
const ARCHIVE_LIMIT: u64 = 256 << 20;
/// Largest head, in bytes.
const HEAD_LIMIT: usize = 32 << 20;
/// Most entries, and deepest folders.
const ENTRIES_LIMIT: usize = 100_000;
const DEPTH_LIMIT: usize = 64;
/// Largest script that is searched, in bytes.
const SCRIPT_LIMIT: usize = 8 << 20;
/// Bytes of scripts searched in one archive.
const SCRIPTS_LIMIT: usize = 64 << 20;

/// Whether a file is such an archive: by its head, four numbers.
pub(crate) fn is_archive(file: File<'_>, head: &[u8]) -> bool {
    let named = file.extension() == "asar";
    let (Some(4), Some(outer), Some(inner), Some(json)) =
        (le32(head, 0), le32(head, 4), le32(head, 8), le32(head, 12))
    else {
        return false;
    };
    // Each length holds the next one and what pads it.
    outer >= inner
        && outer - inner <= 8
        && inner >= json
        && inner - json <= 8
        && (named || json >= 16 && u64::from(outer) < file.size())
}

/// Looks at the scripts of an archive.
pub(crate) fn look(file: File<'_>, analysis: &mut Analysis) {
    let Some(bytes) = analysis.read(file, ARCHIVE_LIMIT) else {
        return;
    };
    let Some((tree, start)) = tree(&bytes) else {
        analysis.problem(file, "is an archive of Electron that can't be read");
        return;
    };
    let mut walk = Walk {
        file,
        bytes: &bytes,
        start,
        entries: 0,
        searched: 0,
        cut: false,
    };
    walk.folder(&tree, "", 0, analysis);
    if walk.cut {
        analysis.problem(
            file,
            "is an archive of Electron with more than is looked at",
        );
    }
}

fn tree(bytes: &[u8]) -> Option<(Value, usize)> {
    let size = index(le32(bytes, 12)?);
    if size > HEAD_LIMIT {
        return None;
    }
    let json = bytes.get(16..16_usize.checked_add(size)?)?;
    let start = 8_usize.checked_add(index(le32(bytes, 4)?))?;
    let tree: Value = serde_json::from_slice(json).ok()?;
    tree.get("files")?.as_object()?;
    Some((tree, start))
}

struct Walk<'a> {
    file: File<'a>,
    bytes: &'a [u8],
    start: usize,
    entries: usize,
    searched: usize,
    cut: bool,
}

impl Walk<'_> {
    fn folder(&mut self, tree: &Value, path: &str, depth: usize, analysis: &mut Analysis) {
        let Some(files) = tree.get("files").and_then(Value::as_object) else {
            return;
        };
        for (name, entry) in files {
            self.entries += 1;
            if depth >= DEPTH_LIMIT || self.entries > ENTRIES_LIMIT {
                self.cut = true;
                return;
            }
            let path = format!("{path}/{name}");
            if entry.get("files").is_some() {
                self.folder(entry, &path, depth + 1, analysis);
            } else {
                self.entry(entry, &path, analysis);
            }
        }
    }

    fn entry(&mut self, entry: &Value, path: &str, analysis: &mut Analysis) {
        let lower = path.to_ascii_lowercase();
        let script = [
            ".js", ".cjs", ".mjs", ".json", ".html", ".sh", ".ps1", ".bat",
        ];
        // Libraries in it are those of the registry, and far too many.
        if !script.iter().any(|end| lower.ends_with(end)) {
            return;
        }
        let offset = entry.get("offset").and_then(Value::as_str);
        let offset = offset.and_then(|offset| offset.parse::<usize>().ok());
        let size = entry.get("size").and_then(Value::as_u64);
        let Some((offset, size)) = offset.zip(size.and_then(|size| usize::try_from(size).ok()))
        else {
            return;
        };
        if size > SCRIPT_LIMIT || self.searched + size > SCRIPTS_LIMIT {
            self.cut = true;
            return;
        }
        self.searched += size;
        let content = self
            .start
            .checked_add(offset)
            .and_then(|from| self.bytes.get(from..from.checked_add(size)?));
        if let Some(content) = content {
            search(self.file, path, &text::decode(content), analysis);
        }
    }
}

/// Deeds that no application's script needs, and hosts that tell beside a process.
fn search(file: File<'_>, path: &str, text: &str, analysis: &mut Analysis) {
    let runs = text.contains("child_process");
    let hostile = if runs { hostile_command(text) } else { None };
    let place = indicators::scan(text).into_iter().find(|one| {
        matches!(one.kind, Kind::Webhook | Kind::OutOfBand | Kind::PublicIp)
            || one.kind == Kind::ChatApi && text.contains("/api/webhooks/")
    });
    let (severity, what) = match (hostile, place) {
        (Some(command), _) => (Severity::High, text::cut(command, 200).to_owned()),
        (None, Some(place)) if runs => (Severity::Medium, place.text),
        _ => return,
    };
    let finding = rules::ARCHIVED_SCRIPT
        .at_file(file, Confidence::Medium)
        .severity(severity)
        .title(format!("{}: {path}", rules::ARCHIVED_SCRIPT.title))
        .decoded("asar", &what);
    analysis.push(finding);
}

/// A quoted text that is a hostile command.
fn hostile_command(text: &str) -> Option<&str> {
    const WORDS: &[&str] = &[
        "curl",
        "wget",
        "powershell",
        "base64",
        "/dev/tcp",
        "nc ",
        "mshta",
    ];
    text.split(['"', '\'', '`'])
        .filter(|quoted| quoted.len() > 8 && WORDS.iter().any(|word| quoted.contains(word)))
        .find(|quoted| {
            indicators::shell(quoted).iter().any(|one| {
                matches!(
                    one.act,
                    ShellAct::ReverseShell | ShellAct::DownloadAndRun | ShellAct::DecodeAndRun
                )
            })
        })
}
