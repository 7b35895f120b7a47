//! What `setup.py` does, and processes that hide.

use packguard_sdk::{Category, Confidence, Hit, Phase, Rule, Severity};

use super::{Context, by_phase, hit_at, shell};
use crate::facts::Call;
use crate::names::Role;
use crate::value::{Kind, Value};

/// A process with no window and no output.
pub const SILENT_PROCESS: Rule = Rule::new(
    "python-silent-process",
    "Starts a process that nobody sees",
    "Found when a process gets no window, or when all its output is thrown away, at installation \
     or import.\n\nDownloaders hide so. Some honest code probes for programs this way.\n\nLook at \
     the command.",
    Category::DefenseEvasion,
    Severity::Low,
    &["T1564.003"],
);

/// Network in `setup.py`.
pub const INSTALL_NETWORK: Rule = Rule::new(
    "python-install-network",
    "Talks to the network while it is installed",
    "Found when `setup.py` makes requests, or runs commands that do.\n\nWhat is installed then \
     depends on a server, not only on the package.\n\nLook at the address, and at what becomes of \
     the answer.",
    Category::InstallHook,
    Severity::Medium,
    &["T1195.002"],
);

/// Processes in `setup.py`.
pub const INSTALL_PROCESS: Rule = Rule::new(
    "python-install-process",
    "Starts a process while it is installed",
    "Found when `setup.py` runs a command. Compilers, `git` and `pkg-config` are usual there.",
    Category::InstallHook,
    Severity::Low,
    &["T1195.002"],
);

/// Packages installed by code.
pub const RUNTIME_INSTALL: Rule = Rule::new(
    "python-runtime-install",
    "Installs other packages by itself",
    "Found when code runs `pip install`. From an address of its own, what is installed is not what \
     the registry has, and no lock file names it.\n\nLook at the address.",
    Category::CommandAndControl,
    Severity::Low,
    &["T1195.001", "T1105"],
);

/// Programs that honest `setup.py` files run.
const BUILD_TOOLS: &[&str] = &[
    "git",
    "hg",
    "svn",
    "pkg-config",
    "gcc",
    "g++",
    "cc",
    "c++",
    "clang",
    "clang++",
    "make",
    "gmake",
    "cmake",
    "ninja",
    "meson",
    "python",
    "python3",
    "pip",
    "pip3",
    "cargo",
    "rustc",
    "go",
    "npm",
    "yarn",
    "node",
    "uname",
    "which",
    "where",
    "swig",
    "nvcc",
    "llvm-config",
    "mpicc",
    "xcrun",
    "xcode-select",
    "sw_vers",
    "brew",
    "dpkg-architecture",
    "ldconfig",
    "mysql_config",
    "pg_config",
    "krb5-config",
    "curl-config",
    "gdal-config",
    "protoc",
    "cython",
    "gfortran",
    "install_name_tool",
    "lsb_release",
    "sysctl",
    "twine",
    "rm",
    "cp",
    "mkdir",
    "tar",
    "patch",
    "autoreconf",
    "./configure",
    "sh",
    "bash",
    "?",
    "nproc",
    "ldd",
    "file",
    "strip",
    "doxygen",
    "sphinx-build",
    "pytest",
];

pub(super) fn check(context: &mut Context<'_, '_>) {
    for call in &context.facts.calls {
        let process = matches!(call.role, Some(Role::Shell | Role::Spawn | Role::OpenFile));
        if process && call.runs_by_itself() && is_silent(call) {
            context.hit(
                hit_at(&SILENT_PROCESS, call)
                    .severity(match call.phase {
                        Phase::Install => Severity::Medium,
                        _ => Severity::Low,
                    })
                    .confidence(Confidence::Medium)
                    .why(format!("It runs {}.", super::when(call.phase))),
            );
        }
        if (process || call.callee.starts_with("pip."))
            && let Some(hit) = runtime_install(call)
        {
            context.hit(hit);
        }
        if !context.setup || call.phase != Phase::Install {
            continue;
        }
        if matches!(
            call.role,
            Some(Role::Fetch | Role::FetchToFile | Role::Send)
        ) {
            context.hit(hit_at(&INSTALL_NETWORK, call).why(
                "Installing this package sends a request; who answers it decides what happens next.",
            ));
        }
        if process {
            context.hit(install_process(call));
        }
    }
}

/// `pip install https://…`, by itself.
fn runtime_install(call: &Call<'_>) -> Option<Hit> {
    let command = shell::command_line(call)?;
    let words: Vec<&str> = command.split_whitespace().take(64).collect();
    let at = words.iter().position(|word| *word == "install")?;
    let pip = call.callee.starts_with("pip.")
        || words[..at].iter().any(|word| {
            let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
            name.starts_with("pip") || name == "uv" || name == "easy_install"
        });
    if !pip || !call.runs_by_itself() {
        return None;
    }
    let host = words[at..].iter().find_map(|word| {
        let word = word.trim_matches(['\'', '"']);
        let (_, rest) = word.split_once("://")?;
        let host = rest.split(['/', ':']).next()?;
        Some(host.rsplit('@').next().unwrap_or(host))
    });
    let severity = match host {
        Some("github.com" | "gitlab.com" | "download.pytorch.org" | "127.0.0.1" | "localhost") => {
            Severity::Medium
        }
        Some(host) if host.starts_with('?') || host.starts_with('$') => Severity::Low,
        Some(_) => Severity::High,
        None => Severity::Low,
    };
    Some(
        hit_at(&RUNTIME_INSTALL, call)
            .title(match host {
                Some(host) => format!("Installs a package from {host} by itself"),
                None => "Installs other packages by itself".to_owned(),
            })
            .severity(severity)
            .why(format!("It does so {}.", super::when(call.phase))),
    )
}

fn install_process(call: &Call<'_>) -> Hit {
    let command = shell::command_line(call);
    let program = command
        .as_deref()
        .and_then(|command| command.split_whitespace().next())
        .map_or("?", |program| program.rsplit('/').next().unwrap_or(program));
    let usual = BUILD_TOOLS.contains(&program);
    hit_at(&INSTALL_PROCESS, call)
        .title(format!(
            "Runs `{}` while it is installed",
            packguard_sdk::text::cut(program, 60)
        ))
        .severity(if usual {
            Severity::Info
        } else {
            by_phase(call.phase, Severity::Low, Severity::Low)
        })
        .why("Commands in `setup.py` run with the rights of whoever installs.")
}

/// No window, or no output at all.
fn is_silent(call: &Call<'_>) -> bool {
    let hidden_window = call.keyword("creationflags").is_some_and(|flags| {
        let number = flags.as_int().is_some_and(|flags| flags & 0x0800_0008 != 0);
        let name = flags.as_path().is_some_and(|path| {
            path.ends_with("CREATE_NO_WINDOW") || path.ends_with("DETACHED_PROCESS")
        });
        number || name
    });
    let thrown_away = |name: &str| {
        call.keyword(name)
            .is_some_and(|value: &Value<'_>| match &value.kind {
                Kind::Path(path) => path.ends_with("DEVNULL"),
                _ => false,
            })
    };
    hidden_window || (thrown_away("stdout") && thrown_away("stderr"))
}
