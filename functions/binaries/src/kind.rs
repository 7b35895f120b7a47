//! Telling compiled code by its first bytes, and names that fit it.

use packguard_sdk::File;

/// Bytes that [`Kind::of`] wants to see of a file that [may be PE](may_be_pe).
pub(crate) const HEAD: usize = 4_096;
/// Bytes that it wants to see of others.
pub(crate) const HEAD_SHORT: usize = 64;

/// Whether a file that begins so may be PE, whose mark stands further inside.
pub(crate) fn may_be_pe(head: &[u8]) -> bool {
    head.starts_with(b"MZ")
}

/// A format of compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Elf,
    Pe,
    MachO,
    /// Several Mach-O files, one per processor.
    MachOFat,
    Wasm,
}

impl Kind {
    /// The kind of a file that begins with `head`.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x7F, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [0xFE, 0xED, 0xFA, 0xCE | 0xCF, ..] | [0xCE | 0xCF, 0xFA, 0xED, 0xFE, ..] => {
                Some(Self::MachO)
            }
            // Java classes begin so too, with a version from 45 on where this has the
            // number of its parts.
            [0xCA, 0xFE, 0xBA, 0xBE | 0xBF, 0, 0, 0, 1..45, ..] => Some(Self::MachOFat),
            [0, b'a', b's', b'm', 1 | 2, 0, 0 | 1, 0, ..] => Some(Self::Wasm),
            [b'M', b'Z', ..] if pe_header(head) => Some(Self::Pe),
            _ => None,
        }
    }

    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Elf => "ELF",
            Self::Pe => "PE",
            Self::MachO | Self::MachOFat => "Mach-O",
            Self::Wasm => "WebAssembly",
        }
    }
}

/// Whether a DOS header points at a PE header. "MZ" alone begins many texts.
fn pe_header(head: &[u8]) -> bool {
    let offset = head
        .get(0x3C..0x40)
        .and_then(|bytes| bytes.first_chunk::<4>())
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    match head.get(offset..).and_then(|rest| rest.first_chunk::<4>()) {
        Some(signature) => offset >= 4 && signature == b"PE\0\0",
        // Beyond what was read: plausible only where the rest looks like a DOS header.
        None => offset >= HEAD && head.len() == HEAD && head[..64].contains(&0),
    }
}

/// Extensions of texts, scripts, pictures, sounds, documents and data. Compiled code
/// has no honest reason to bear one.
const OTHER_EXTENSIONS: &[&str] = &[
    "avi",
    "bat",
    "bmp",
    "cfg",
    "cjs",
    "cmd",
    "conf",
    "css",
    "csv",
    "cts",
    "doc",
    "docx",
    "eot",
    "flac",
    "gif",
    "gz",
    "htm",
    "html",
    "ico",
    "ini",
    "ipynb",
    "jpeg",
    "jpg",
    "js",
    "json",
    "jsx",
    "less",
    "lock",
    "log",
    "lua",
    "map",
    "markdown",
    "md",
    "mjs",
    "mov",
    "mp3",
    "mp4",
    "mts",
    "ogg",
    "otf",
    "pdf",
    "php",
    "pl",
    "png",
    "ppt",
    "pptx",
    "properties",
    "ps1",
    "py",
    "pyc",
    "pyi",
    "rb",
    "rs",
    "rst",
    "rtf",
    "scss",
    "sh",
    "sql",
    "svg",
    "tar",
    "tif",
    "tiff",
    "toml",
    "ts",
    "tsx",
    "ttf",
    "txt",
    "vbs",
    "vue",
    "wav",
    "webm",
    "webp",
    "woff",
    "woff2",
    "xls",
    "xlsx",
    "xml",
    "yaml",
    "yml",
    "zip",
];

/// Whether a file of compiled code bears the name of something else.
pub(crate) fn is_disguised(file: File<'_>) -> bool {
    // `libfoo.so.1.map`, `x.node.js` and the like are no names of binaries either.
    OTHER_EXTENSIONS.contains(&file.extension().as_str())
}

/// Whether programs are expected where a file stands: folders for commands, and the
/// launchers that pip, setuptools and distlib copy.
pub(crate) fn is_place_of_programs(file: File<'_>) -> bool {
    const LAUNCHERS: &[&str] = &[
        "t32.exe",
        "t64.exe",
        "t64-arm.exe",
        "w32.exe",
        "w64.exe",
        "w64-arm.exe",
        "cli.exe",
        "cli-32.exe",
        "cli-64.exe",
        "cli-arm64.exe",
        "gui.exe",
        "gui-32.exe",
        "gui-64.exe",
        "gui-arm64.exe",
    ];
    let mut folders: Vec<&str> = file.path().split('/').collect();
    folders.pop();
    LAUNCHERS.contains(&file.name())
        || folders.iter().any(|folder| {
            ["bin", "sbin", "libexec", "scripts", "tools", "vendor"]
                .contains(&folder.to_ascii_lowercase().as_str())
        })
}
