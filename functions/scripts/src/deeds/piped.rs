//! What one function of a shell script prints and another sends.

use packguard_sdk::indicators::{Kind, scan};

use super::flow::{SENDERS, has};
use super::{Act, Deed};

/// A function prints secrets, another sends what it is given: `collect | deliver`.
pub fn acts(text: &str, found: &mut Vec<Act>) {
    if !text.contains("() {") && !text.contains("(){") {
        return;
    }
    let (mut prints, mut sends) = (None, None);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let lower = line.trim().to_ascii_lowercase();
        if line.len() > 4_096 || !line.starts_with([' ', '\t']) {
            continue;
        }
        let bare = matches!(lower.as_str(), "env" | "printenv" | "export -p");
        let shown = lower.starts_with("cat ") && !lower.contains(['>', '|'])
            || lower.starts_with("cat ") && lower.contains("2>/dev/null") && !lower.contains("| ");
        let secret = || {
            scan(line)
                .iter()
                .any(|one| one.kind == Kind::CredentialPath)
        };
        if bare || shown && secret() {
            prints = prints.or(Some(start));
        }
        let given = [
            "--post-file=-",
            "--post-file -",
            "@-",
            "-t -",
            "--upload-file -",
        ];
        if has(&lower, SENDERS) && has(&lower, &given) {
            sends = Some(start..at);
        }
    }
    if let (Some(prints), Some(sends)) = (prints, sends) {
        found.push(Act::plain(
            Deed::Upload,
            prints.min(sends.start)..sends.end.max(prints),
        ));
    }
}
