//! A progress bar on a terminal, for more than one package; nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a scan is.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(jobs: usize) -> Self {
        let bar = ProgressBar::new(jobs as u64);
        // indicatif draws on standard error, and only if that is a terminal.
        if jobs < 2 {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} packages, {elapsed} {wide_msg}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn done(&self, label: &str) {
        self.0.set_message(crate::output::line(label));
        self.0.inc(1);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
