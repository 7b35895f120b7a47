//! An analyzer that attacks its host, in the way that the setting `attack` names, or that a test
//! wrote into the component (`Order`).

use std::io::Write as _;

use packguard_sdk::bindings::analyzer::packguard::analyzer::{log, types as wit};
use packguard_sdk::{
    Analysis, Analyzer, Category, Confidence, Descriptor, Package, Rule, Severity, descriptor,
};

const SAW: Rule = Rule {
    id: "hostile-saw",
    title: "The guest saw something",
    help: "Says what an attack could see; the tests compare it.",
    category: Category::Metadata,
    severity: Severity::Info,
    attack: &[],
};

/// Attacks its host.
#[derive(Debug, Default)]
pub struct Hostile;

impl Analyzer for Hostile {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "hostile",
        version: "0.1.0",
        description: "Attacks its host",
        rules: &[&SAW],
        ..descriptor!()
    };

    fn analyze(package: &Package) -> Result<Analysis, String> {
        let argument = package.setting("argument").unwrap_or_default();
        let told = package.setting("attack");
        attack(told.unwrap_or(IN_ANALYZE.read()), argument)
    }
}

/// A place in the component into which a test writes an attack, over the blanks.
struct Order([u8; 40]);

/// Attacks where `describe` is asked for.
#[cfg(target_family = "wasm")]
static IN_DESCRIBE: Order = Order(*b"<hostile guest, in describe:            ");
/// Attacks each package.
static IN_ANALYZE: Order = Order(*b"<hostile guest, in analyze:             ");

impl Order {
    /// Empty where none was written.
    fn read(&'static self) -> &'static str {
        // The compiler would know the text, and leave all attacks out.
        let bytes = std::hint::black_box(self).0.as_slice();
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        text.split(':').nth(1).unwrap_or_default().trim()
    }
}

fn attack(attack: &str, argument: &str) -> Result<Analysis, String> {
    match attack {
        "nothing" => Ok(Analysis::default()),
        "error" => Err("can't work".into()),
        "loop" => spin(),
        "sleep" => sleep(),
        "trap" => trap(),
        "panic" => die("on purpose"),
        "exit" => exit(),
        "memory" => eat_memory(),
        "recursion" => Ok(saw(&recurse(0).to_string())),
        "copy" => copy_for_ever(),
        "log" => flood_log(),
        "stdout" => flood(std::io::stdout()),
        "stderr" => flood(std::io::stderr()),
        "handles" => open_for_ever(argument),
        "findings" => flood_findings(),
        "unlisted" => Ok(unlisted()),
        "read" => Ok(saw(&describe_read(argument))),
        "list" => Ok(saw(&describe_list(argument))),
        "write" => Ok(saw(&describe_write(argument))),
        "connect" => Ok(saw(&describe_connect(argument))),
        "resolve" => Ok(saw(&describe_resolve(argument))),
        "environment" => Ok(saw(&format!(
            "{:?} {:?}",
            std::env::vars().count(),
            std::env::args().count()
        ))),
        "clock" => Ok(saw(&format!("{:?}", std::time::SystemTime::now()))),
        "random" => Ok(saw(&random())),
        "canary" => canary(argument),
        other => Err(format!("no such attack: {other}")),
    }
}

/// What it says of itself: after an attack, where it was told to.
#[cfg(target_family = "wasm")]
fn describe() -> wit::Descriptor {
    let told = IN_DESCRIBE.read();
    let mut descriptor = wit::Descriptor::from(Hostile::DESCRIPTOR);
    match told {
        "" => {}
        "flood" => descriptor.description = "x".repeat(600_000),
        "rules" => descriptor.rules = vec![descriptor.rules[0].clone(); 100_000],
        told => drop(attack(told, "")),
    }
    descriptor
}

fn saw(what: &str) -> Analysis {
    let mut analysis = Analysis::default();
    analysis.push(SAW.about_package(what, Confidence::High));
    analysis
}

fn spin() -> ! {
    let mut number = 1_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// One host call that lasts an hour.
fn sleep() -> Result<Analysis, String> {
    #[expect(clippy::disallowed_methods, reason = "the attack")]
    std::thread::sleep(std::time::Duration::from_secs(3_600));
    Ok(saw("woke up"))
}

#[expect(clippy::disallowed_methods, reason = "the attack")]
fn exit() -> ! {
    std::process::exit(7)
}

fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    spin()
}

#[expect(clippy::panic, reason = "the attack")]
fn die(why: &str) -> ! {
    panic!("{why}")
}

fn eat_memory() -> Result<Analysis, String> {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1_u8; 16 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "the attack")]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box([depth; 64])[3] + recurse(depth + 1)
}

/// `memory.copy` of much at once is a single instruction to fuel and epochs.
fn copy_for_ever() -> ! {
    let mut bytes = vec![1_u8; 200 << 20];
    loop {
        bytes.copy_within(..100 << 20, 100 << 20);
        std::hint::black_box(&mut bytes);
    }
}

fn flood_log() -> ! {
    let line = "x".repeat(1_000);
    loop {
        log::write(log::Level::Info, &line);
    }
}

fn flood(mut stream: impl std::io::Write) -> Result<Analysis, String> {
    let line = "x".repeat(1_000);
    loop {
        writeln!(stream, "{line}").map_err(|error| error.to_string())?;
    }
}

fn open_for_ever(path: &str) -> Result<Analysis, String> {
    let mut kept = Vec::new();
    loop {
        match std::fs::File::open(path) {
            Ok(file) => kept.push(file),
            Err(error) => return Ok(saw(&format!("{} files, then {error}", kept.len()))),
        }
    }
}

fn flood_findings() -> Result<Analysis, String> {
    let finding = SAW
        .about_package("x", Confidence::High)
        .why("x".repeat(1_000));
    Ok(Analysis::from(wit::Analysis {
        findings: vec![finding.into(); 100_000],
        problems: Vec::new(),
    }))
}

fn unlisted() -> Analysis {
    let mut analysis = wit::Analysis::from(saw("x"));
    for finding in &mut analysis.findings {
        finding.rule = "somebody-elses-rule".into();
    }
    analysis.into()
}

fn describe_read(path: &str) -> String {
    match std::fs::read(path) {
        Ok(bytes) => format!("read {} bytes", bytes.len()),
        Err(error) => format!("refused: {:?}", error.kind()),
    }
}

fn describe_list(path: &str) -> String {
    match std::fs::read_dir(path) {
        Ok(entries) => format!("listed {}", entries.count()),
        Err(error) => format!("refused: {:?}", error.kind()),
    }
}

fn describe_write(path: &str) -> String {
    let attempts = [
        std::fs::write(path, "x"),
        std::fs::create_dir(format!("{path}-folder")),
        std::fs::remove_file("/package/0/file"),
        std::fs::rename("/package/0/file", path),
        std::fs::hard_link("/package/0/file", path),
        std::fs::OpenOptions::new()
            .append(true)
            .open("/package/0/file")
            .and_then(|mut file| file.write_all(b"x")),
        std::fs::File::open("/package/0/file").and_then(|file| file.set_len(0)),
    ];
    let refused = attempts.iter().filter(|attempt| attempt.is_err()).count();
    format!("{refused} of {} refused", attempts.len())
}

fn describe_connect(address: &str) -> String {
    let tcp = std::net::TcpStream::connect(address).is_err();
    let listen = std::net::TcpListener::bind("127.0.0.1:0").is_err();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").is_err();
    format!("tcp refused {tcp}, listen refused {listen}, udp refused {udp}")
}

fn describe_resolve(host: &str) -> String {
    use std::net::ToSocketAddrs as _;
    format!("resolve refused {}", (host, 80).to_socket_addrs().is_err())
}

fn random() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(1_u8).to_string()
}

/// Looks for a predecessor's mark in memory that was not initialised, then leaves its
/// own in as much memory as it can get.
#[expect(clippy::uninit_vec, reason = "the attack")]
fn canary(mark: &str) -> Result<Analysis, String> {
    const SIZE: usize = 64 << 20;
    let mut fresh: Vec<u8> = Vec::with_capacity(SIZE);
    #[expect(
        unsafe_code,
        reason = "reads what allocation left there, as an attacker would"
    )]
    // SAFETY: linear memory is always readable; the capacity is allocated.
    unsafe {
        fresh.set_len(SIZE);
    }
    // The allocator's own marks are not a predecessor's.
    let prefix = mark.as_bytes().get(..7).unwrap_or_default();
    let residue = fresh.windows(7).filter(|window| *window == prefix).count();
    for chunk in fresh.chunks_mut(mark.len().max(1)) {
        chunk.copy_from_slice(&mark.as_bytes()[..chunk.len()]);
    }
    std::hint::black_box(&fresh);
    Ok(saw(&format!("{residue} marks of a predecessor")))
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the component ABI")]
const _: () = {
    use packguard_sdk::bindings::analyzer as world;

    struct Exported;
    // Not `export_analyzer!`: it knows no `describe` but the honest one.
    impl world::Guest for Exported {
        fn describe() -> world::Descriptor {
            describe()
        }
        fn analyze(package: world::Package) -> Result<world::Analysis, String> {
            Hostile::analyze(&Package(package)).map(Into::into)
        }
    }
    world::export_world!(Exported with_types_in world);
};
