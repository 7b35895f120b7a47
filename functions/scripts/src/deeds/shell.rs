//! Shell and batch text: the acts that the SDK tells, and where they come together.

use std::ops::Range;

use packguard_sdk::indicators::{ShellAct, shell};

use super::{Act, Deed, line_around};

/// The acts of a shell or batch text.
pub fn acts(text: &str) -> Vec<Act> {
    shell(text)
        .into_iter()
        .map(|found| {
            let act = if found.act == ShellAct::Download && starts(text, &found.range) {
                Deed::DownloadRun
            } else {
                deed(found.act)
            };
            Act {
                decoded: found.decoded,
                ..Act::new(act, found.range)
            }
        })
        .collect()
}

/// Whether a line starts what a one-liner before it wrote: `python -c "…'.d'…" && ./.d`.
fn starts(text: &str, fetch: &Range<usize>) -> bool {
    let line = line_around(text, fetch.start);
    let (Some(code), Some(rest)) = (
        text.get(fetch.clone()),
        text.get(fetch.end..line.end.max(fetch.end)),
    ) else {
        return false;
    };
    code.contains(" -c ")
        && rest.split_whitespace().any(|word| {
            word.strip_prefix("./").is_some_and(|name| {
                name.len() >= 2
                    && ["'", "\""].iter().any(|quote| {
                        code.contains(&format!("{quote}{name}{quote}"))
                            || code.contains(&format!("{quote}./{name}{quote}"))
                    })
            })
        })
}

/// A batch file gives PowerShell an encoded command that it reads from elsewhere: from a
/// variable (`-enc %x%`).
pub fn encoded(text: &str) -> Vec<Act> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in lower.match_indices("powershell").take(50) {
        let range = line_around(&lower, at);
        let words: Vec<&str> = lower[at..range.end].split_whitespace().collect();
        let given = words.windows(2).any(|pair| {
            let flag = pair[0].trim_start_matches(['-', '/']);
            let is_flag = flag.len() < pair[0].len()
                && (flag == "ec" || !flag.is_empty() && "encodedcommand".starts_with(flag));
            is_flag && pair[1].trim_matches('"').starts_with(['%', '!'])
        });
        if given {
            found.push(Act::new(Deed::DecodeRun, range));
        }
    }
    found
}

/// The deed that an act is.
pub fn deed(act: ShellAct) -> Deed {
    match act {
        ShellAct::DownloadAndRun => Deed::DownloadRun,
        ShellAct::Download => Deed::Download,
        ShellAct::Upload => Deed::Upload,
        ShellAct::ReverseShell => Deed::ReverseShell,
        ShellAct::DecodeAndRun => Deed::DecodeRun,
        ShellAct::Hidden => Deed::Hidden,
        ShellAct::Recon => Deed::Recon,
        ShellAct::Persist => Deed::Persist,
        ShellAct::Destroy => Deed::Destroy,
    }
}
