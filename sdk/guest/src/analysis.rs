//! What an analyzer has to say about a package.

use crate::bindings::analyzer::packguard::analyzer::types as wit;
use crate::{File, Finding, text};

/// Most findings one rule may make in one package: beyond it they add nothing a
/// person would read, and a hostile package must not flood the report.
pub const FINDINGS_PER_RULE: usize = 25;

/// Most problems one analyzer lists.
const PROBLEMS: usize = 200;

/// What an analyzer has to say about a package: findings, and what it could not look at.
///
/// ```
/// # use packguard_sdk::{Analysis, Category, Confidence, Rule, Severity, testing::PackageBuilder};
/// # const RULE: Rule = Rule::new("demo", "Demo", "", Category::Execution, Severity::Low, &[]);
/// let package = PackageBuilder::new("npm", "demo").file("a.js", "").build();
/// let mut analysis = Analysis::default();
/// for file in package.files() {
///     analysis.push(RULE.at_file(file, Confidence::Low));
/// }
/// assert_eq!(analysis.findings()[0].rule, "demo");
/// assert!(analysis.problems().is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    findings: Vec<wit::Finding>,
    problems: Vec<wit::Problem>,
}

impl Analysis {
    /// The evidence.
    pub fn findings(&self) -> &[wit::Finding] {
        &self.findings
    }

    /// What was not, or not fully, analysed. Any makes `clean` impossible.
    pub fn problems(&self) -> &[wit::Problem] {
        &self.problems
    }

    /// Adds a finding. Of a rule's findings the gravest [`FINDINGS_PER_RULE`] are kept, so
    /// that harmless ones can't push out the one that matters.
    pub fn push(&mut self, finding: Finding) {
        let new = wit::Finding::from(finding);
        let same = self
            .findings
            .iter()
            .enumerate()
            .filter(|(_, have)| have.rule == new.rule);
        let (mut count, mut mildest) = (0, None);
        for (index, have) in same {
            count += 1;
            if mildest.is_none_or(|(_, least)| gravity(have) < least) {
                mildest = Some((index, gravity(have)));
            }
        }
        match mildest {
            Some((index, least)) if count >= FINDINGS_PER_RULE => {
                if gravity(&new) > least {
                    self.findings.remove(index);
                    self.findings.push(new);
                }
            }
            _ => self.findings.push(new),
        }
    }

    /// Adds a finding however many its rule has made: for a rule that stands for many and
    /// whose analyzer counts each of them itself.
    pub fn push_uncounted(&mut self, finding: Finding) {
        self.findings.push(finding.into());
    }

    /// Says that a file was not, or not fully, analysed. Beyond 200 the last one
    /// only counts: a flood must not cost the findings their place in the answer.
    pub fn problem(&mut self, file: File<'_>, reason: impl Into<String>) {
        self.add_problem(wit::Problem {
            path: Some(file.path().into()),
            artifact: Some(file.entry.artifact),
            reason: reason.into(),
        });
    }

    /// As [`Analysis::problem`], for what concerns no single file.
    pub fn general_problem(&mut self, reason: impl Into<String>) {
        self.add_problem(wit::Problem {
            path: None,
            artifact: None,
            reason: reason.into(),
        });
    }

    /// The bytes of a file of at most `limit` bytes. A larger one, and one that can't be
    /// read, is noted as a problem.
    ///
    /// ```
    /// # use packguard_sdk::{Analysis, testing::PackageBuilder};
    /// let package = PackageBuilder::new("npm", "demo").file("a.js", "let a = 1;").build();
    /// let file = package.files().next().unwrap();
    /// let mut analysis = Analysis::default();
    /// assert_eq!(analysis.read(file, 10).as_deref(), Some(&b"let a = 1;"[..]));
    /// assert_eq!(analysis.read(file, 9), None);
    /// assert_eq!(analysis.problems()[0].reason, "larger than 9 bytes: not read");
    /// ```
    pub fn read(&mut self, file: File<'_>, limit: u64) -> Option<Vec<u8>> {
        if file.size() > limit {
            self.too_large(file, limit);
            return None;
        }
        match file.read() {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.problem(file, format!("can't be read: {error}"));
                None
            }
        }
    }

    /// As [`Analysis::read`], decoded by [`text::decode`].
    pub fn read_text(&mut self, file: File<'_>, limit: u64) -> Option<String> {
        let bytes = self.read(file, limit)?;
        Some(text::decode_owned(bytes))
    }

    pub(crate) fn too_large(&mut self, file: File<'_>, limit: u64) {
        let limit = if limit >= 1 << 20 && limit.is_multiple_of(1 << 20) {
            format!("{} MiB", limit >> 20)
        } else {
            format!("{limit} bytes")
        };
        self.problem(file, format!("larger than {limit}: not read"));
    }

    fn add_problem(&mut self, problem: wit::Problem) {
        if self.problems.len() == PROBLEMS {
            self.problems.push(wit::Problem {
                path: None,
                artifact: None,
                reason: "more files, not listed, were not fully analysed".into(),
            });
        }
        if self.problems.len() > PROBLEMS {
            return;
        }
        self.problems.push(problem);
    }
}

/// What decides which findings of a rule are kept.
fn gravity(finding: &wit::Finding) -> (u8, u8, u8) {
    (
        finding.severity as u8,
        finding.confidence as u8,
        finding.phase.urgency(),
    )
}

impl From<Analysis> for wit::Analysis {
    fn from(from: Analysis) -> Self {
        Self {
            findings: from.findings,
            problems: from.problems,
        }
    }
}

/// Records made by hand: nothing checks that they carry evidence or stay within the limits
/// that [`Analysis::push`] and [`Analysis::problem`] keep.
impl From<wit::Analysis> for Analysis {
    fn from(from: wit::Analysis) -> Self {
        Self {
            findings: from.findings,
            problems: from.problems,
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::PackageBuilder;
    use crate::{Category, Confidence, Rule, Severity};

    const RULE: Rule = Rule::new(
        "test-rule",
        "A test",
        "",
        Category::Execution,
        Severity::Low,
        &[],
    );

    #[test]
    fn decoys_do_not_push_out_the_grave_finding() {
        let mut analysis = Analysis::default();
        for _ in 0..FINDINGS_PER_RULE {
            analysis.push(RULE.about_package("mild", Confidence::Low));
        }
        let grave = RULE.about_package("grave", Confidence::High);
        analysis.push(grave.severity(Severity::Critical));
        analysis.push(RULE.about_package("mild", Confidence::Low));
        assert_eq!(analysis.findings().len(), FINDINGS_PER_RULE);
        assert!(
            analysis
                .findings()
                .iter()
                .any(|one| one.severity == Severity::Critical)
        );
    }

    #[test]
    fn a_flood_of_problems_is_cut_and_says_so() {
        let package = PackageBuilder::new("pypi", "x").file("a.py", "").build();
        let mut analysis = Analysis::default();
        for _ in 0..1_000 {
            analysis.problem(package.files().next().unwrap(), "broken");
        }
        assert_eq!(analysis.problems().len(), PROBLEMS + 1);
        assert!(analysis.problems()[PROBLEMS].reason.contains("more files"));
    }

    #[test]
    fn what_can_not_be_read_is_a_problem() {
        let package = PackageBuilder::new("pypi", "x").file("a.py", "1").build();
        let file = package.files().next().unwrap();
        std::fs::remove_file(&file.entry.location).unwrap();
        let mut analysis = Analysis::default();
        assert_eq!(analysis.read_text(file, 1 << 20), None);
        assert!(analysis.problems()[0].reason.starts_with("can't be read: "));
        assert_eq!(analysis.read(file, 0), None);
        assert_eq!(
            analysis.problems()[1].reason,
            "larger than 0 bytes: not read"
        );
    }
}
