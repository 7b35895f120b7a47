//! The trait that analyzers implement.

use crate::text::{Source, is_probably_text};
use crate::{Analysis, Descriptor, File, Package};

/// How much of a file tells whether it is text, in bytes.
const HEAD: usize = 8 << 10;

/// A component that looks at packages.
///
/// Most analyzers look at texts one by one and need [`Analyzer::text`] alone; what has to
/// be said about the package as a whole goes into [`Analyzer::package`], which comes after
/// the files. A value is made for each package by [`Default`] and may keep notes from one
/// file to the next. An analyzer that walks the package in a way of its own replaces
/// [`Analyzer::analyze`].
///
/// ```
/// use packguard_sdk::text::Source;
/// use packguard_sdk::{Analysis, Analyzer, Category, Confidence, Descriptor, File, Rule, Severity, descriptor};
/// # use packguard_sdk::testing::PackageBuilder;
///
/// const EVAL: Rule = Rule::new(
///     "demo-eval", "The code calls eval", "Read what it runs.",
///     Category::Execution, Severity::Low, &["T1059"],
/// );
///
/// #[derive(Default)]
/// struct Demo;
///
/// impl Analyzer for Demo {
///     const DESCRIPTOR: Descriptor = Descriptor { rules: &[&EVAL], ..descriptor!() };
///     const FILES: &'static [&'static str] = &["*.{js,mjs,cjs}"];
///
///     fn text(&mut self, file: File<'_>, source: &Source<'_>, analysis: &mut Analysis) {
///         for (at, word) in source.text().match_indices("eval(") {
///             analysis.push(EVAL.at(file, source, at..at + word.len(), Confidence::Medium));
///         }
///     }
/// }
///
/// let package = PackageBuilder::new("npm", "a").file("a.js", "eval(x)").file("b.md", "eval(x)").build();
/// assert_eq!(Demo::analyze(&package).unwrap().findings().len(), 1);
/// ```
pub trait Analyzer: Default {
    /// What the component says of itself: name, version, rules.
    const DESCRIPTOR: Descriptor;

    /// Which files [`Analyzer::text`] gets: patterns as [`Package::glob`] takes them. By
    /// default every file; of those they match, the ones that are no text are passed over.
    const FILES: &'static [&'static str] = &["**"];

    /// Largest text handed to [`Analyzer::text`], in bytes. A larger one is a problem in
    /// the [`Analysis`].
    const FILE_LIMIT: u64 = 16 << 20;

    /// Looks at one text file.
    fn text(&mut self, _file: File<'_>, _source: &Source<'_>, _analysis: &mut Analysis) {}

    /// Looks at the package as a whole, once its files were looked at.
    fn package(&mut self, _package: &Package, _analysis: &mut Analysis) {}

    /// Looks at one package.
    ///
    /// # Errors
    /// One line, when the analyzer can't work at all (a setting that makes no sense).
    /// A file it can't read or parse is a problem in the [`Analysis`], not an error.
    fn analyze(package: &Package) -> Result<Analysis, String> {
        let mut analyzer = Self::default();
        let mut analysis = Analysis::default();
        for file in package.glob(Self::FILES) {
            if !is_text(file, &mut analysis) {
                continue;
            }
            if let Some(text) = analysis.read_text(file, Self::FILE_LIMIT) {
                analyzer.text(file, &Source::new(&text), &mut analysis);
            }
        }
        analyzer.package(package, &mut analysis);
        Ok(analysis)
    }
}

fn is_text(file: File<'_>, analysis: &mut Analysis) -> bool {
    match file.read_head(HEAD) {
        Ok(head) => is_probably_text(&head),
        Err(error) => {
            analysis.problem(file, format!("can't be read: {error}"));
            false
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::PackageBuilder;
    use crate::{Category, Confidence, Rule, Severity};

    const COUNT: Rule = Rule::new("count", "", "", Category::Metadata, Severity::Info, &[]);

    /// Counts what it is handed.
    #[derive(Default)]
    struct Counter(usize);

    impl Analyzer for Counter {
        const DESCRIPTOR: Descriptor = Descriptor {
            rules: &[&COUNT],
            ..crate::descriptor!()
        };
        const FILE_LIMIT: u64 = 20;

        fn text(&mut self, _: File<'_>, _: &Source<'_>, _: &mut Analysis) {
            self.0 += 1;
        }

        fn package(&mut self, _: &Package, analysis: &mut Analysis) {
            let seen = format!("{} texts", self.0);
            analysis.push(COUNT.about_package(seen, Confidence::High));
        }
    }

    #[test]
    fn every_text_is_handed_over_and_none_is_passed_over_in_silence() {
        let package = PackageBuilder::new("npm", "a")
            .file("a.js", "1")
            .file("deep/b.txt", b"\xFF\xFEh\0i\0")
            .file("binary", b"\x7FELF\0\0\0")
            .file("large-binary", [0; 40])
            .file("large.js", [b'a'; 40])
            .build();
        let analysis = Counter::analyze(&package).unwrap();
        assert_eq!(analysis.findings()[0].title, "2 texts");
        let problems = analysis.problems();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path.as_deref(), Some("large.js"));
    }
}
