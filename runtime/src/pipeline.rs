//! The steps of one package: unpack, analyze side by side, judge.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::assemble::{self, Assembly};
use crate::bindings::judge;
use crate::bindings::types::Package;
use crate::component::{Component, World};
use crate::configuration::Listener;
use crate::dossier;
use crate::engine::Runtime;
use crate::host::sink::ArchiveLimits;
use crate::limits::Limits;
use crate::report::{Behaviour, Outcome, Report, SCHEMA_VERSION, StepInfo, StepOutcome, Verdict};
use crate::sandbox::micros;

pub(crate) mod compare;
mod folder;
mod input;
mod provenance;
mod shadow;
pub(crate) mod suppress;
mod unpack;

pub use compare::{Snapshot, rules as comparison_rules};
pub use input::{
    Input, InputArtifact, Integrity, KnownFinding, PipelineError, SkippedArtifact, Source,
};
pub use shadow::{Analysed, Comparison, Judged};
pub use suppress::{Scope, Suppression};

/// Is told of each analyzer as it finishes, in no fixed order. It must not block.
pub type Watcher = Arc<dyn Fn(&StepInfo) + Send + Sync>;

/// A set of components and limits, ready to analyse packages. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    runtime: Runtime,
    unpacker: Component,
    analyzers: Vec<Component>,
    judge: Component,
    limits: Limits,
    archive: ArchiveLimits,
    missing: Vec<Missing>,
    watcher: Option<Watcher>,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("components", &self.components())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A component of a pipeline, for those who ask what a report came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct ComponentId {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Lower-case hex SHA-256 of it.
    pub digest: String,
}

/// An analyzer that should run and does not: reports say so, and are never `clean`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Why, for whoever reads the report.
    pub reason: String,
}

impl Pipeline {
    /// A pipeline of exactly one unpacker, one judge and at least one analyzer.
    ///
    /// # Errors
    /// [`PipelineError::Components`] when the set is another.
    pub fn new(
        runtime: Runtime,
        components: &[Component],
        limits: Limits,
        archive: ArchiveLimits,
    ) -> Result<Self, PipelineError> {
        let of = |world| {
            components
                .iter()
                .filter(move |one| one.world() == world)
                .cloned()
        };
        let one = |world, name: &str| match &of(world).collect::<Vec<_>>()[..] {
            [one] => Ok(one.clone()),
            some => Err(PipelineError::Components(format!(
                "{} components are an {name}; one is needed",
                some.len()
            ))),
        };
        let (unpacker, judge) = (
            one(World::Unpacker, "unpacker")?,
            one(World::Judge, "judge")?,
        );
        let mut analyzers: Vec<_> = of(World::Analyzer).collect();
        if analyzers.is_empty() {
            return Err(PipelineError::Components("there is no analyzer".into()));
        }
        analyzers.sort_by(|a, b| a.descriptor().name.cmp(&b.descriptor().name));
        if let Some(pair) = analyzers
            .windows(2)
            .find(|pair| pair[0].descriptor().name == pair[1].descriptor().name)
        {
            let name = &pair[0].descriptor().name;
            return Err(PipelineError::Components(format!(
                "two analyzers are called {name}"
            )));
        }
        Ok(Self {
            runtime,
            unpacker,
            analyzers,
            judge,
            limits,
            archive,
            missing: Vec::new(),
            watcher: None,
        })
    }

    /// The same pipeline with these analyzers beside its own.
    ///
    /// # Errors
    /// [`PipelineError::Components`] where one is no analyzer, or two have the same name.
    pub fn with(&self, analyzers: &[Component]) -> Result<Self, PipelineError> {
        let mut components = vec![self.unpacker.clone(), self.judge.clone()];
        components.extend(self.analyzers.iter().chain(analyzers).cloned());
        let mut pipeline = Self::new(self.runtime.clone(), &components, self.limits, self.archive)?;
        pipeline.watcher.clone_from(&self.watcher);
        Ok(pipeline)
    }

    /// The same pipeline, whose reports say that these analyzers did not run.
    #[must_use]
    pub fn lacking(mut self, missing: Vec<Missing>) -> Self {
        self.missing = missing;
        self
    }

    /// What its components run on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The same pipeline, which tells `watcher` of each analyzer as it finishes.
    #[must_use]
    pub fn watched(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// The same pipeline, which tells `listener` of each line that its analyzers log.
    #[must_use]
    pub fn heard(mut self, listener: &Listener) -> Self {
        for one in &mut self.analyzers {
            one.listener = Some(Arc::clone(listener));
        }
        self
    }

    /// All components, by name.
    pub fn components(&self) -> Vec<ComponentId> {
        let all = [&self.unpacker, &self.judge]
            .into_iter()
            .chain(&self.analyzers);
        let mut all: Vec<_> = all.map(Component::id).collect();
        all.sort();
        all
    }

    /// Analyses one package. Unpacks below `work`, and leaves nothing there.
    ///
    /// # Errors
    /// When there is nothing to analyse, or the caller or the file system ended it. A step
    /// that failed is not an error: the report says so.
    pub async fn run(
        &self,
        input: Input,
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Report, PipelineError> {
        Ok(self.analyse(input, work, cancel).await?.report)
    }

    /// As [`Pipeline::run`], and keeps the files for [`Pipeline::shadow`].
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub async fn analyse(
        &self,
        input: Input,
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Analysed, PipelineError> {
        let (started, started_at) = (Instant::now(), SystemTime::now());
        let folder = tempfile::Builder::new()
            .prefix("packguard-")
            .tempdir_in(work)
            .map_err(at(work))?;
        let filenames = input.artifacts.iter().map(|one| one.filename.clone());
        let filenames: Vec<_> = filenames.collect();
        let mut assembly = Assembly::new(filenames.clone());
        let (package, artifacts) = self
            .unpack(&input, folder.path(), &mut assembly, cancel)
            .await?;
        let package = Arc::new(package);
        self.analyze(&package, folder.path(), &mut assembly, cancel)
            .await?;
        for skipped in &input.skipped {
            let reason = format!("{} was not analysed: {}", skipped.filename, skipped.reason);
            assembly.incomplete("fetch", None, None, reason);
        }
        for missing in &self.missing {
            assembly.incomplete(&missing.name, None, None, &*missing.reason);
        }
        assembly.know(&input.known);
        let comparison = input.before.as_ref().map(|before| {
            let files = compare::files(&package, &input.package, &filenames);
            let (comparison, told) = compare::compare(
                before,
                &input.package,
                &files,
                &assembly.findings,
                &assembly.steps,
            );
            assembly.know(&told);
            comparison
        });
        assembly.notes.extend(input.notes.iter().cloned());
        assembly.identify(&package, &input.suppressions);
        assembly.order();
        let verdict = self.verdict(&package, &mut assembly, cancel).await?;
        let report = Report {
            schema_version: SCHEMA_VERSION.into(),
            provenance: self.provenance(&input),
            package: input.package,
            artifacts,
            verdict,
            rules: assembly.cited_rules(),
            findings: assembly.findings,
            incomplete: assembly.incomplete,
            notes: assembly.notes,
            comparison,
            behaviour: not_observed(),
            analyzers: assembly.steps,
            started_at: Some(humantime::format_rfc3339_seconds(started_at).to_string()),
            duration_us: Some(micros(started.elapsed())),
        };
        Ok(Analysed::new(
            report,
            package,
            filenames,
            input.suppressions,
            folder,
        ))
    }

    async fn analyze(
        &self,
        package: &Arc<Package>,
        folder: &Path,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<(), PipelineError> {
        let files = folder.join("package");
        let mut running = JoinSet::new();
        let applicable = self
            .analyzers
            .iter()
            .filter(|one| applies(one, &package.ecosystem));
        for (index, component) in applicable.cloned().enumerate() {
            let (runtime, package, files) =
                (self.runtime.clone(), Arc::clone(package), files.clone());
            let limits = component.configuration.limits(&self.limits);
            let cancel = cancel.clone();
            running.spawn(async move {
                let step = runtime
                    .analyze(&component, package, &files, &limits, &cancel)
                    .await;
                (index, component, step)
            });
        }
        let mut done = Vec::new();
        while let Some(joined) = running.join_next().await {
            // A step catches what guests do; a panic of ours goes on where it can be seen.
            let (index, component, step) = match joined {
                Ok(done) => done,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return Err(PipelineError::Cancelled),
            };
            if let Some(watcher) = &self.watcher {
                watcher(&assemble::info(&component, &step));
            }
            done.push((index, component, step));
        }
        done.sort_by_key(|(index, ..)| *index);
        for (_, component, step) in done {
            if step.outcome() == StepOutcome::Cancelled {
                return Err(PipelineError::Cancelled);
            }
            if let Some(analysis) = assembly.record(&component, step) {
                assembly.add(&component, analysis);
            }
        }
        Ok(())
    }

    async fn verdict(
        &self,
        package: &Package,
        assembly: &mut Assembly,
        cancel: &CancellationToken,
    ) -> Result<Verdict, PipelineError> {
        let thresholds = dossier::thresholds(&package.settings);
        let findings = dossier::judged(&assembly.findings);
        let dossier = judge::Dossier {
            purl: package.purl.clone(),
            ecosystem: package.ecosystem.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            evidence: dossier::evidence(&findings, &package.settings),
            incomplete: assembly
                .incomplete
                .iter()
                .map(|one| one.reason.clone())
                .collect(),
        };
        let step = self
            .runtime
            .judge(&self.judge, dossier, &self.limits, cancel)
            .await;
        if step.outcome() == StepOutcome::Cancelled {
            return Err(PipelineError::Cancelled);
        }
        Ok(match assembly.record(&self.judge, step) {
            Some(verdict) => {
                let findings = dossier::judged(&assembly.findings);
                assemble::verdict(verdict, &findings, &assembly.incomplete, thresholds)
            }
            None => Verdict {
                outcome: Outcome::Incomplete,
                score: 0,
                summary: "There is no verdict: the judge failed.".into(),
                reasons: Vec::new(),
                thresholds: Some(thresholds),
            },
        })
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PipelineError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => PipelineError::Storage(path),
        _ => PipelineError::Io { path, source },
    }
}

/// Local archives are of no known ecosystem: everything looks at them.
fn applies(component: &Component, ecosystem: &str) -> bool {
    let wanted = &component.descriptor().ecosystems;
    let covered = wanted.is_empty() || wanted.iter().any(|one| one == ecosystem);
    ecosystem == "generic" || (covered && component.configuration.covers(ecosystem))
}

fn not_observed() -> Behaviour {
    Behaviour {
        install: None,
        import: None,
        execute: None,
        reason: Some("the package was read, not run: static analysis observes no behaviour".into()),
    }
}
