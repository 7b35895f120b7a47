//! Which files are read, in which language, and when their code runs.

use packguard_sdk::{File, Phase};

/// A language family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Ruby.
    Ruby,
    /// PHP, inside `<?php … ?>`.
    Php,
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// Java.
    Java,
    /// Kotlin, Groovy, Scala: read as Java with fewer semicolons.
    Kotlin,
    /// C#.
    CSharp,
    /// C, C++, Objective-C.
    C,
    /// Lua.
    Lua,
    /// Perl.
    Perl,
}

impl Lang {
    /// Whether a line's end ends a statement.
    pub fn lines_matter(self) -> bool {
        matches!(self, Self::Ruby | Self::Go | Self::Kotlin | Self::Lua)
    }

    /// Whether a function gives its last expression back.
    pub fn returns_last(self) -> bool {
        matches!(self, Self::Ruby | Self::Rust | Self::Kotlin | Self::Perl)
    }

    /// Whether code can be made of text while the program runs.
    pub fn evaluates_text(self) -> bool {
        matches!(self, Self::Ruby | Self::Php | Self::Lua | Self::Perl)
    }

    /// Whether names of variables begin with `$`.
    pub fn has_sigils(self) -> bool {
        matches!(self, Self::Php | Self::Perl)
    }
}

/// How a file is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Its language.
    pub lang: Lang,
    /// When code outside of functions runs.
    pub top: Phase,
    /// When code of functions runs that nobody is seen to call.
    pub inner: Phase,
    /// Tests, examples and documentation: weighs less.
    pub aside: bool,
}

/// A text made of files: where each begins, and how it is looked at.
#[derive(Debug, Clone)]
pub struct Units {
    parts: Vec<(usize, Unit)>,
}

impl Units {
    /// A text of one file.
    pub fn one(unit: Unit) -> Self {
        Self {
            parts: vec![(0, unit)],
        }
    }

    /// A text of several files of one language, in order.
    pub fn several(parts: Vec<(usize, Unit)>) -> Self {
        Self { parts }
    }

    /// The file that a place belongs to, by its number.
    pub fn part(&self, place: usize) -> usize {
        self.parts
            .partition_point(|(start, _)| *start <= place)
            .saturating_sub(1)
    }

    /// How the file of a place is looked at.
    pub fn at(&self, place: usize) -> Unit {
        self.parts[self.part(place)].1
    }

    /// The first file whose code is only loaded, or the first.
    pub fn loaded(&self) -> Unit {
        self.parts
            .iter()
            .map(|(_, unit)| *unit)
            .find(|unit| unit.top != Phase::Install)
            .unwrap_or(self.parts[0].1)
    }

    /// Where each file's text lies.
    pub fn ranges(&self, end: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let ends = self.parts.iter().skip(1).map(|(start, _)| *start);
        self.parts
            .iter()
            .map(|(start, _)| *start)
            .zip(ends.chain([end]))
            .map(|(start, end)| start..end)
    }
}

/// Folders of code that is not loaded with the package.
const ASIDE: &[&str] = &[
    "test",
    "tests",
    "spec",
    "specs",
    "example",
    "examples",
    "benches",
    "bench",
    "fixtures",
    "testdata",
    "doc",
    "docs",
    "sample",
    "samples",
    "demo",
    "demos",
    "__tests__",
    "testing",
];

/// The language of a file, by its name, or by its first line where the name says nothing.
pub fn language(file: File<'_>) -> Option<Lang> {
    let name = file.name();
    Some(match file.extension().as_str() {
        "rb" | "gemspec" | "rake" | "ru" | "podspec" => Lang::Ruby,
        "php" | "phtml" | "php5" | "php7" | "php8" | "phar" | "inc" | "module" => Lang::Php,
        "go" => Lang::Go,
        "rs" => Lang::Rust,
        "java" => Lang::Java,
        "kt" | "kts" | "groovy" | "gradle" | "scala" | "sc" => Lang::Kotlin,
        "cs" | "csx" => Lang::CSharp,
        "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" | "mm" => Lang::C,
        "lua" | "rockspec" => Lang::Lua,
        "pl" | "pm" => Lang::Perl,
        "" if matches!(
            name,
            "Rakefile" | "Gemfile" | "Vagrantfile" | "Podfile" | "Fastfile"
        ) =>
        {
            Lang::Ruby
        }
        "" | "sh" | "cgi" | "bin" => return by_first_line(file),
        _ => return None,
    })
}

fn by_first_line(file: File<'_>) -> Option<Lang> {
    if file.size() < 10 {
        return None;
    }
    let head = file.read_head(80).ok()?;
    let line = head.split(|byte| *byte == b'\n').next()?;
    let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
    if line.starts_with(b"<?php") {
        return Some(Lang::Php);
    }
    if !line.starts_with(b"#!") {
        return None;
    }
    [
        (&b"ruby"[..], Lang::Ruby),
        (b"php", Lang::Php),
        (b"perl", Lang::Perl),
        (b"lua", Lang::Lua),
    ]
    .into_iter()
    .find(|(word, _)| has(word))
    .map(|(_, lang)| lang)
}

/// When a file's code runs, told by its path. `install` says that a manifest names it as
/// something that runs while the package is installed.
pub fn unit(path: &str, lang: Lang, install: bool) -> Unit {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = folder.to_ascii_lowercase();
    let folders = || lower.split(['/', '!']);
    let aside = folders().any(|part| ASIDE.contains(&part))
        || name.ends_with("_test.go")
        || name.ends_with("_spec.rb")
        || name.ends_with("_test.rb")
        || (lang == Lang::Php && name.ends_with("Test.php"))
        || (lang == Lang::Java && name.ends_with("Test.java"));
    let in_extension = folders().any(|part| part == "ext");
    let builds = match lang {
        Lang::Ruby => {
            name.contains("extconf")
                || name.starts_with("mkrf_conf")
                || in_extension && name.starts_with("Rakefile")
        }
        Lang::Rust => name == "build.rs" && !folders().any(|part| part == "src"),
        _ => false,
    };
    let (top, inner) = match lang {
        _ if install || builds => (Phase::Install, Phase::Install),
        Lang::Ruby if name == "Rakefile" || name.ends_with(".rake") => {
            (Phase::Execute, Phase::Execute)
        }
        _ => (Phase::Import, Phase::Execute),
    };
    Unit {
        lang,
        top,
        inner,
        aside: aside && !install && !builds,
    }
}
