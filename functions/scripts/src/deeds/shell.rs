//! Shell and batch text: the acts that the SDK tells, and where they come together.

use packguard_sdk::indicators::{ShellAct, shell};

use super::{Act, Deed};

/// The acts of a shell or batch text.
pub fn acts(text: &str) -> Vec<Act> {
    shell(text)
        .into_iter()
        .map(|found| Act {
            decoded: found.decoded,
            ..Act::new(deed(found.act), found.range)
        })
        .collect()
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
