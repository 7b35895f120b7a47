//! Between the records of the guest's bindings and of the host's: both are made from
//! `wit/`, but the compiler can't know that they are the same.

use packguard_runtime::types as host;
use packguard_sdk::bindings::analyzer::packguard::analyzer::types as guest;
use packguard_sdk::testing::TestPackage;
use packguard_sdk::{Analysis, Descriptor};

/// Translates an enum variant by variant, so that a new one is an error here.
macro_rules! translate {
    ($value:expr, $from:ty => $to:ty, $($variant:ident)*) => {{
        match $value {
            $(<$from>::$variant => <$to>::$variant,)*
        }
    }};
}

/// The package as the sandbox sees it: its folder is `/package`.
pub(crate) fn package(package: &TestPackage) -> host::Package {
    let from = &package.0;
    let folder = package.folder().to_string_lossy();
    let file = |file: &guest::FileEntry| host::FileEntry {
        artifact: file.artifact,
        path: file.path.clone(),
        location: file.location.replacen(&*folder, "/package", 1),
        size: file.size,
        sha256: file.sha256.clone(),
        executable: file.executable,
        duplicate_of: file.duplicate_of,
    };
    let artifact = |artifact: &guest::Artifact| host::Artifact {
        filename: artifact.filename.clone(),
        sha256: artifact.sha256.clone(),
        size: artifact.size,
    };
    let setting = |setting: &guest::Setting| host::Setting {
        name: setting.name.clone(),
        value: setting.value.clone(),
    };
    host::Package {
        purl: from.purl.clone(),
        ecosystem: from.ecosystem.clone(),
        namespace: from.namespace.clone(),
        name: from.name.clone(),
        version: from.version.clone(),
        artifacts: from.artifacts.iter().map(artifact).collect(),
        files: from.files.iter().map(file).collect(),
        metadata: from.metadata.clone(),
        settings: from.settings.iter().map(setting).collect(),
    }
}

pub(crate) fn descriptor(from: Descriptor) -> host::Descriptor {
    let from = guest::Descriptor::from(from);
    let rule = |rule: guest::Rule| host::Rule {
        id: rule.id,
        title: rule.title,
        help: rule.help,
        category: host_category(rule.category),
        severity: translate!(rule.severity, guest::Severity => host::Severity,
            Info Low Medium High Critical),
        attack: rule.attack,
    };
    host::Descriptor {
        name: from.name,
        version: from.version,
        description: from.description,
        ecosystems: from.ecosystems,
        rules: from.rules.into_iter().map(rule).collect(),
    }
}

fn host_category(from: guest::Category) -> host::Category {
    translate!(from, guest::Category => host::Category,
        Capability InstallHook Execution Persistence DefenseEvasion CredentialAccess Discovery
        Collection CommandAndControl Exfiltration Impact SupplyChain Archive Metadata Binary)
}

fn guest_category(from: host::Category) -> guest::Category {
    translate!(from, host::Category => guest::Category,
        Capability InstallHook Execution Persistence DefenseEvasion CredentialAccess Discovery
        Collection CommandAndControl Exfiltration Impact SupplyChain Archive Metadata Binary)
}

pub(crate) fn analysis(from: host::Analysis) -> Analysis {
    let problem = |problem: host::Problem| guest::Problem {
        path: problem.path,
        artifact: problem.artifact,
        reason: problem.reason,
    };
    Analysis::from(guest::Analysis {
        findings: from.findings.into_iter().map(finding).collect(),
        problems: from.problems.into_iter().map(problem).collect(),
    })
}

fn finding(from: host::Finding) -> guest::Finding {
    let location = |place: host::Location| guest::Location {
        artifact: place.artifact,
        path: place.path,
        line: place.line,
        column: place.column,
        end_line: place.end_line,
        snippet: place.snippet,
    };
    let layer = |layer: host::DecodedLayer| guest::DecodedLayer {
        encoding: layer.encoding,
        text: layer.text,
    };
    guest::Finding {
        rule: from.rule,
        title: from.title,
        category: guest_category(from.category),
        severity: translate!(from.severity, host::Severity => guest::Severity,
            Info Low Medium High Critical),
        confidence: translate!(from.confidence, host::Confidence => guest::Confidence,
            Low Medium High),
        phase: translate!(from.phase, host::Phase => guest::Phase,
            Install Import Execute Unknown),
        location: from.location.map(location),
        decoded: from.decoded.into_iter().map(layer).collect(),
        why: from.why,
    }
}
