//! The templates: what stands where in a new project.

use crate::project::Language;

/// A file of a new project: its path and its text, both with placeholders.
pub(super) type Template = (&'static str, &'static str);

/// A file of `templates/`.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../templates/", $path))
    };
}

/// The files of a new project.
pub(super) fn of(language: Language) -> Vec<Template> {
    let own = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Javascript => JAVASCRIPT,
    };
    COMMON.iter().chain(own).copied().collect()
}

const RUST: &[Template] = &[
    (".gitignore", template!("rust/gitignore")),
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("README.md", template!("rust/README.md")),
    ("rust-toolchain.toml", template!("rust/rust-toolchain.toml")),
    ("src/lib.rs", template!("rust/src/lib.rs")),
];

const PYTHON: &[Template] = &[
    (".gitignore", template!("python/gitignore")),
    (".sdk-path", "{{checkout}}\n"),
    ("README.md", template!("python/README.md")),
    ("analyzer.py", template!("python/analyzer.py")),
];

const JAVASCRIPT: &[Template] = &[
    (".gitignore", template!("javascript/gitignore")),
    (".sdk-path", "{{checkout}}\n"),
    ("README.md", template!("javascript/README.md")),
    ("analyzer.js", template!("javascript/analyzer.js")),
];

/// What every project has: the rule is the same in each language, and so are the findings.
const COMMON: &[Template] = &[
    ("packguard.toml", template!("packguard.toml.in")),
    (
        "samples/hands-environment-on/expected.json",
        template!("samples/hands-environment-on/expected.json"),
    ),
    (
        "samples/hands-environment-on/package/tool.py",
        template!("samples/hands-environment-on/package/tool.py"),
    ),
    (
        "samples/hands-environment-on/sample.toml",
        template!("samples/hands-environment-on/sample.toml"),
    ),
    (
        "samples/reads-one-variable/expected.json",
        template!("samples/reads-one-variable/expected.json"),
    ),
    (
        "samples/reads-one-variable/package/metrics.py",
        template!("samples/reads-one-variable/package/metrics.py"),
    ),
    (
        "samples/reads-one-variable/sample.toml",
        template!("samples/reads-one-variable/sample.toml"),
    ),
    (
        "samples/sends-environment-npm/expected.json",
        template!("samples/sends-environment-npm/expected.json"),
    ),
    (
        "samples/sends-environment-npm/package/package.json",
        template!("samples/sends-environment-npm/package/package.json"),
    ),
    (
        "samples/sends-environment-npm/package/setup.js.b64",
        template!("samples/sends-environment-npm/package/setup.js.b64"),
    ),
    (
        "samples/sends-environment-npm/sample.toml",
        template!("samples/sends-environment-npm/sample.toml"),
    ),
    (
        "samples/sends-environment/expected.json",
        template!("samples/sends-environment/expected.json"),
    ),
    (
        "samples/sends-environment/package/setup.py.b64",
        template!("samples/sends-environment/package/setup.py.b64"),
    ),
    (
        "samples/sends-environment/sample.toml",
        template!("samples/sends-environment/sample.toml"),
    ),
];

#[cfg(test)]
mod tests {
    #[test]
    fn new_projects_take_the_checkouts_compiler() {
        let channel = |text: &'static str| text.lines().find(|line| line.starts_with("channel"));
        let ours = channel(include_str!("../../../../../rust-toolchain.toml"));
        assert!(ours.is_some());
        assert_eq!(channel(template!("rust/rust-toolchain.toml")), ours);
    }
}
