//! `sdk new`: a project out of the embedded templates.

mod templates;

use std::fs;
use std::path::{Path, PathBuf};

use packguard_platform::functions::name;
use packguard_runtime::report::Finding;

use super::test;
use crate::cli::NewArgs;
use crate::failure::{Failure, at, environment, usage};
use crate::print;
use crate::project::Language;

/// Names that cargo, or the languages themselves, have taken.
const TAKEN: [&str; 12] = [
    "test",
    "core",
    "std",
    "alloc",
    "proc-macro",
    "build",
    "deps",
    "packguard-sdk",
    "wit-world",
    "app",
    "con",
    "nul",
];

pub(super) fn run(args: &NewArgs) -> Result<u8, Failure> {
    if name::function(&args.name).is_err() || TAKEN.contains(&args.name.as_str()) {
        return Err(usage(
            format!(
                "`{}` is no name for a function, or is taken",
                packguard_platform::output::line(&args.name)
            ),
            crate::project::NAME_HINT,
        ));
    }
    let target = Path::new(&args.name);
    if fs::symlink_metadata(target).is_ok() {
        return Err(usage(
            format!("{} is there already", args.name),
            "name another one, or remove it",
        ));
    }
    let sdk = args.sdk.as_deref().ok_or_else(|| {
        usage(
            "no checkout of Packguard is named",
            "set PACKGUARD_SDK_PATH or give --sdk FOLDER: the SDK is not published yet",
        )
    })?;
    let sdk = checkout(sdk)?;
    let values = Values {
        name: &args.name,
        language: args.lang,
        sdk: &sdk,
    };
    // Made beside its place and moved there: all of it or nothing.
    let folder = tempfile::Builder::new()
        .prefix(".sdk-new-")
        .tempdir_in(".")
        .map_err(at(Path::new(".")))?;
    let project = folder.path().join("project");
    for (path, text) in templates::of(args.lang) {
        let path = project.join(path);
        let text = values.render(text);
        let text = match path.ends_with("expected.json") {
            true => with_fingerprints(&text)?,
            false => text,
        };
        let parent = path.parent().unwrap_or(&project);
        fs::create_dir_all(parent).map_err(at(parent))?;
        fs::write(&path, text).map_err(at(&path))?;
    }
    fs::rename(&project, target).map_err(at(target))?;
    eprintln!("made {}/", args.name);
    print::text(&format!("cd {}\nsdk test\n", args.name))?;
    Ok(0)
}

/// The checkout that holds the SDKs, as an absolute path.
fn checkout(path: &Path) -> Result<PathBuf, Failure> {
    let found = [path.to_owned(), path.join(".."), path.join("../..")]
        .into_iter()
        .find(|root| root.join("sdk/guest/Cargo.toml").is_file());
    let root = found.ok_or_else(|| {
        usage(
            format!("{} is no checkout of Packguard", path.display()),
            "name the folder that holds sdk/guest, by --sdk or PACKGUARD_SDK_PATH",
        )
    })?;
    root.canonicalize().map_err(at(path))
}

/// What stands for the placeholders.
struct Values<'a> {
    name: &'a str,
    language: Language,
    sdk: &'a Path,
}

impl Values<'_> {
    fn render(&self, text: &str) -> String {
        let language = match self.language {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::Javascript => "javascript",
        };
        let guest = self.sdk.join("sdk/guest").display().to_string();
        let rust = format!("{{ path = {} }}", quoted(&guest));
        text.replace("{{name}}", self.name)
            .replace("{{language}}", language)
            .replace("{{rust-sdk}}", &rust)
            .replace("{{checkout}}", &self.sdk.display().to_string())
    }
}

/// A string as TOML and JSON both write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The golden outputs with the fingerprints that the findings will have: they cover the rule's
/// id, and with it the project's name.
fn with_fingerprints(text: &str) -> Result<String, Failure> {
    let mut findings: Vec<Finding> = serde_json::from_str(text)
        .map_err(|error| environment(error, "this is a defect of Packguard: please report it"))?;
    for one in &mut findings {
        one.fingerprint =
            packguard_runtime::fingerprint(&one.rule, one.location.as_ref(), &one.title);
    }
    test::pretty(&findings)
}
