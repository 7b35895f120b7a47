//! Which files are Python's, and when they run.

use std::collections::BTreeMap;

use packguard_sdk::{Analysis, Category, Confidence, File, Package, Phase, Rule, Severity};

use crate::interp::Unit;
use crate::marshal;
use crate::rules;

/// A `.pth` file that does more than import.
pub const PTH_IMPORT: Rule = Rule {
    id: "python-pth-import",
    title: "A .pth file runs code whenever Python starts",
    help: "Found when a line of a `.pth` file that starts with `import` does more than a plain \
           import. Python runs such lines at every start, in every program, once the file stands in \
           `site-packages`.\n\nAttackers use it to stay. A few development tools use it for editable \
           installs.\n\nLook at the line.",
    category: Category::Persistence,
    severity: Severity::High,
    attack: &["T1546.018"],
};

/// Bytecode whose source is missing.
pub const BYTECODE_ONLY: Rule = Rule {
    id: "python-bytecode-only",
    title: "Compiled Python without its source",
    help: "Found when a `.pyc` file comes without the `.py` file it was compiled from. Python \
           imports it all the same, and nobody can read it.\n\nAsk for the source.",
    category: Category::DefenseEvasion,
    severity: Severity::Medium,
    attack: &["T1027"],
};

/// Code that no parser takes, where that is no surprise.
pub const UNPARSED: Rule = Rule {
    id: "python-unparsed",
    title: "Not wholly parsed as Python",
    help: "Found when a file among tests, examples or documentation, or a template (`.in`), is not \
           wholly Python. What could be parsed was analysed, and the rest was searched as text.\n\n\
           Tests of parsers and formatters are made of such files. Elsewhere a file like this makes \
           an analysis incomplete.",
    category: Category::Capability,
    severity: Severity::Info,
    attack: &[],
};

/// Largest compiled file that is looked into, in bytes.
const COMPILED_LIMIT: u64 = 16 << 20;

/// Names of a compiled file that its source does not hold, from which on it was compiled
/// from another.
const STRANGERS: usize = 4;

/// What the analyzer does with a file.
#[derive(Debug, Clone, Copy)]
pub enum Treatment {
    /// Python code, run in this way.
    Code(Unit),
    /// Lines that the interpreter reads at start.
    Pth,
    /// Types for checkers, never run.
    Stub,
}

/// Tells a file's kind by its name, and by its first line where the name says nothing.
///
/// # Errors
/// What the file system says.
pub fn treatment(file: File<'_>) -> std::io::Result<Option<Treatment>> {
    let name = file.name();
    let extension = file.extension();
    let code = |phase, setup| {
        Some(Treatment::Code(Unit {
            phase,
            setup,
            modern: true,
        }))
    };
    Ok(match extension.as_str() {
        "py" | "pyw" if name == "setup.py" => code(Phase::Install, true),
        "py" | "pyw" if name == "__main__.py" => code(Phase::Execute, false),
        "py" | "pyw" => code(Phase::Import, false),
        "pyi" => Some(Treatment::Stub),
        "pth" => Some(Treatment::Pth),
        "" | "sh" | "cgi" | "bin" | "txt" | "in" | "command" => {
            is_python_script(file)?.then_some(Treatment::Code(Unit {
                phase: Phase::Execute,
                setup: false,
                modern: true,
            }))
        }
        _ => None,
    })
}

fn is_python_script(file: File<'_>) -> std::io::Result<bool> {
    if file.size() < 10 {
        return Ok(false);
    }
    let head = file.read_head(120)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.starts_with(b"#!") && memchr::memmem::find(line, b"python").is_some())
}

/// The lines of a `.pth` file that do more than import a module: byte range and code.
pub fn pth_code(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let code = line.trim_end();
        let runs = code.starts_with("import ") || code.starts_with("import\t");
        let plain = code
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ' ' | '\t' | ','));
        (runs && !plain).then(|| (start..start + code.len(), code))
    })
}

/// Whether a line of a `.pth` file is one of those that packaging tools write: editable
/// installs, namespace packages, and setuptools' own.
pub fn is_known_pth(code: &str) -> bool {
    let compact: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let namespace = compact.starts_with("importsys,types,os;has_mfs=sys.version_info>(3,5);")
        || compact.starts_with("importsys,types,os;p=os.path.join(sys._getframe(1)");
    let distutils = compact
        == "importos;var='SETUPTOOLS_USE_DISTUTILS';enabled=os.environ.get(var,'local')=='local';enabledand__import__('_distutils_hack').add_shim();"
        || compact
            == "importos;var='SETUPTOOLS_USE_DISTUTILS';enabled=os.environ.get(var,'local')=='local';enabledand__import__('_distutils_hack').add_shim()";
    let editable = compact.starts_with("import__editable__")
        && compact.ends_with(".install()")
        && compact.matches(['(', ';']).count() <= 2;
    (namespace && compact.len() < 700) || distutils || editable
}

/// `import name; name.function()`: the start of a module that says what it does.
fn calls_own_module(code: &str) -> bool {
    let Some((import, call)) = code.split_once(';') else {
        return false;
    };
    let module = import.trim_start_matches("import").trim();
    let name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let function = call
        .trim()
        .trim_end_matches(';')
        .strip_prefix(module)
        .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(')')?.split_once('('))
        .filter(|(_, given)| name(given))
        .map(|(function, _)| function);
    let library = ["os", "sys", "site", "subprocess", "builtins", "base64"];
    !module.is_empty() && name(module) && !library.contains(&module) && function.is_some_and(name)
}

/// Findings for compiled files: what they hold where no source says it.
pub fn bytecode(package: &Package, analysis: &mut Analysis) {
    let mut sources = BTreeMap::new();
    let mut compiled = Vec::new();
    for file in package.all_files() {
        match file.extension().as_str() {
            "py" | "pyw" => {
                sources.insert((file.entry.artifact, stem(file.path()).to_owned()), file);
            }
            "pyc" | "pyo" => compiled.push(file),
            _ => {}
        }
    }
    for file in compiled {
        let source = sources.get(&(file.entry.artifact, source_stem(file.path())));
        if source.is_none() {
            let hit = BYTECODE_ONLY.at_file(file, Confidence::High);
            // Test data is not imported.
            let hit = match is_test_data(file.path()) {
                true => hit.severity(Severity::Info),
                false => hit,
            };
            analysis.push(
                hit.title(format!("{} has no source beside it", file.name()))
                    .phase(Phase::Import)
                    .why("What the file does can't be read, yet Python imports it."),
            );
        }
        compiled_file(file, source.copied(), analysis);
    }
}

/// Looks into one compiled file, unless it says what its source says.
fn compiled_file(file: File<'_>, source: Option<File<'_>>, analysis: &mut Analysis) {
    if file.size() > COMPILED_LIMIT {
        analysis.problem(file, "larger than compiled files that are looked at");
        return;
    }
    let Ok(bytes) = file.read() else {
        analysis.problem(file, "can't be read");
        return;
    };
    let Some(summary) = marshal::compiled(&bytes) else {
        return;
    };
    if let Some(source) = source {
        let Ok(text) = source.read() else { return };
        let strangers = rules::bytecode::strangers(&summary, &packguard_sdk::text::decode(&text));
        if strangers < STRANGERS {
            return;
        }
        analysis.push(
            BYTECODE_ONLY
                .at_file(file, Confidence::Medium)
                .title(format!(
                    "{} names {strangers} things that its source does not",
                    file.name()
                ))
                .phase(Phase::Import)
                .why("Python may run the compiled file, while people read the source."),
        );
    }
    for hit in rules::bytecode::check(&summary, &(0..0), Phase::Import, 0) {
        analysis.push(hit.at_file(file));
    }
}

/// Whether a path lies in a folder of tests.
pub fn is_test_data(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    folders.iter().any(|folder| {
        matches!(
            *folder,
            "tests" | "test" | "testing" | "testdata" | "fixtures"
        )
    })
}

fn stem(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(stem, _)| stem)
}

/// `a/__pycache__/b.cpython-311.opt-1.pyc` was compiled from `a/b`.
fn source_stem(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(folder) = folder.strip_suffix("__pycache__") else {
        return stem(path).to_owned();
    };
    let module = name.split('.').next().unwrap_or(name);
    format!("{folder}{module}")
}

/// Hits that a `.pth` file's code gives.
pub fn pth_hits(text: &str) -> Vec<packguard_sdk::Hit> {
    let mut hits = Vec::new();
    for (range, code) in pth_code(text).take(100) {
        let inner = crate::inspect::inspect_payload(code, Phase::Import, 1);
        let known = is_known_pth(code);
        for mut hit in inner.hits {
            if rules::is_capability(hit.rule.id) || (known && hit.severity < Severity::High) {
                continue;
            }
            hit.range = range.clone();
            hits.push(hit);
        }
        let harmless = hits.iter().all(|hit| hit.severity < Severity::Medium);
        // Development tools start when a variable asks for them.
        let asked = harmless
            && ["in os.environ", "os.getenv(", "os.environ.get("]
                .iter()
                .any(|word| code.contains(word))
            && !code.contains("decode");
        let severity = match (known, calls_own_module(code) || asked) {
            (true, _) => Severity::Info,
            // The module is looked at like any other.
            (false, true) => Severity::Medium,
            (false, false) => Severity::High,
        };
        hits.push(
            packguard_sdk::Hit::new(&PTH_IMPORT, range, Phase::Import)
                .severity(severity)
                .why("Python runs this line at every start, whether or not the package is used."),
        );
    }
    rules::distinct(hits)
}
