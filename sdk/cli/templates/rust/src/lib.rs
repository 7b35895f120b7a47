//! Finds code that sends the whole environment away: build machines keep their secrets in
//! environment variables.

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Analyzer, Category, Confidence, Descriptor, File, Rule, Severity};
use packguard_sdk::{descriptor, export_analyzer};

/// The id is unique over all analyzers; the platform shows the other texts with each finding.
const ENVIRONMENT_SENT: Rule = Rule::new(
    "{{name}}-environment-sent",
    "The code sends the whole environment away",
    "Found where one line of code takes all environment variables and sends them somewhere. \
     Build machines keep their secrets there.\n\nRead where it sends them.",
    Category::Exfiltration,
    Severity::High,
    &["T1567"],
);

/// The environment as a whole: reading one variable is everyday work.
const WHOLE: &[&str] = &[
    "dict(os.environ)",
    "os.environ.copy()",
    "JSON.stringify(process.env)",
];

/// What sends: handing the environment on to a program of one's own is everyday work, too.
const SENDERS: &[&str] = &["urlopen(", "requests.post(", "fetch(", "axios.post("];

#[derive(Default)]
struct EnvironmentSent;

impl Analyzer for EnvironmentSent {
    const DESCRIPTOR: Descriptor = Descriptor {
        rules: &[&ENVIRONMENT_SENT],
        ..descriptor!()
    };
    const FILES: &'static [&'static str] = &["*.{py,js,mjs,cjs}"];

    fn text(&mut self, file: File<'_>, source: &Source<'_>, analysis: &mut Analysis) {
        let mut start = 0;
        for line in source.text().split_inclusive('\n') {
            let whole = WHOLE
                .iter()
                .find_map(|word| line.find(word).map(|at| (start + at, word.len())));
            if let Some((at, length)) = whole
                && SENDERS.iter().any(|word| line.contains(word))
            {
                let finding =
                    ENVIRONMENT_SENT.at(file, source, at..at + length, Confidence::High);
                analysis.push(finding.why("Secrets in the environment leave the machine."));
            }
            start += line.len();
        }
    }
}

export_analyzer!(EnvironmentSent);
