//! One package: fetched, analysed, compared with the release before.

use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use packguard_runtime::report::Report;
use packguard_runtime::{Analysed, Input, InputArtifact, Pipeline, Snapshot, Source};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::failures::{failure, fetch_failed, no_space, pipeline_failed};
use super::jobs::{self, Job, Listed, Work};
use super::{Stop, work};
use crate::cli::AnalysisArgs;
use crate::components::{self, Setup};
use crate::knowledge::Knowledge;
use crate::limits::ScanLimits;
use crate::output::{Failure, FailureCategory};
use crate::purl::Purl;
use crate::registry::{FetchError, Registry, RegistryConfig};
use crate::suppressions;

/// What all packages of a run share.
pub(crate) struct Scan<'a> {
    pub(super) pipeline: Pipeline,
    pub(super) registry: Registry,
    pub(super) limits: ScanLimits,
    pub(super) knowledge: Knowledge,
    pub(super) today: NaiveDate,
    pub(super) folder: &'a Path,
    pub(super) cancel: &'a CancellationToken,
}

/// Where packages are unpacked; gone when it is dropped.
pub(crate) fn work_folder() -> Result<TempDir, Stop> {
    work::folder(None)
        .map_err(|error| Stop::environment(&error, "set TMPDIR to a folder that can be written"))
}

impl<'a> Scan<'a> {
    /// Sets up what the options say, and names what ran out.
    pub(crate) async fn new(
        args: &AnalysisArgs,
        knowledge: Knowledge,
        folder: &'a Path,
        cancel: &'a CancellationToken,
    ) -> Result<Self, Stop> {
        let today = args.today.unwrap_or_else(suppressions::today);
        for line in knowledge.suppressions.expired(today) {
            eprintln!("warning: {}", crate::output::line(&line));
        }
        let pipeline = components::pipeline(Setup {
            slots: 0,
            cache: components::default_cache(args.cache_dir.clone()),
            cpu: args.cpu,
            analyzers: args.analyzer.clone(),
            limits: args.limits.step,
            archive: args.limits.archive,
        });
        let pipeline = pipeline.await.map_err(|error| setup_failed(&error))?;
        let config = RegistryConfig {
            offline: args.offline,
            ..RegistryConfig::from_process()
        };
        Ok(Self {
            pipeline,
            registry: Registry::new(config, cancel.clone()),
            limits: args.limits.clone(),
            knowledge,
            today,
            folder,
            cancel,
        })
    }

    pub(super) async fn job(&self, job: &Job) -> Result<Report, Failure> {
        let folder = self.job_folder(job)?;
        let (input, _) = self.input(job, folder.path()).await?;
        Ok(self.analyse(job, input, folder.path()).await?.report)
    }

    /// As [`Scan::job`], with what is new since the release before. Where that can't be had, the
    /// report says so.
    pub(super) async fn compared(&self, job: &Job) -> Result<Report, Failure> {
        let folder = self.job_folder(job)?;
        let (mut input, before) = self.input(job, folder.path()).await?;
        if let Some(before) = before {
            let label = before.to_string();
            let before = Job {
                label: label.clone(),
                work: Work::Release(before),
                pinned: Vec::new(),
                listed: true,
            };
            match Box::pin(self.snapshot(&before, None, &[])).await {
                Ok(before) => input.before = Some(Arc::new(before)),
                Err(failure) => input.notes.push(format!(
                    "it was not compared with {}, the release before: {}",
                    crate::output::line(&label),
                    crate::output::line(&failure.message)
                )),
            }
        }
        Ok(self.analyse(job, input, folder.path()).await?.report)
    }

    /// Analyses what one argument of the command line names, as part of a comparison.
    pub(crate) async fn one(
        &self,
        argument: &str,
        before: Option<Arc<Snapshot>>,
        settings: &[(String, String)],
    ) -> Result<Snapshot, Failure> {
        let mut listed: Listed = jobs::list(&[argument.to_owned()]);
        if let Some(failure) = listed.failures.pop() {
            return Err(failure);
        }
        match (listed.jobs.pop(), listed.jobs.is_empty()) {
            (Some(job), true) if !job.listed => self.snapshot(&job, before, settings).await,
            _ => Err(failure(
                argument,
                FailureCategory::Usage,
                &"this is a list of packages, not one package",
                "name one release: a purl with its version, an archive or a folder",
            )),
        }
    }

    async fn snapshot(
        &self,
        job: &Job,
        before: Option<Arc<Snapshot>>,
        settings: &[(String, String)],
    ) -> Result<Snapshot, Failure> {
        let folder = self.job_folder(job)?;
        let (mut input, _) = self.input(job, folder.path()).await?;
        input.before = before;
        input.settings.extend(settings.iter().cloned());
        let analysed = self.analyse(job, input, folder.path()).await?;
        Ok(analysed.snapshot())
    }

    async fn analyse(
        &self,
        job: &Job,
        mut input: Input,
        folder: &Path,
    ) -> Result<Analysed, Failure> {
        self.knowledge.tell(&mut input, self.today);
        let analysed = self.pipeline.analyse(input, folder, self.cancel).await;
        analysed.map_err(|error| pipeline_failed(&job.label, &error))
    }

    fn job_folder(&self, job: &Job) -> Result<TempDir, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("job-")
            .tempdir_in(self.folder);
        folder.map_err(|error| no_space(&job.label, &error))
    }

    /// What is to be analysed, and the release before it.
    async fn input(&self, job: &Job, folder: &Path) -> Result<(Input, Option<Purl>), Failure> {
        match &job.work {
            Work::Release(purl) => self.fetch(job, purl, folder).await,
            Work::Local(input) => {
                self.check_size(job, input)?;
                Ok((input.clone(), None))
            }
        }
    }

    /// A local archive has the limit of a downloaded one.
    fn check_size(&self, job: &Job, input: &Input) -> Result<(), Failure> {
        let limit = self.limits.fetch.artifact_bytes;
        let too_large = |artifact: &InputArtifact| match &artifact.source {
            Source::Archive(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > limit),
            Source::Folder(_) => false,
        };
        if input.artifacts.iter().any(too_large) {
            let message = format!("it is larger than {limit} bytes");
            let hint = "raise --limits artifact-size if you expect packages of this size";
            return Err(failure(
                &job.label,
                FailureCategory::Package,
                &message,
                hint,
            ));
        }
        Ok(())
    }

    async fn fetch(
        &self,
        job: &Job,
        purl: &Purl,
        folder: &Path,
    ) -> Result<(Input, Option<Purl>), Failure> {
        let failed = |error: FetchError| fetch_failed(&job.label, &error);
        let release = self.registry.resolve(purl).await.map_err(failed)?;
        let downloads = folder.join("download");
        std::fs::create_dir(&downloads).map_err(|error| no_space(&job.label, &error))?;
        let fetched = self
            .registry
            .fetch(&release, &self.limits.fetch, &downloads)
            .await
            .map_err(failed)?;
        let before = release.previous.as_deref();
        let before = before.map(|version| release.purl.at_version(version));
        Ok((jobs::input(release, fetched, &job.pinned), before))
    }
}

fn setup_failed(error: &components::SetupError) -> Stop {
    use components::SetupError;
    match error {
        SetupError::Component { .. } | SetupError::Read { .. } | SetupError::Pipeline(_) => {
            Stop::usage(error, "check the files named by --analyzer")
        }
        SetupError::Cache(_) => Stop::environment(error, "name another folder with --cache-dir"),
        SetupError::Runtime(_) => Stop::environment(
            error,
            "the sandboxes reserve address space: raise `ulimit -v` if it is set",
        ),
    }
}
