//! What stands together in a small package, whatever flows where.
//!
//! Two views: each small file by itself, and the files that run at installation and import
//! together, where these are small together. Large packages have everything somewhere.

mod keys;

use std::collections::BTreeSet;

use packguard_sdk::text::Source;
use packguard_sdk::{Analysis, Category, Confidence, Hit, Phase, Rule, Severity};

use super::{destruction, execution, exfiltration, obfuscation, shell, surveillance, theft};
use crate::link::Seen;
use crate::reach;
use crate::signs::Signs;
use crate::signs::bits::{
    ADDRESS, BROWSER, BY_NAME, CHMOD, CLIPBOARD_READ, CLIPBOARD_WRITE, CLOUD_ADDRESS, CONTAINER,
    COPIES, CREDENTIAL, DECODES, DELETES, DUMP, ENCRYPTS, ENDLESS, ENVIRONMENT_FILTER,
    ENVIRONMENT_LOOP, EXECS, FACT_FOLDER, FACT_HOST, FACT_SYSTEM, FACT_USER, HIDDEN_CODE, HOME,
    HOST, ITSELF, KEYS, LOCATES, MATCHES, MINER, NOTE, OTHERS_PLACE, OTHERS_PROJECT, OVERWRITES,
    PUBLISHES, REPEATS, REQUEST, ROUTE, RUNS, RUNS_DATA, SCREEN, SECRET_NAME, SENDS, SILENT,
    SILENT_COMMAND, SOCKET, STARTS, UPLOADS, URL, WALKS, WALLET, WIPES, WORKFLOW_SECRETS, WRITES,
};

/// A web request that is run.
pub const BACKDOOR_ROUTE: Rule = Rule::new(
    "python-request-run",
    "Runs what a web request holds",
    "Found when a function reads a request's headers, cookies or body and hands something that is \
     not constant to `eval`, `exec` or a shell, or, once a digest of what was sent is the right \
     one, to `pickle.loads` or `marshal.loads`.\n\nWhoever can reach the server runs code on \
     it. Frameworks and middlewares with a back door look like this.\n\nDo not install.",
    Category::CommandAndControl,
    Severity::High,
    &["T1505.003"],
);

/// A miner.
pub const MINER_START: Rule = Rule::new(
    "python-miner",
    "Starts mining",
    "Found when a package that runs by itself names a miner, its options or its protocol, and \
     starts programs, containers or connections.\n\nDo not install.",
    Category::Impact,
    Severity::High,
    &["T1496"],
);

/// A worm.
pub const SPREADING: Rule = Rule::new(
    "python-spreading",
    "Puts itself into other projects",
    "Found when a package that runs by itself copies itself or its name into other projects, \
     environments or drives, publishes packages with the user's credentials, or commits workflows \
     that write out secrets.\n\nDo not install.",
    Category::Execution,
    Severity::High,
    &["T1195.002", "T1080"],
);

/// Largest file that is looked at by itself, in bytes.
const FILE_LIMIT: u64 = 24 << 10;
/// What is looked at together, in bytes.
const TOGETHER_LIMIT: u64 = 64 << 10;

/// Packages so small, in bytes, that their parts serve one purpose.
const TINY: u64 = 16 << 10;

/// Looks at the files that run by themselves.
pub fn check(seen: &[Seen<'_>], analysis: &mut Analysis) {
    let reached = reach::reached(seen);
    let size: u64 = reached.iter().map(|at| seen[*at].file.size()).sum();
    let mut said = BTreeSet::new();
    for (at, one) in seen.iter().enumerate() {
        if one.file.size() <= FILE_LIMIT && one.signs.bits != 0 {
            look(
                &[at],
                (reached.contains(&at), size),
                seen,
                &mut said,
                analysis,
            );
        }
    }
    if reached.len() > 1 && size <= TOGETHER_LIMIT {
        look(&reached, (true, size), seen, &mut said, analysis);
    }
}

/// What several files show together.
struct View<'v, 'p> {
    files: Vec<&'v Seen<'p>>,
    bits: u64,
    recon: u32,
    size: u64,
    reached: bool,
    phase: Phase,
}

impl View<'_, '_> {
    fn has(&self, bits: u64) -> bool {
        self.bits & bits == bits
    }

    fn any(&self, bits: u64) -> bool {
        self.bits & bits != 0
    }

    /// Whether it talks to a host that it names.
    fn talks(&self) -> bool {
        self.has(SENDS | URL) || self.has(SOCKET | HOST)
    }

    fn starts(&self) -> bool {
        self.has(STARTS)
    }

    fn sure(&self) -> Confidence {
        if self.any(SILENT | REPEATS) {
            Confidence::High
        } else {
            Confidence::Medium
        }
    }

    /// The hit, in the first file that shows any of `bits`.
    fn hit(&self, rule: &'static Rule, bits: u64) -> Option<(usize, Hit)> {
        let found = self
            .files
            .iter()
            .enumerate()
            .find_map(|(at, one)| Some((at, one.signs.place(bits)?)));
        found.map(|(at, range)| {
            (
                at,
                Hit::new(rule, range, self.phase).confidence(self.sure()),
            )
        })
    }
}

fn look<'p>(
    files: &[usize],
    (reached, total): (bool, u64),
    seen: &[Seen<'p>],
    said: &mut BTreeSet<&'static str>,
    analysis: &mut Analysis,
) {
    let files: Vec<&Seen<'p>> = files.iter().map(|at| &seen[*at]).collect();
    let union = |what: fn(&Signs) -> u64| files.iter().fold(0, |all, one| all | what(&one.signs));
    let mut bits = union(|signs| signs.bits);
    if !reached {
        // Nobody says that it is ever imported.
        bits &= !(STARTS | ENDLESS);
    }
    let starting = files.iter().filter(|one| one.signs.has(STARTS));
    let install = starting.clone().any(|one| one.unit.setup);
    let view = View {
        bits,
        size: total,
        reached,
        recon: union(|signs| signs.recon).count_ones(),
        phase: if install {
            Phase::Install
        } else if bits & STARTS != 0 {
            Phase::Import
        } else {
            Phase::Execute
        },
        files,
    };
    let found = [
        theft(&view),
        keys::keys(&view),
        spying(&view),
        impact(&view),
        others(&view),
        hidden(&view),
    ];
    for (at, hit) in found.into_iter().flatten() {
        if said.insert(hit.rule.id)
            && let Some(text) = analysis.read_text(view.files[at].file, FILE_LIMIT * 4)
        {
            analysis.push(hit.at(view.files[at].file, &Source::new(&text)));
        }
    }
}

type Found = Option<(usize, Hit)>;

/// What is collected and sent to a host that the package names.
fn theft(view: &View<'_, '_>) -> Found {
    // A host that does not stand there is built or read from elsewhere.
    let hidden = view.size <= TINY && view.has(CREDENTIAL | SENDS | SILENT);
    let picks = view.has(ENVIRONMENT_FILTER | SILENT);
    if !(view.starts() || picks) || !(view.talks() || hidden) {
        return None;
    }
    let facts = [FACT_HOST, FACT_USER, FACT_FOLDER, FACT_SYSTEM];
    let facts = facts.iter().filter(|fact| view.any(**fact)).count();
    let quiet = view.any(SILENT);
    let (what, bits) = if view.any(BROWSER) {
        ("what browsers keep", BROWSER)
    } else if view.any(CREDENTIAL) {
        ("files with credentials", CREDENTIAL)
    } else if view.has(CLOUD_ADDRESS) {
        ("what the cloud says about the machine", CLOUD_ADDRESS)
    } else if picks || (view.has(ENVIRONMENT_LOOP | SECRET_NAME) && quiet && view.size <= TINY) {
        ("secret environment variables", ENVIRONMENT_LOOP)
    } else if view.has(WALLET | WALKS) {
        ("wallets", WALLET)
    } else if view.has(WALKS | HOME) && (quiet && view.size <= TINY / 2) {
        ("files below the home folder", HOME)
    } else if view.has(RUNS) && view.recon >= 3 {
        ("what commands tell about host and user", RUNS)
    } else if facts >= 2 && quiet && view.size <= TINY {
        (
            "facts about host and user",
            FACT_HOST | FACT_USER | FACT_FOLDER,
        )
    } else {
        return None;
    };
    let (at, hit) = view.hit(&exfiltration::EXFILTRATION, bits)?;
    let hit = hit
        .title(format!(
            "Collects {what} by itself and talks to a host of its own"
        ))
        .why("In so small a package one serves the other.");
    Some((at, hit))
}

/// Keyboard, screen, clipboard, memory.
fn spying(view: &View<'_, '_>) -> Found {
    let replaces = view.has(CLIPBOARD_READ | CLIPBOARD_WRITE | REPEATS | STARTS);
    let knows = view.has(ADDRESS) || (view.has(MATCHES) && view.size <= TINY / 2);
    if replaces && knows {
        let (at, hit) = view.hit(&surveillance::CLIPBOARD, CLIPBOARD_WRITE)?;
        return Some((
            at,
            hit.why("It looks for patterns in what was copied, in the background, by itself."),
        ));
    }
    if !view.starts() || !view.talks() {
        return None;
    }
    let (rule, bits) = if view.any(KEYS) {
        (&surveillance::KEYLOGGER, KEYS)
    } else if view.any(SCREEN) {
        (&surveillance::SCREEN, SCREEN)
    } else if view.any(DUMP) {
        (&theft::MEMORY_DUMP, DUMP)
    } else {
        return None;
    };
    let (at, hit) = view.hit(rule, bits)?;
    let hit = hit
        .severity(Severity::High)
        .why("It runs by itself, and the same small package talks to a host of its own.");
    Some((at, hit))
}

/// What is destroyed or used up.
fn impact(view: &View<'_, '_>) -> Found {
    let starts = view.starts();
    if view.has(ENCRYPTS | WALKS | WRITES | NOTE) {
        let (at, hit) = view.hit(&destruction::RANSOM, NOTE)?;
        return Some((
            at,
            hit.confidence(Confidence::High)
                .why("It leaves a note that asks for money."),
        ));
    }
    // Nobody ships a miner's protocol beside a download that is made executable and run.
    let fetched = view.has(SENDS | URL | CHMOD | RUNS | MINER) && view.files.len() == 1;
    let mines = view.any(MINER) && (view.any(RUNS | CONTAINER) || view.has(SOCKET));
    if fetched || (starts && mines) {
        let (at, hit) = view.hit(&MINER_START, MINER)?;
        return Some((at, hit.confidence(Confidence::High)));
    }
    if starts && view.has(WIPES | RUNS) {
        let (at, hit) = view.hit(&destruction::DESTRUCTION, WIPES)?;
        return Some((at, hit.title("Runs a command that wipes files")));
    }
    if starts && view.has(WALKS | OVERWRITES | WRITES | DELETES | LOCATES) {
        let (at, hit) = view.hit(&destruction::DESTRUCTION, LOCATES)?;
        return Some((
            at,
            hit.title("Overwrites and deletes files depending on where the machine stands"),
        ));
    }
    if starts && view.has(ENDLESS) {
        let (at, hit) = view.hit(&destruction::DESTRUCTION, ENDLESS)?;
        return Some((at, hit.title("Never ends when it is imported")));
    }
    None
}

/// Back doors and worms.
fn others(view: &View<'_, '_>) -> Found {
    if view.has(ROUTE) || (view.has(REQUEST | BY_NAME) && view.reached && view.size <= TINY / 2) {
        let (at, hit) = view.hit(&BACKDOOR_ROUTE, ROUTE | BY_NAME)?;
        return Some((at, hit.confidence(Confidence::High)));
    }
    if !view.starts() || view.files.iter().all(|one| one.unit.setup) {
        return None;
    }
    if view.has(SENDS | URL | WRITES | CHMOD | RUNS | SILENT) && view.size <= TINY / 2 {
        let (at, hit) = view.hit(&execution::DOWNLOAD_EXECUTE, CHMOD)?;
        let hit = hit
            .title("Downloads, makes a file executable and starts programs by itself")
            .severity(Severity::High)
            .confidence(Confidence::Medium);
        return Some((at, hit));
    }
    let publishes = view.has(UPLOADS | OTHERS_PROJECT | WRITES | RUNS | WALKS | CREDENTIAL);
    let copies = view.has(COPIES | ITSELF | OTHERS_PLACE | WALKS);
    let workflows = view.has(WORKFLOW_SECRETS | PUBLISHES | RUNS);
    if publishes || copies || workflows {
        return view.hit(&SPREADING, UPLOADS | OTHERS_PLACE | WORKFLOW_SECRETS);
    }
    None
}

/// Code that is hidden, fetched or named as data.
fn hidden(view: &View<'_, '_>) -> Found {
    if view.has(HIDDEN_CODE) {
        let (at, hit) = view.hit(&obfuscation::OBFUSCATED, HIDDEN_CODE)?;
        let hit = hit
            .title("A string hides code that fetches and runs other code")
            .severity(Severity::High)
            .confidence(if view.starts() {
                Confidence::High
            } else {
                Confidence::Medium
            });
        return Some((at, hit));
    }
    if view.has(RUNS_DATA | STARTS) {
        let (at, hit) = view.hit(&obfuscation::OBFUSCATED, RUNS_DATA)?;
        let hit = hit
            .title("Starts Python with a file whose name says that it is data")
            .severity(Severity::High);
        return Some((at, hit));
    }
    if view.has(EXECS | DECODES | SILENT) && view.talks() && view.size <= TINY / 2 {
        let (at, hit) = view.hit(&execution::DOWNLOAD_EXECUTE, EXECS)?;
        let hit = hit
            .title("Talks to a host of its own, decodes, and runs code that is not constant")
            .severity(Severity::High);
        return Some((at, hit));
    }
    if view.has(SILENT_COMMAND | RUNS) && view.phase != Phase::Execute {
        let (at, hit) = view.hit(&shell::DOWNLOAD_RUN, SILENT_COMMAND)?;
        let hit = hit
            .title("Downloads code, runs it and hides what it prints")
            .severity(Severity::High);
        return Some((at, hit));
    }
    None
}
