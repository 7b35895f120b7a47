//! `sdk deploy`: what was built, checked and tested is what is published, byte for byte.

mod show;
mod upload;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::Signer as _;
use packguard_platform::functions::signature::{PublicKey, payload};
use packguard_platform::output::line;
use packguard_runtime::Component;
use packguard_runtime::report::DescriptorInfo;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use self::upload::Published;
use super::{aliases, check, keys, test};
use crate::build;
use crate::cli::DeployArgs;
use crate::failure::{Failure, environment, project};
use crate::lab::{self, Lab};
use crate::print;
use crate::project::Project;
use crate::server::{Server, prompt};

/// A version that is ready to be published.
struct Candidate {
    name: String,
    version: String,
    component: Bytes,
    sha256: [u8; 32],
    /// Base64 of the signature, and the id of the key that made it.
    signature: Option<(String, String)>,
}

pub(super) async fn run(args: &DeployArgs, cancel: &CancellationToken) -> Result<u8, Failure> {
    // What is missing is said before minutes of building.
    let alias = args.alias.as_deref();
    let alias = alias.map(|alias| aliases::Move::new(alias, args.percent));
    let alias = alias.transpose()?;
    let server = Server::logged_in()?;
    let project = Project::here()?;
    let key = args.key.as_deref().map(keys::read).transpose()?;
    let path = build::component(Some(&project), &args.component).await?;
    let component = Bytes::from(lab::read(&path)?);
    let analyzer = tested(&project, &path, &component, cancel).await?;
    let mut candidate = Candidate {
        name: project.manifest.name.clone(),
        version: project.manifest.version.to_string(),
        sha256: Sha256::digest(&component).into(),
        component,
        signature: None,
    };
    if let Some(key) = key {
        candidate.sign(&key, &analyzer)?;
    }
    if !args.yes && !prompt::agreed(&candidate.question(&server, args)).await? {
        return Err(environment("nothing was deployed", ""));
    }
    let published = upload::publish(&server, &candidate).await?;
    let moved = match alias {
        Some(alias) => {
            let (name, version) = (&candidate.name, &candidate.version);
            let moved = alias.to(&server, name, version).await;
            Some(moved.map_err(|failure| published_only(&candidate, failure))?)
        }
        None => None,
    };
    if args.json {
        print::json(&show::json(&candidate.name, &published, moved.as_ref()))?;
    } else {
        print::text(&show::text(
            &server,
            &candidate,
            &published,
            moved.as_ref(),
        )?)?;
    }
    Ok(0)
}

/// The component, if it would be admitted and gives on all samples what is expected.
async fn tested(
    project: &Project,
    path: &Path,
    component: &Bytes,
    cancel: &CancellationToken,
) -> Result<Component, Failure> {
    let answer = check::answer(Some(project), path, component.to_vec()).await?;
    if !answer.admitted {
        eprint!("{}", answer.text());
        return Err(self::project(
            "the component would not be admitted: nothing was deployed",
            "correct what is refused above; `sdk check` shows it again",
        ));
    }
    let lab = Lab::new().await?;
    let analyzer = lab.load_bytes(component.to_vec()).await?;
    let results = test::samples(&lab, project, &analyzer, false, cancel).await?;
    if !results.is_ok() {
        eprint!("{}", results.text());
        return Err(self::project(
            "samples differ: nothing was deployed",
            "correct the rule, or review and accept what differs: sdk test --update",
        ));
    }
    eprintln!("{}", results.summary());
    Ok(analyzer)
}

impl Candidate {
    fn sign(
        &mut self,
        key: &ed25519_dalek::SigningKey,
        analyzer: &Component,
    ) -> Result<(), Failure> {
        const DEFECT: &str = "this is a defect of Packguard: please report it";
        let descriptor = DescriptorInfo::from(analyzer.descriptor());
        let payload = payload(&self.name, &self.version, &self.sha256, &descriptor)
            .map_err(|error| environment(error, DEFECT))?;
        let public = PublicKey::new(key.verifying_key().as_bytes())
            .map_err(|error| environment(error, DEFECT))?;
        let signature = STANDARD.encode(key.sign(&payload).to_bytes());
        self.signature = Some((signature, public.id().to_owned()));
        Ok(())
    }

    fn question(&self, server: &Server, args: &DeployArgs) -> String {
        let alias = match &args.alias {
            Some(alias) => format!(", and let {alias} name it"),
            None => String::new(),
        };
        format!(
            "Publish {} {} ({}) on {}{alias}?",
            line(&self.name),
            line(&self.version),
            print::bytes(self.component.len() as u64),
            line(server.url().as_str())
        )
    }
}

/// The version is there, but its alias does not name it.
fn published_only(candidate: &Candidate, failure: Failure) -> Failure {
    let (name, version) = (&candidate.name, &candidate.version);
    Failure {
        message: format!(
            "{name} {version} is published, but no alias was moved: {}",
            failure.message
        ),
        ..failure
    }
}

impl Published {
    /// The server's words.
    fn data(&self) -> &serde_json::Value {
        match self {
            Self::New(data) | Self::Same(data) => data,
        }
    }
}
