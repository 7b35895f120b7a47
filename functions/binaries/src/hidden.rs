//! Programs in files that do not begin as one: changed by exclusive or, or installers.

use std::io;

use packguard_sdk::{Analysis, Confidence, File};

use crate::rules;

/// Bytes in which the text of a DOS header stands.
const HEAD: usize = 512;
/// What nearly every PE file says.
const DOS: &[u8] = b"This program cannot be run in DOS mode";

/// Looks at a file that is no binary by its first bytes, `head`.
///
/// # Errors
/// What reading says.
pub(crate) fn look(file: File<'_>, head: &mut Vec<u8>, analysis: &mut Analysis) -> io::Result<()> {
    if let Some(what) = installer(file, head) {
        let finding = rules::INSTALLER.at_file(file, Confidence::High);
        analysis.push(finding.title(format!("An installer in the package: {what}")));
    }
    let Some(key) = key(head) else {
        return Ok(());
    };
    file.read_head_into(HEAD, head)?;
    let plain: Vec<u8> = head.iter().map(|byte| byte ^ key).collect();
    let is_elf = plain.starts_with(b"\x7FELF")
        && matches!(plain.get(4..7), Some([1 | 2, 1 | 2, 1]))
        && plain.get(9..16) == Some(&[0; 7]);
    let is_pe = plain.windows(DOS.len()).any(|window| window == DOS);
    if is_elf || is_pe {
        let form = if is_pe { "PE" } else { "ELF" };
        let finding = rules::ENCODED
            .at_file(file, Confidence::High)
            .title(format!("A {form} program, each byte changed by {key:#04x}"));
        analysis.push(finding);
    }
    Ok(())
}

/// The key under which a file begins as a program.
fn key(head: &[u8]) -> Option<u8> {
    let (first, second, third) = (*head.first()?, *head.get(1)?, *head.get(2)?);
    let pe = first ^ b'M';
    if pe != 0 && second ^ pe == b'Z' {
        return Some(pe);
    }
    let elf = first ^ 0x7F;
    (elf != 0 && second ^ elf == b'E' && third ^ elf == b'L').then_some(elf)
}

fn installer(file: File<'_>, head: &[u8]) -> Option<&'static str> {
    let extension = file.extension();
    match extension.as_str() {
        "msi" if head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) => Some("Windows Installer"),
        "deb" if head.starts_with(b"!<arch>\ndebian") => Some("Debian package"),
        "rpm" if head.starts_with(&[0xED, 0xAB, 0xEE, 0xDB]) => Some("RPM package"),
        "pkg" if head.starts_with(b"xar!") => Some("macOS installer"),
        _ => None,
    }
}
