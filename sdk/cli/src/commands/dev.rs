//! `sdk dev`: build and test on every save.
//!
//! The runtime stays, so that a change costs a build, the compilation of one component and the
//! samples.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::event::EventKind;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::test;
use crate::build::{self, NOT_SOURCES, Options};
use crate::failure::{self, Failure, environment};
use crate::lab::Lab;
use crate::print;
use crate::project::Project;

/// How long a save may take: editors write, rename and set times one after the other.
const SETTLE: Duration = Duration::from_millis(20);

pub(super) async fn run(cancel: &CancellationToken) -> Result<u8, Failure> {
    let root = Project::here()?.root;
    let (sender, mut events) = unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // Nobody listens any more when the command ends.
        let _ = sender.send(event);
    })
    .map_err(|error| watching(&error))?;
    watch(&mut watcher, &root)?;
    let mut lab = None;
    let mut saved = SystemTime::now();
    loop {
        tokio::select! {
            done = round(&root, &mut lab, cancel) => say(done, saved)?,
            () = cancel.cancelled() => return Ok(0),
        }
        print::text("watching; Ctrl-C ends\n")?;
        tokio::select! {
            when = change(&root, &mut events, &mut watcher) => saved = when?,
            () = cancel.cancelled() => return Ok(0),
        }
    }
}

/// Watches the sources and samples, and not what builds write.
fn watch(watcher: &mut RecommendedWatcher, root: &Path) -> Result<(), Failure> {
    watcher
        .watch(root, RecursiveMode::NonRecursive)
        .map_err(|error| watching(&error))?;
    let entries = std::fs::read_dir(root).map_err(failure::at(root))?;
    for entry in entries {
        let path = entry.map_err(failure::at(root))?.path();
        if path.is_dir() && is_watched(root, &path) {
            watcher
                .watch(&path, RecursiveMode::Recursive)
                .map_err(|error| watching(&error))?;
        }
    }
    Ok(())
}

fn watching(error: &notify::Error) -> Failure {
    environment(
        format!("the project can't be watched: {error}"),
        "raise fs.inotify.max_user_watches if it is a limit",
    )
}

/// Builds and tests once. The manifest is read anew each time: it is one of the sources.
async fn round(
    root: &Path,
    lab: &mut Option<Lab>,
    cancel: &CancellationToken,
) -> Result<test::Results, Failure> {
    let project = Project::around(root)?;
    let path = build::build(&project, Options::default()).await?;
    let lab = match lab {
        Some(lab) => lab,
        None => lab.insert(Lab::new().await?),
    };
    let analyzer = lab.load(&path).await?;
    test::samples(lab, &project, &analyzer, false, cancel).await
}

/// Says how a round ended. What is wrong with the project is no reason to stop watching.
fn say(done: Result<test::Results, Failure>, saved: SystemTime) -> Result<(), Failure> {
    let time = SystemTime::now().duration_since(saved).unwrap_or_default();
    let time = print::time(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    match done {
        Ok(results) => {
            print::text(&results.text())?;
            print::text(&format!("{}; {time} after the save\n", results.summary()))
        }
        Err(failure) => {
            failure::say(&failure);
            print::text(&format!("failed; {time} after the save\n"))
        }
    }
}

/// Waits for the next save, and says when it was.
async fn change(
    root: &Path,
    events: &mut UnboundedReceiver<notify::Result<Event>>,
    watcher: &mut RecommendedWatcher,
) -> Result<SystemTime, Failure> {
    let mut changed = loop {
        let Some(event) = events.recv().await else {
            return Err(environment("watching ended", "start it again"));
        };
        let paths = relevant(root, event.map_err(|error| watching(&error))?);
        if !paths.is_empty() {
            break paths;
        }
    };
    tokio::time::sleep(SETTLE).await;
    while let Ok(event) = events.try_recv() {
        changed.extend(relevant(root, event.map_err(|error| watching(&error))?));
    }
    // A folder that is new has to be watched too.
    if changed.iter().any(|path| path.is_dir()) {
        watch(watcher, root)?;
    }
    let times = changed.iter().filter_map(|path| {
        std::fs::metadata(path)
            .and_then(|found| found.modified())
            .ok()
    });
    let now = SystemTime::now();
    // A file that was moved here is older than its save.
    let recent = |time: &SystemTime| {
        now.duration_since(*time)
            .is_ok_and(|age| age < Duration::from_secs(1))
    };
    Ok(times.filter(recent).max().unwrap_or(now))
}

/// The sources and samples among what changed.
fn relevant(root: &Path, event: Event) -> Vec<PathBuf> {
    if matches!(event.kind, EventKind::Access(_)) {
        return Vec::new();
    }
    let mut paths = event.paths;
    paths.retain(|path| is_watched(root, path));
    paths
}

/// Whether a change of `path` is a change of the project. Builds write lock files, editors
/// hidden ones.
fn is_watched(root: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else {
        return false;
    };
    let name = inside.file_name().unwrap_or_default().to_string_lossy();
    let built = |folder: &str| folder != "samples" && NOT_SOURCES.contains(&folder);
    !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with('~')
        && !matches!(&*name, "Cargo.lock" | "package-lock.json")
        && !inside.iter().any(|part| part.to_str().is_some_and(built))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_and_editors_write_is_no_save() {
        let root = Path::new("/project");
        for yes in ["src/lib.rs", "packguard.toml", "samples/a/package/x.py"] {
            assert!(is_watched(root, &root.join(yes)), "{yes}");
        }
        for no in [
            "target/x",
            "dist/a.wasm",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "Cargo.lock",
            "a/__pycache__/x.pyc",
            "",
        ] {
            assert!(!is_watched(root, &root.join(no)), "{no}");
        }
        assert!(!is_watched(root, Path::new("/elsewhere/a.rs")));
    }
}
