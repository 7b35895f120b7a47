//! `sdk test`: the samples, against their golden outputs.

use packguard_platform::output::{line, write_atomically};
use packguard_runtime::Component;
use packguard_runtime::report::{Finding, Severity, StepOutcome};
use serde::Serialize;
use similar::TextDiff;
use tokio_util::sync::CancellationToken;

use crate::cli::TestArgs;
use crate::failure::{Failure, PROJECT, at, environment};
use crate::lab::{Lab, Run};
use crate::project::{Label, Project, Sample};
use crate::{build, print};

/// Most lines of a difference that are shown; `--json` has all findings.
const MAX_DIFF: usize = 80;

/// What all samples gave.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    name: String,
    version: String,
    digest: String,
    samples: Vec<Case>,
    /// Of the flagged samples, the share that is malicious; absent where none is flagged.
    precision: Option<f64>,
    /// Of the malicious samples, the share that is flagged; absent where none is malicious.
    recall: Option<f64>,
}

/// What one sample gave.
#[derive(Debug, Serialize)]
struct Case {
    name: String,
    label: Label,
    outcome: Outcome,
    /// Whether a finding is graver than `info`.
    flagged: bool,
    /// Why it is not as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(flatten)]
    run: Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The findings are those of the golden output.
    Same,
    /// They were, or are now, written to it.
    Updated,
    /// They are not.
    Differs,
    /// The analyzer gave no answer.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "ok",
            Self::Updated => "updated",
            Self::Differs => "differs",
            Self::Failed => "failed",
        }
    }
}

pub(super) async fn run(args: &TestArgs, cancel: &CancellationToken) -> Result<u8, Failure> {
    let project = Project::here()?;
    let path = build::component(Some(&project), &args.component).await?;
    let lab = Lab::new().await?;
    let analyzer = lab.load(&path).await?;
    let results = samples(&lab, &project, &analyzer, args.update, cancel).await?;
    if args.json {
        print::json(&results)?;
    } else {
        print::text(&results.text())?;
    }
    Ok(if results.is_ok() { 0 } else { PROJECT })
}

/// Runs `analyzer` on all samples of `project`.
pub(super) async fn samples(
    lab: &Lab,
    project: &Project,
    analyzer: &Component,
    update: bool,
    cancel: &CancellationToken,
) -> Result<Results, Failure> {
    let mut cases = Vec::new();
    for sample in project.samples()? {
        let run = lab.sample(analyzer, &sample, cancel).await?;
        cases.push(compare(&sample, run, update)?);
    }
    let descriptor = analyzer.descriptor();
    let of = |flagged: Option<bool>, label: Option<Label>| {
        cases
            .iter()
            .filter(|case| flagged.is_none_or(|wanted| case.flagged == wanted))
            .filter(|case| label.is_none_or(|wanted| case.label == wanted))
            .count()
    };
    let caught = of(Some(true), Some(Label::Malicious));
    Ok(Results {
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        digest: analyzer.digest().into(),
        precision: share(caught, of(Some(true), None)),
        recall: share(caught, of(None, Some(Label::Malicious))),
        samples: cases,
    })
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn compare(sample: &Sample, run: Run, update: bool) -> Result<Case, Failure> {
    let (outcome, message) = match &run.step {
        Some(step) if step.outcome != StepOutcome::Ok => {
            let said = step.message.as_deref().unwrap_or("it gave no answer");
            (Outcome::Failed, Some(said.to_owned()))
        }
        _ => golden(sample, &run.findings, update)?,
    };
    Ok(Case {
        name: sample.name.clone(),
        label: sample.about.label,
        outcome,
        flagged: run
            .findings
            .iter()
            .any(|finding| finding.severity > Severity::Info),
        message,
        run,
    })
}

fn golden(
    sample: &Sample,
    found: &[Finding],
    update: bool,
) -> Result<(Outcome, Option<String>), Failure> {
    if update {
        // What is there may be damaged: it is about to be replaced.
        if matches!(sample.expected(), Ok(Some(expected)) if expected == found) {
            return Ok((Outcome::Same, None));
        }
        let path = sample.golden();
        write_atomically(&path, pretty(found)?.as_bytes()).map_err(at(&path))?;
        return Ok((Outcome::Updated, None));
    }
    let Some(expected) = sample.expected()? else {
        let message = "there is no expected.json: sdk test --update writes it";
        return Ok((Outcome::Differs, Some(message.into())));
    };
    if expected == found {
        return Ok((Outcome::Same, None));
    }
    let (expected, found) = (pretty(&expected)?, pretty(found)?);
    let diff = TextDiff::from_lines(&expected, &found);
    let text = diff
        .unified_diff()
        .header("expected.json", "found")
        .to_string();
    Ok((Outcome::Differs, Some(text)))
}

pub(super) fn pretty(findings: &[Finding]) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(findings)
        .map_err(|error| environment(error, "this is a defect of Packguard: please report it"))?;
    Ok(text + "\n")
}

impl Results {
    /// Whether every sample gave what is expected.
    pub(super) fn is_ok(&self) -> bool {
        self.samples
            .iter()
            .all(|case| matches!(case.outcome, Outcome::Same | Outcome::Updated))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} {}\n", line(&self.name), line(&self.version));
        let width = self.samples.iter().map(|case| case.name.len()).max();
        for case in &self.samples {
            text += &case.text(width.unwrap_or_default());
        }
        let good = self.samples.iter().filter(|case| case.is_ok()).count();
        text += &format!(
            "{}, {good} as expected; precision {}, recall {}\n",
            print::count(self.samples.len(), "sample"),
            percent(self.precision),
            percent(self.recall)
        );
        text
    }

    /// In one line.
    pub(super) fn summary(&self) -> String {
        let good = self.samples.iter().filter(|case| case.is_ok()).count();
        format!(
            "{good} of {} as expected",
            print::count(self.samples.len(), "sample")
        )
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.0} %", share * 100.0))
}

impl Case {
    fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Same | Outcome::Updated)
    }

    fn text(&self, width: usize) -> String {
        let found = match self.run.step {
            None => format!("not for this ecosystem{}", self.verdict()),
            Some(_) => format!(
                "{}{}",
                print::count(self.run.findings.len(), "finding"),
                self.verdict()
            ),
        };
        let name = line(&self.name);
        let mut text = format!(
            "  {:<8} {name:<width$}  {:<9}  {found}\n",
            self.outcome.as_str(),
            self.label.as_str(),
        );
        if let Some(message) = &self.message {
            let lines: Vec<_> = message.lines().collect();
            for shown in lines.iter().take(MAX_DIFF) {
                text += &format!("    {}\n", line(shown));
            }
            if lines.len() > MAX_DIFF {
                text += &format!("    … {} more lines\n", lines.len() - MAX_DIFF);
            }
        }
        for item in self.run.incomplete.iter().take(MAX_DIFF) {
            let place = item.path.as_deref().unwrap_or(&item.step);
            text += &format!(
                "    not analysed: {}: {}\n",
                line(place),
                line(&item.reason)
            );
        }
        text
    }

    /// Where the findings say otherwise than the label.
    fn verdict(&self) -> &'static str {
        match (self.label, self.flagged) {
            (Label::Benign, true) => ", a false alarm",
            (Label::Malicious, false) => ", missed",
            _ => "",
        }
    }
}
