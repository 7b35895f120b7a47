//! Files named by options that become settings of analyzers.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Stop;
use crate::cli::AnalysisArgs;
use crate::knowledge::Knowledge;
use crate::osv;
use crate::suppressions::{SuppressionError, Suppressions};

/// Largest of these files, bytes: 1 MiB of YARA is 10,000 rules.
const MAX_FILE: u64 = 4 << 20;

/// Reads what the options name.
pub(crate) async fn read(args: &AnalysisArgs) -> Result<Knowledge, Stop> {
    let mut settings = rules(&args.rules)?;
    for (ecosystem, path) in &args.names {
        settings.push((format!("names.{}", ecosystem.as_str()), text(path)?));
    }
    settings.extend(args.threshold.settings());
    Ok(Knowledge {
        settings,
        suppressions: suppressions(args.suppressions.as_deref())?,
        osv: advisories(args.osv.as_deref(), args.offline).await?,
    })
}

/// The findings that are accepted.
pub(crate) fn suppressions(path: Option<&Path>) -> Result<Suppressions, Stop> {
    let read = path.map(Suppressions::read).transpose();
    let read = read.map_err(|error: SuppressionError| Stop::usage(&error, error.hint()))?;
    Ok(read.unwrap_or_default())
}

/// Known malware and advisories.
pub(crate) async fn advisories(
    source: Option<&str>,
    offline: bool,
) -> Result<Option<osv::Database>, Stop> {
    let Some(source) = source else {
        return Ok(None);
    };
    let read = osv::read(source, offline).await;
    let read = read.map_err(|error| {
        if error.is_environment() {
            Stop::environment(&error, error.hint())
        } else {
            Stop::usage(&error, error.hint())
        }
    })?;
    if let Some(problem) = read.problem() {
        eprintln!("warning: {problem}");
    }
    Ok(Some(read))
}

/// YARA rules of files and folders.
pub(crate) fn rules(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Stop> {
    let mut settings = Vec::new();
    for path in paths {
        for file in rule_files(path)? {
            settings.push((format!("rules.yara.{}", file.display()), text(&file)?));
        }
    }
    Ok(settings)
}

/// The file itself, or a folder's YARA files in order of their names.
fn rule_files(path: &Path) -> Result<Vec<PathBuf>, Stop> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "yar" || extension == "yara")
        })
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Stop::usage(
            &format!("{} holds no .yar or .yara file", path.display()),
            "name the folder of your rules",
        ));
    }
    Ok(files)
}

fn text(path: &Path) -> Result<String, Stop> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Stop::usage(
            &format!("{} is larger than {MAX_FILE} bytes", path.display()),
            "split it into several files",
        ));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(
        &format!("{}: {error}", path.display()),
        "check the path and its permissions",
    )
}
