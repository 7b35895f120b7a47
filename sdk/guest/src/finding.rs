//! Findings in the making.

use std::ops::Range;

use crate::bindings::analyzer::packguard::analyzer::types as wit;
use crate::decode::Layer;
use crate::package::File;
use crate::text::Source;
use crate::{Category, Confidence, DecodedLayer, Phase, Rule, Severity};

/// Longest decoded text kept as evidence, in bytes.
const DECODED_LIMIT: usize = 2_000;

/// A finding in the making.
///
/// It starts from its [`Rule`], so that id, category and severity can't disagree with the
/// descriptor, and from a place or the words that say what was seen. There is no other way
/// to make one: a finding without evidence does not compile.
///
/// ```compile_fail
/// # use packguard_sdk::{Analysis, Category, Confidence, Finding, Rule, Severity};
/// # const RULE: Rule = Rule::new("demo", "Demo", "", Category::Execution, Severity::Low, &[]);
/// Analysis::default().push(Finding::new(&RULE, Confidence::High)); // no such function
/// ```
///
/// ```
/// # use packguard_sdk::{Analysis, Category, Confidence, Rule, Severity};
/// # const RULE: Rule = Rule::new("demo", "Demo", "", Category::Execution, Severity::Low, &[]);
/// Analysis::default().push(RULE.about_package("Its name is one letter off", Confidence::High));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Finding(wit::Finding);

impl Finding {
    pub(crate) fn of(rule: &Rule, location: Option<wit::Location>, confidence: Confidence) -> Self {
        Self(wit::Finding {
            rule: rule.id.into(),
            title: rule.title.into(),
            category: rule.category,
            severity: rule.severity,
            confidence,
            phase: Phase::Unknown,
            location,
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

    /// Changes how sure it is.
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.0.confidence = confidence;
        self
    }

    /// Deviates from the rule's category: for a rule that stands for others that come from
    /// elsewhere, as one for all of an operator's signatures does.
    pub fn category(mut self, category: Category) -> Self {
        self.0.category = category;
        self
    }

    /// Adds a decoded layer, outermost first; its text is cut to 2,000 bytes.
    pub fn decoded(mut self, encoding: &str, text: &str) -> Self {
        self.0.decoded.push(DecodedLayer {
            encoding: encoding.into(),
            text: crate::text::cut(text, DECODED_LIMIT).into(),
        });
        self
    }

    /// Adds decoded layers, as [`decode::layers`](crate::decode::layers) gives them.
    pub fn layers(self, layers: &[Layer]) -> Self {
        layers.iter().fold(self, |finding, layer| {
            finding.decoded(layer.encoding, &layer.text)
        })
    }

    /// The record as the host gets it.
    pub fn record(&self) -> &wit::Finding {
        &self.0
    }
}

impl From<Finding> for wit::Finding {
    fn from(from: Finding) -> Self {
        from.0
    }
}

/// What a rule found at a byte range of a text, before it is known which file that text
/// belongs to: for code that looks at texts alone, and at texts inside of texts.
///
/// [`Hit::at`] ties it to its file.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its rule.
    pub rule: &'static Rule,
    /// What was found, one line.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// When the code runs.
    pub phase: Phase,
    /// Byte range in the outermost text.
    pub range: Range<usize>,
    /// Layers taken off to get there, outermost first.
    pub layers: Vec<Layer>,
}

impl Hit {
    /// A hit of `rule` with its usual title and severity, and high confidence.
    ///
    /// ```
    /// use packguard_sdk::{Category, Hit, Phase, Rule, Severity};
    /// const RULE: Rule = Rule::new("demo", "Demo", "", Category::Execution, Severity::Low, &[]);
    ///
    /// let hit = Hit::new(&RULE, 0..4, Phase::Install).severity(Severity::High);
    /// assert_eq!((hit.title.as_str(), hit.severity), ("Demo", Severity::High));
    /// ```
    pub fn new(rule: &'static Rule, range: Range<usize>, phase: Phase) -> Self {
        Self {
            rule,
            title: rule.title.into(),
            why: String::new(),
            severity: rule.severity,
            confidence: Confidence::High,
            phase,
            range,
            layers: Vec::new(),
        }
    }

    /// Says what was found here.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Says why it matters here.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the confidence.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Adds decoded layers.
    #[must_use]
    pub fn layers(mut self, layers: &[Layer]) -> Self {
        self.layers.extend_from_slice(layers);
        self
    }

    /// The finding, at its range of the file's text.
    pub fn at(self, file: File<'_>, source: &Source<'_>) -> Finding {
        let finding = self
            .rule
            .at(file, source, self.range.clone(), self.confidence);
        self.fill(finding)
    }

    /// The finding, about the file as a whole: where the range is not one of the file.
    pub fn at_file(self, file: File<'_>) -> Finding {
        let finding = self.rule.at_file(file, self.confidence);
        self.fill(finding)
    }

    fn fill(self, finding: Finding) -> Finding {
        finding
            .title(self.title)
            .why(self.why)
            .severity(self.severity)
            .phase(self.phase)
            .layers(&self.layers)
    }
}
