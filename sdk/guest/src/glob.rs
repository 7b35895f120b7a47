//! Patterns of paths, and which files hold the code of an ecosystem.

/// Whether a path of an artifact matches a pattern.
///
/// A pattern without `/` is compared with the file name (`*.py`), any other with the whole
/// path, with the path below the top folder that archives have by convention, and with
/// either inside of an archive in the artifact. `*` stands for anything within a folder,
/// `**` for any folders, `{a,b}` for one of them. Letter case does not count: it does not
/// on many of the machines that packages are installed on.
///
/// ```
/// use packguard_sdk::glob::matches;
/// assert!(matches("*.py", "requests-2.28.1/setup.PY"));
/// assert!(matches("bin/*", "package/bin/cli"));
/// assert!(matches("src/**/*.{c,h}", "inner.tar.gz!/x-1.0/src/a/b.h"));
/// assert!(!matches("bin/*", "package/lib/bin/cli"));
/// ```
pub fn matches(pattern: &str, path: &str) -> bool {
    Glob::new(pattern).matches(path)
}

/// A pattern, ready to be compared with many paths.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    pattern: String,
    whole_path: bool,
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self {
            pattern: pattern.to_ascii_lowercase(),
            whole_path: pattern.contains('/'),
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        let inner = path.rsplit_once("!/").map_or(&*path, |(_, inner)| inner);
        if !self.whole_path {
            let name = inner.rsplit('/').next().unwrap_or_default();
            return fast_glob::glob_match(&self.pattern, name);
        }
        let below = |path: &str| {
            path.split_once('/')
                .is_some_and(|(_, below)| fast_glob::glob_match(&self.pattern, below))
        };
        fast_glob::glob_match(&self.pattern, &path)
            || below(&path)
            || inner.len() < path.len()
                && (fast_glob::glob_match(&self.pattern, inner) || below(inner))
    }
}

/// Patterns of the files that hold the code of an ecosystem's packages, by purl type;
/// `**` for one that is not known.
///
/// Packages hold other languages too, and a label may be wrong: what is grave looks
/// wherever it may stand.
///
/// ```
/// use packguard_sdk::glob::{matches, sources};
/// assert!(sources("npm").iter().any(|pattern| matches(pattern, "package/index.mjs")));
/// ```
pub fn sources(ecosystem: &str) -> &'static [&'static str] {
    match ecosystem {
        "pypi" => &["*.{py,pyw,pyi,pth,pyx}"],
        "npm" => &["*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}", "package.json"],
        "cargo" => &["*.rs"],
        "gem" => &["*.{rb,gemspec,rake}", "Rakefile", "extconf*"],
        "maven" => &["*.{java,kt,kts,scala,groovy,gradle}"],
        "composer" => &["*.{php,phtml,inc}"],
        "golang" => &["*.go"],
        "nuget" => &["*.{cs,vb,fs,ps1,psm1,targets,props}"],
        _ => &["**"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_ecosystems_match_their_files() {
        for (ecosystem, path) in [
            ("pypi", "a-1.0/setup.py"),
            ("npm", "package/lib/a.cjs"),
            ("npm", "package/package.json"),
            ("cargo", "a-1.0/build.rs"),
            ("gem", "ext/a/extconf.rb"),
            ("maven", "src/main/java/A.java"),
            ("composer", "src/A.php"),
            ("golang", "m@v1/a.go"),
            ("nuget", "build/a.targets"),
            ("generic", "whatever/it/is"),
        ] {
            let sources = sources(ecosystem);
            assert!(
                sources.iter().any(|pattern| matches(pattern, path)),
                "{path}"
            );
        }
        assert!(!matches(sources("pypi")[0], "a.rb"));
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics_or_hangs(path in "[a-zé!/.*{},\\[\\]\\\\]{0,60}", pattern in "[a-z*/?{},\\[\\]!\\\\]{0,20}") {
            let _ = matches(&pattern, &path);
        }
    }
}
