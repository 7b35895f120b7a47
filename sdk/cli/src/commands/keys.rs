//! `sdk keys`: the ed25519 key that functions are signed with.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cli::{KeyFileArgs, KeysCommand};
use crate::failure::{Failure, at, environment, usage};
use crate::{print, private};

/// Largest key file, bytes: PKCS#8 of an ed25519 key has 119 in PEM.
const MAX_KEY: u64 = 4 << 10;

/// What is shown of a key.
#[derive(Serialize)]
struct Shown {
    key_id: String,
    public_key: String,
    private_key_file: String,
}

pub(super) fn run(command: &KeysCommand) -> Result<u8, Failure> {
    match command {
        KeysCommand::New(args) => {
            let path = file(args)?;
            let key = make(&path)?;
            show(args, &path, &key.verifying_key())
        }
        KeysCommand::Show(args) => {
            let path = file(args)?;
            show(args, &path, &read(&path)?.verifying_key())
        }
    }
}

fn file(args: &KeyFileArgs) -> Result<PathBuf, Failure> {
    match &args.file {
        Some(path) => Ok(path.clone()),
        None => private::file("sdk.pem"),
    }
}

fn make(path: &Path) -> Result<SigningKey, Failure> {
    let public = public_file(path);
    if public == path {
        return Err(usage(
            "a private key's file can't end in .pub",
            format!("name it {}", path.with_extension("pem").display()),
        ));
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| {
        environment(
            format!("the system gives no random bytes: {error}"),
            "try again",
        )
    })?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| environment(error, "this is a defect of Packguard: please report it"))?;
    if let Some(folder) = path.parent().filter(|one| !one.as_os_str().is_empty()) {
        private::folder(folder)?;
    }
    // A key that is lost can't be made again: what is there is never replaced.
    let there = |path: &Path| {
        usage(
            format!("{} is there already", path.display()),
            "show it with `sdk keys show`, or name another file",
        )
    };
    if let Some(path) = [path, &public].into_iter().find(|path| path.exists()) {
        return Err(there(path));
    }
    for (path, mode, text) in [
        (path, 0o600, pem.as_str()),
        (&public, 0o644, &(encoded(&key.verifying_key()) + "\n")),
    ] {
        let opened = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path);
        let mut file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(there(path));
            }
            other => other.map_err(at(path))?,
        };
        file.write_all(text.as_bytes()).map_err(at(path))?;
    }
    Ok(key)
}

/// Reads a private key.
pub(super) fn read(path: &Path) -> Result<SigningKey, Failure> {
    let Some(pem) = private::read(path, MAX_KEY)? else {
        return Err(usage(
            format!("there is no key in {}", path.display()),
            "make one: sdk keys new",
        ));
    };
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
        usage(
            format!("{} is no ed25519 key in PEM (PKCS#8)", path.display()),
            "name the private key's file, not the .pub beside it",
        )
    })
}

fn show(args: &KeyFileArgs, path: &Path, key: &VerifyingKey) -> Result<u8, Failure> {
    let shown = Shown {
        key_id: hex::encode(&Sha256::digest(key.as_bytes())[..8]),
        public_key: encoded(key),
        private_key_file: path.display().to_string(),
    };
    if args.json {
        print::json(&shown)?;
    } else {
        print::text(&format!(
            "key id       {}\npublic key   {}\nprivate key  {}\n",
            shown.key_id, shown.public_key, shown.private_key_file
        ))?;
    }
    Ok(0)
}

fn encoded(key: &VerifyingKey) -> String {
    base64::engine::general_purpose::STANDARD.encode(key.as_bytes())
}

/// `sdk.pem` has `sdk.pub` beside it.
fn public_file(path: &Path) -> PathBuf {
    path.with_extension("pub")
}
