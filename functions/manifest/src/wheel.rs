//! Wheels: what differs from the source distribution, from RECORD, and `.pth` files.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use packguard_sdk::indicators::scan;
use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};

use crate::top::MANIFEST_LIMIT;

/// A `.pth` file runs code at every start of Python.
pub const PTH: Rule = Rule {
    id: "pypi-wheel-pth",
    title: "The wheel installs code that runs at every start of Python",
    help: "Lines of a `.pth` file that begin with `import` are executed whenever Python starts, whether the package is used or not. Few packages need it.\n\nRead the line.",
    category: Category::Persistence,
    severity: Severity::Medium,
    attack: &["T1546"],
};

/// Wheel and source distribution differ.
pub const DIFFERS: Rule = Rule {
    id: "pypi-wheel-differs",
    title: "A wheel holds Python code that the source distribution does not",
    help: "pip installs the wheel; reviewers read the source. Version files and generated code differ honestly; other differences deserve a look.\n\nCompare the files named.",
    category: Category::Metadata,
    severity: Severity::Low,
    attack: &["T1195.002"],
};

/// RECORD does not describe the wheel.
pub const RECORD_MISMATCH: Rule = Rule {
    id: "pypi-record-mismatch",
    title: "A wheel's RECORD does not match its files",
    help: "`RECORD` lists every file of a wheel with its hash. A file that is missing from it or differs was added or changed after the wheel was built.\n\nLook at the file named.",
    category: Category::Metadata,
    severity: Severity::Medium,
    attack: &["T1036"],
};

/// Largest RECORD read, in bytes: one line per file, and a wheel may have 100,000.
const RECORD_LIMIT: u64 = 16 << 20;

/// Most mismatches of one wheel named.
const NAMED: usize = 5;

/// Looks at the wheels of the package.
pub fn look(package: &Package, analysis: &mut Analysis) {
    if !matches!(package.ecosystem(), "pypi" | "generic") {
        return;
    }
    for file in package.glob(&["*.pth"]) {
        pth(file, analysis);
    }
    let mut wheels: BTreeMap<u32, Vec<File<'_>>> = BTreeMap::new();
    let mut sources: Vec<File<'_>> = Vec::new();
    let records: Vec<File<'_>> = package
        .all_files()
        .filter(|file| is_record(file.path()))
        .collect();
    let is_wheel: BTreeSet<u32> = records.iter().map(|file| file.entry.artifact).collect();
    for file in package.all_files() {
        if is_wheel.contains(&file.entry.artifact) {
            wheels.entry(file.entry.artifact).or_default().push(file);
        } else if file.extension() == "py" {
            sources.push(file);
        }
    }
    for record in records {
        if let Some(files) = wheels.get(&record.entry.artifact) {
            check_record(record, files, analysis);
        }
    }
    if !sources.is_empty() {
        let known = Sources::of(&sources);
        for files in wheels.values() {
            compare(files, &known, analysis);
        }
    }
}

fn is_record(path: &str) -> bool {
    path.ends_with(".dist-info/RECORD") && path.matches('/').count() == 1
}

fn pth(file: File<'_>, analysis: &mut Analysis) {
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return;
    };
    let source = Source::new(&text);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        if !line.starts_with("import ") && !line.starts_with("import\t") {
            continue;
        }
        let suspicious = [
            "exec",
            "eval",
            "base64",
            "subprocess",
            "os.system",
            "urllib",
            "requests",
            "socket",
            "compile(",
            "marshal",
            "zlib",
            "popen",
            "http",
        ];
        let odd = suspicious.iter().any(|word| line.contains(word));
        let finding = PTH
            .at(file, &source, range, Confidence::High)
            .severity(if odd { Severity::Medium } else { Severity::Low })
            .phase(Phase::Import);
        analysis.push(finding);
    }
}

/// Compares RECORD with the files of its wheel.
fn check_record(record: File<'_>, files: &[File<'_>], analysis: &mut Analysis) {
    let Some(text) = analysis.read_text(record, RECORD_LIMIT) else {
        return;
    };
    let listed: BTreeMap<String, String> = text.lines().filter_map(record_line).collect();
    let mut wrong = Vec::new();
    for file in files {
        let path = file.path();
        // RECORD can't hold its own hash, nor that of signatures over it.
        let exempt = path.contains("!/") || path.contains(".dist-info/RECORD");
        if exempt {
            continue;
        }
        match listed.get(path) {
            None => wrong.push((*file, "is not listed in RECORD")),
            Some(hash) if !hash.is_empty() && *hash != file.entry.sha256 => {
                wrong.push((*file, "has another hash than RECORD says"));
            }
            Some(_) => {}
        }
    }
    for (file, what) in wrong.iter().take(NAMED) {
        let finding = RECORD_MISMATCH
            .at_file(*file, Confidence::High)
            .title(format!(
                "{} {what} ({} such files in this wheel)",
                file.path(),
                wrong.len()
            ));
        analysis.push(finding);
    }
}

/// Path and lower-case hex SHA-256 (empty where there is none) of a line of RECORD.
fn record_line(line: &str) -> Option<(String, String)> {
    let mut fields = line.trim_end().rsplitn(3, ',');
    let (_size, hash, path) = (fields.next()?, fields.next()?, fields.next()?);
    let path = match path
        .strip_prefix('"')
        .and_then(|path| path.strip_suffix('"'))
    {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => path.to_owned(),
    };
    let hash = hash.strip_prefix("sha256=").and_then(|encoded| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(encoded.trim_end_matches('='))
            .ok()
    });
    Some((path, hash.map(hex::encode).unwrap_or_default()))
}

/// The Python files of the source distributions.
struct Sources {
    hashes: BTreeSet<String>,
    /// Paths with their components in reverse order, so that a suffix is a prefix.
    reversed: BTreeSet<String>,
}

fn reversed(path: &str) -> String {
    path.rsplit('/').map(|part| format!("{part}/")).collect()
}

impl Sources {
    fn of(files: &[File<'_>]) -> Self {
        Self {
            hashes: files.iter().map(|file| file.entry.sha256.clone()).collect(),
            reversed: files.iter().map(|file| reversed(file.path())).collect(),
        }
    }

    /// Whether a file stands at this path, below any folders (`src/`, `lib/`, the top).
    fn has_path(&self, path: &str) -> bool {
        let wanted = reversed(path);
        self.reversed
            .range(wanted.clone()..)
            .next()
            .is_some_and(|have| have.starts_with(&wanted))
    }
}

fn compare(files: &[File<'_>], known: &Sources, analysis: &mut Analysis) {
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for file in files
        .iter()
        .filter(|file| file.extension() == "py" && !known.hashes.contains(&file.entry.sha256))
    {
        let there = known.has_path(file.path());
        if is_suspicious(*file, analysis) {
            let finding = DIFFERS
                .at_file(*file, Confidence::Medium)
                .severity(Severity::Medium)
                .title(format!(
                    "{} {} and decodes, downloads or runs things",
                    file.path(),
                    if there {
                        "differs from the source distribution"
                    } else {
                        "is not in the source distribution"
                    }
                ));
            analysis.push(finding);
        } else if there {
            changed.push(*file);
        } else {
            added.push(*file);
        }
    }
    for (list, what) in [
        (added, "not in the source distribution"),
        (changed, "differ from the source distribution"),
    ] {
        let (generated, written): (Vec<_>, Vec<_>) =
            list.into_iter().partition(|file| is_generated(file.name()));
        for (list, severity) in [(generated, Severity::Info), (written, Severity::Low)] {
            let Some(first) = list.first() else {
                continue;
            };
            let names: Vec<&str> = list.iter().take(NAMED).map(|file| file.path()).collect();
            let finding = DIFFERS
                .at_file(*first, Confidence::Medium)
                .severity(severity)
                .title(format!(
                    "{} Python files of the wheel {what}: {}",
                    list.len(),
                    names.join(", ")
                ));
            analysis.push(finding);
        }
    }
}

/// Names of files that builds write.
fn is_generated(name: &str) -> bool {
    let stem = name
        .trim_end_matches(".py")
        .trim_matches('_')
        .to_ascii_lowercase();
    stem.contains("version")
        || stem.contains("generated")
        || stem.ends_with("_pb2")
        || stem.ends_with("_pb2_grpc")
        || matches!(
            stem.as_str(),
            "config" | "build" | "buildinfo" | "build_info" | "about" | "git" | "commit"
        )
}

/// Whether code that runs on import both reaches out (or decodes) and executes, or names
/// a host that attackers use.
fn is_suspicious(file: File<'_>, analysis: &mut Analysis) -> bool {
    let runs_early = matches!(
        file.name(),
        "__init__.py"
            | "setup.py"
            | "__main__.py"
            | "sitecustomize.py"
            | "usercustomize.py"
            | "conftest.py"
    );
    if !runs_early {
        return false;
    }
    let Some(text) = analysis.read_text(file, MANIFEST_LIMIT) else {
        return false;
    };
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let executes = has(&["exec(", "eval(", "os.system", "subprocess", "Popen"]);
    let reaches = has(&[
        "b64decode",
        "marshal.loads",
        "zlib.decompress",
        "urlopen",
        "requests.get",
        "requests.post",
        "socket.socket",
        "fromhex",
    ]);
    let hostile = || scan(&text).iter().any(|found| found.kind.is_hostile_host());
    executes && reaches || hostile()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_lines_are_read() {
        let hash = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        let (path, hex) = record_line(&format!("a/b.py,sha256={hash},0")).unwrap();
        assert_eq!(path, "a/b.py");
        assert!(hex.starts_with("e3b0c44298fc1c14"));
        assert_eq!(record_line("\"a,\"\"b\"\".py\",,").unwrap().0, "a,\"b\".py");
        assert_eq!(record_line("x"), None);
    }

    #[test]
    fn suffixes_are_found_by_whole_components() {
        let known = Sources {
            hashes: BTreeSet::new(),
            reversed: [reversed("p-1/src/p/a.py")].into(),
        };
        assert!(known.has_path("p/a.py"));
        assert!(known.has_path("a.py"));
        assert!(!known.has_path("q/a.py"));
        assert!(!known.has_path("p/ba.py"));
    }
}
