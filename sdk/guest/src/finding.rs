//! Rules, findings and the analysis that carries them.

use crate::bindings::analyzer::packguard::analyzer::types as wit;
use crate::package::File;
use crate::text::Source;
use crate::{Category, Confidence, DecodedLayer, Phase, Severity};

/// A kind of finding that an analyzer can make. Written once, as a constant.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Kebab-case, unique over all analyzers.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Markdown: what it finds, why it matters, what to do.
    pub help: &'static str,
    /// What it is about.
    pub category: Category,
    /// The severity it usually has.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids.
    pub attack: &'static [&'static str],
}

/// What a component says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// Kebab-case.
    pub name: &'static str,
    /// Semantic version.
    pub version: &'static str,
    /// One line.
    pub description: &'static str,
    /// Purl types it applies to; empty for all.
    pub ecosystems: &'static [&'static str],
    /// Every rule it can emit.
    pub rules: &'static [&'static Rule],
}

impl From<Descriptor> for wit::Descriptor {
    fn from(from: Descriptor) -> Self {
        Self {
            name: from.name.into(),
            version: from.version.into(),
            description: from.description.into(),
            ecosystems: from.ecosystems.iter().map(|name| (*name).into()).collect(),
            rules: from.rules.iter().map(|rule| (*rule).into()).collect(),
        }
    }
}

impl From<&Rule> for wit::Rule {
    fn from(from: &Rule) -> Self {
        Self {
            id: from.id.into(),
            title: from.title.into(),
            help: from.help.into(),
            category: from.category,
            severity: from.severity,
            attack: from.attack.iter().map(|id| (*id).into()).collect(),
        }
    }
}

/// Longest decoded text kept as evidence, in bytes.
const DECODED_LIMIT: usize = 2_000;

/// A finding in the making. Starts from its [`Rule`], so that id, category and
/// severity can't disagree with what `describe` says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Finding(pub wit::Finding);

impl Finding {
    /// A finding of `rule`, titled as the rule is, with no place yet.
    pub fn new(rule: &Rule, confidence: Confidence) -> Self {
        Self(wit::Finding {
            rule: rule.id.into(),
            title: rule.title.into(),
            category: rule.category,
            severity: rule.severity,
            confidence,
            phase: Phase::Unknown,
            location: None,
            decoded: Vec::new(),
            why: String::new(),
        })
    }

    /// Says what was found at this place, in one line.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.title = title.into();
        self
    }

    /// Says why it matters here.
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why = why.into();
        self
    }

    /// Says when the code runs.
    pub fn phase(mut self, phase: Phase) -> Self {
        self.0.phase = phase;
        self
    }

    /// Deviates from the rule's usual severity.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    /// Points at a file as a whole.
    pub fn at_file(mut self, file: File<'_>) -> Self {
        self.0.location = Some(wit::Location {
            artifact: file.entry.artifact,
            path: file.path().into(),
            line: None,
            column: None,
            end_line: None,
            snippet: None,
        });
        self
    }

    /// Points at a byte range of a text file, with the snippet that stands there.
    pub fn at(
        mut self,
        file: File<'_>,
        source: &Source<'_>,
        range: std::ops::Range<usize>,
    ) -> Self {
        let (line, column) = source.position(range.start);
        let (end_line, _) = source.position(range.end.max(range.start));
        self.0.location = Some(wit::Location {
            artifact: file.entry.artifact,
            path: file.path().into(),
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            snippet: Some(source.snippet(range)),
        });
        self
    }

    /// Adds a decoded layer, outermost first.
    pub fn decoded(mut self, encoding: &str, text: &str) -> Self {
        self.0.decoded.push(DecodedLayer {
            encoding: encoding.into(),
            text: crate::text::cut(text, DECODED_LIMIT).into(),
        });
        self
    }
}

/// Most findings one rule may make in one package: beyond it they add nothing a
/// person would read, and a hostile package must not flood the report.
pub const FINDINGS_PER_RULE: usize = 25;

/// Most problems one analyzer lists.
const PROBLEMS: usize = 200;

/// What an analyzer has to say about a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    /// The evidence.
    pub findings: Vec<wit::Finding>,
    /// What was not, or not fully, analysed. Any makes `clean` impossible.
    pub problems: Vec<wit::Problem>,
}

impl Analysis {
    /// Adds a finding. Of a rule's findings the gravest [`FINDINGS_PER_RULE`] are kept, so
    /// that harmless ones can't push out the one that matters.
    pub fn push(&mut self, finding: Finding) {
        let new = finding.0;
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
    let phase = match finding.phase {
        Phase::Install => 3,
        Phase::Import => 2,
        Phase::Execute => 1,
        Phase::Unknown => 0,
    };
    (finding.severity as u8, finding.confidence as u8, phase)
}

impl From<Analysis> for wit::Analysis {
    fn from(from: Analysis) -> Self {
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

    const RULE: Rule = Rule {
        id: "test-rule",
        title: "A test",
        help: "",
        category: Category::Execution,
        severity: Severity::Low,
        attack: &[],
    };

    #[test]
    fn decoys_do_not_push_out_the_grave_finding() {
        let mut analysis = Analysis::default();
        for _ in 0..FINDINGS_PER_RULE {
            analysis.push(Finding::new(&RULE, Confidence::Low));
        }
        analysis.push(Finding::new(&RULE, Confidence::High).severity(Severity::Critical));
        analysis.push(Finding::new(&RULE, Confidence::Low));
        assert_eq!(analysis.findings.len(), FINDINGS_PER_RULE);
        assert!(
            analysis
                .findings
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
        assert_eq!(analysis.problems.len(), PROBLEMS + 1);
        assert!(analysis.problems[PROBLEMS].reason.contains("more files"));
    }
}
