//! What a binary's headers say. Only headers and samples of sections are read, however
//! large the file.

use std::fs;
use std::io;

use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::read::pe::{ImageNtHeaders, PeFile};
use object::read::{ReadCache, ReadRef};
use object::{
    Object as _, ObjectKind, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _,
    SectionKind, pe,
};
use packguard_sdk::text::entropy;

use crate::kind::Kind;

/// Most sections and segments looked at; honest binaries have dozens, object files
/// compiled with one section per function are no programs.
const PARTS_LIMIT: usize = 1_000;
/// Most architectures in one Mach-O file; the format knows about ten.
const ARCHITECTURES_LIMIT: usize = 20;
/// Bytes of a section or overlay whose entropy is measured.
const SAMPLE: u64 = 1 << 20;
/// Most sections of code whose entropy is measured; nearly all binaries have one to four.
const MEASURED_LIMIT: usize = 4;
/// Smallest section or overlay whose entropy means anything, in bytes.
const SAMPLE_MINIMUM: u64 = 4_096;
/// Machine code stays below 7; compressed or encrypted data comes near 8 bits per byte.
const ENTROPY_LIMIT: f64 = 7.2;
/// Fewer imports than this beside code of high entropy: a packer's stub resolves the
/// rest by itself.
const IMPORTS_FEW: usize = 10;

/// Sections begin at multiples of at most this, in bytes.
const FILE_ALIGNMENT: u64 = 4_096;
/// Libraries up to this size do one thing, in bytes.
const SMALL: u64 = 256 << 10;
/// Most symbols of such a library that are looked at.
const SYMBOLS_LIMIT: usize = 10_000;

/// Section names that packers leave behind.
const PACKER_SECTIONS: &[(&[u8], &str)] = &[
    (b"UPX0", "UPX"),
    (b"UPX1", "UPX"),
    (b".UPX0", "UPX"),
    (b"UPX!", "UPX"),
    (b".aspack", "ASPack"),
    (b".adata", "ASPack"),
    (b".MPRESS1", "MPRESS"),
    (b".MPRESS2", "MPRESS"),
    (b".petite", "Petite"),
    (b".themida", "Themida"),
    (b".winlice", "WinLicense"),
    (b".vmp0", "VMProtect"),
    (b".vmp1", "VMProtect"),
    (b".enigma1", "Enigma"),
    (b".enigma2", "Enigma"),
    (b".nsp0", "NsPack"),
    (b".nsp1", "NsPack"),
    (b"pebundle", "PEBundle"),
    (b".perplex", "Perplex"),
    (b".yP", "Y0da"),
    (b"PEC2", "PECompact"),
    (b"PECompact2", "PECompact"),
    (b".boom", "Boomerang"),
    (b".ccg", "CCG"),
    (b".svkp", "SVKP"),
];

/// Beginnings of data that installers and self-extracting archives carry.
const ARCHIVES: &[&[u8]] = &[
    b"PK\x03\x04",
    b"7z\xBC\xAF\x27\x1C",
    b"MSCF",
    b"Rar!",
    b"hsqs",
    b"#!",
    b"zlb\x1A",
    b"\x1F\x8B",
    b"\xFD7zXZ",
    b"\x28\xB5\x2F\xFD",
    b"BZh",
    b"ISc(",
];
/// Texts that known installers leave in that data.
const INSTALLERS: &[&[u8]] = &[
    b"NullsoftInst",
    b"Inno Setup",
    b"MEI\x0C\x0B\x0A\x0B\x0E",
    b"PK\x05\x06",
];

/// What was seen in a binary.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// It can be started by itself.
    pub program: bool,
    /// It is a .NET assembly.
    pub dotnet: bool,
    /// Why it is thought to be packed, and whether that is certain.
    pub packed: Option<(String, bool)>,
    /// The name of a part that is loaded writable and executable.
    pub writable_code: Option<String>,
    /// Data of high entropy after its end.
    pub overlay: Option<Overlay>,
    /// It is small and takes from libraries both what starts programs and what connects.
    pub shell_connect: bool,
    /// Why it could not be parsed.
    pub malformed: Option<String>,
}

/// Data after the end of a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// Bytes.
    pub size: u64,
    /// It has the form of an installer or self-extracting archive.
    pub archive: bool,
}

/// Looks at a binary.
///
/// # Errors
/// When the file can't be opened. One that breaks its format is
/// [`Structure::malformed`].
pub(crate) fn look(location: &str, kind: Kind) -> io::Result<Structure> {
    let cache = ReadCache::new(fs::File::open(location)?);
    let mut structure = Structure::default();
    let result = match kind {
        Kind::Elf => one(&cache, &mut structure).map(|()| elf(&cache, &mut structure)),
        Kind::MachO => one(&cache, &mut structure),
        Kind::Pe => pe(&cache, &mut structure),
        Kind::MachOFat => fat(&cache, &mut structure),
        Kind::Wasm => Ok(()),
    };
    if let Err(error) = result {
        structure.malformed = Some(error.to_string());
    }
    Ok(structure)
}

/// A cache reads what is asked for, and no name beyond 4 KiB: what a hostile header
/// promises is not taken into memory.
type Cache = ReadCache<fs::File>;

fn fat(cache: &Cache, structure: &mut Structure) -> object::read::Result<()> {
    if let Ok(file) = MachOFatFile32::parse(cache) {
        return architectures(cache, file.arches(), structure);
    }
    let file = MachOFatFile64::parse(cache)?;
    architectures(cache, file.arches(), structure)
}

fn architectures<Arch: FatArch>(
    cache: &Cache,
    arches: &[Arch],
    structure: &mut Structure,
) -> object::read::Result<()> {
    for arch in arches.iter().take(ARCHITECTURES_LIMIT) {
        let (offset, size) = arch.file_range();
        let part = cache.range(offset, size);
        // Some hold static libraries.
        if part.read_bytes_at(0, 7) != Ok(&b"!<arch>"[..]) {
            one(part, structure)?;
        }
    }
    Ok(())
}

fn pe<'d, R: ReadRef<'d>>(data: R, structure: &mut Structure) -> object::read::Result<()> {
    if let Ok(file) = PeFile::<pe::ImageNtHeaders64, R>::parse(data) {
        directories(&file, data, structure);
    } else {
        directories(
            &PeFile::<pe::ImageNtHeaders32, R>::parse(data)?,
            data,
            structure,
        );
    }
    one(data, structure)
}

/// What only PE files have: .NET, and an end of file beyond which nothing belongs.
fn directories<'d, Pe: ImageNtHeaders, R: ReadRef<'d>>(
    file: &PeFile<'d, Pe, R>,
    data: R,
    structure: &mut Structure,
) {
    structure.dotnet = file
        .data_directory(pe::IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR)
        .is_some_and(|directory| directory.address_range().0 != 0);
    let mut end = 0;
    for section in file.section_table().iter().take(PARTS_LIMIT) {
        let (offset, size) = section.pe_file_range();
        end = end.max(u64::from(offset) + u64::from(size));
    }
    // The signature stands after the sections, and belongs there.
    if let Some(directory) = file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_SECURITY) {
        let (offset, size) = directory.address_range();
        // Sections end where their last byte is; the file is filled up behind them.
        if u64::from(offset) <= end.next_multiple_of(FILE_ALIGNMENT) {
            end = end.max(u64::from(offset) + u64::from(size));
        }
    }
    structure.overlay = overlay(data, end);
}

/// What only ELF files have: sections and segments that tell where the file ends, and
/// tables of the functions that it takes from libraries.
fn elf(cache: &Cache, structure: &mut Structure) {
    if let Ok(file) = object::File::parse(cache) {
        structure.overlay = elf_end(&file, cache).and_then(|end| overlay(cache, end));
        if cache.len().is_ok_and(|size| size <= SMALL) {
            structure.shell_connect = starts_and_connects(&file);
        }
    }
}

/// Where an ELF file ends, as its headers have it.
fn elf_end<'d>(file: &object::File<'d, &'d Cache>, cache: &'d Cache) -> Option<u64> {
    let head = cache.read_bytes_at(0, 64).ok()?;
    let wide = head.get(4) == Some(&2);
    if head.get(5) != Some(&1) {
        return None;
    }
    let number = |at: usize, size: usize| {
        let bytes = head.get(at..at + size)?;
        let mut whole = [0; 8];
        whole[..size].copy_from_slice(bytes);
        Some(u64::from_le_bytes(whole))
    };
    let (table, size, count) = if wide {
        (number(0x28, 8)?, number(0x3A, 2)?, number(0x3C, 2)?)
    } else {
        (number(0x20, 4)?, number(0x2E, 2)?, number(0x30, 2)?)
    };
    let mut end = table.checked_add(size * count)?;
    let mut add = |(offset, size): (u64, u64)| end = end.max(offset.saturating_add(size));
    file.segments()
        .take(PARTS_LIMIT)
        .for_each(|one| add(one.file_range()));
    file.sections()
        .take(PARTS_LIMIT)
        .filter_map(|one| one.file_range())
        .for_each(add);
    Some(end)
}

/// Whether it imports both what starts programs and what connects to other hosts.
fn starts_and_connects<'d>(file: &object::File<'d, &'d Cache>) -> bool {
    const START: &[&str] = &[
        "system",
        "popen",
        "execve",
        "execl",
        "execv",
        "execvp",
        "execlp",
        "posix_spawn",
    ];
    const CONNECT: &[&str] = &["connect", "inet_addr", "inet_pton", "inet_aton"];
    let (mut starts, mut connects) = (false, false);
    for symbol in file.dynamic_symbols().take(SYMBOLS_LIMIT) {
        if let Ok(name) = symbol.name()
            && symbol.is_undefined()
        {
            starts |= START.contains(&name);
            connects |= CONNECT.contains(&name);
        }
    }
    starts && connects
}

fn overlay<'d, R: ReadRef<'d>>(data: R, end: u64) -> Option<Overlay> {
    let size = data.len().ok()?.checked_sub(end)?;
    if end == 0 || size < SAMPLE_MINIMUM {
        return None;
    }
    let sample = data.read_bytes_at(end, size.min(SAMPLE)).ok()?;
    let tail = data
        .read_bytes_at(end + size.saturating_sub(SAMPLE), size.min(SAMPLE))
        .ok()?;
    let archive = ARCHIVES.iter().any(|magic| sample.starts_with(magic))
        || [sample, tail]
            .iter()
            .any(|part| INSTALLERS.iter().any(|text| contains(part, text)));
    (entropy(sample) > ENTROPY_LIMIT).then_some(Overlay { size, archive })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// What all formats have: sections, segments, imports.
fn one<'d, R: ReadRef<'d>>(data: R, structure: &mut Structure) -> object::read::Result<()> {
    let file = object::File::parse(data)?;
    structure.program |= file.kind() == ObjectKind::Executable;
    for segment in file.segments().take(PARTS_LIMIT) {
        let permissions = segment.permissions();
        if permissions.writable() && permissions.executable() {
            let name = segment.name().ok().flatten().unwrap_or("a segment");
            structure.writable_code = Some(name.to_owned());
        }
    }
    let (mut sections, mut measured) = (0, 0);
    for section in file.sections().take(PARTS_LIMIT) {
        sections += 1;
        let name = section.name_bytes().unwrap_or_default();
        // Programs that can be loaded anywhere call themselves shared objects.
        structure.program |= name == b".interp";
        if let Some((_, packer)) = PACKER_SECTIONS.iter().find(|(known, _)| *known == name) {
            let reason = format!("section {} of {packer}", name.escape_ascii());
            structure.packed = Some((reason, true));
        }
        if structure.packed.is_some()
            || section.kind() != SectionKind::Text
            || measured >= MEASURED_LIMIT
        {
            continue;
        }
        measured += 1;
        if let Some((offset, size)) = section.file_range()
            && size >= SAMPLE_MINIMUM
            && let Ok(sample) = data.read_bytes_at(offset, size.min(SAMPLE))
            && entropy(sample) > ENTROPY_LIMIT
            && few_imports(&file, data)
        {
            let (bits, name) = (entropy(sample), name.escape_ascii());
            let reason = format!("code section {name} has {bits:.1} bits per byte and few imports");
            structure.packed = Some((reason, false));
        }
    }
    // UPX takes the section table away from ELF files, and leaves its mark.
    if sections == 0
        && let Ok(head) = data.read_bytes_at(0, data.len().unwrap_or(0).min(SAMPLE_MINIMUM))
        && contains(head, b"UPX!")
    {
        structure.packed = Some(("mark of UPX".to_owned(), true));
    }
    Ok(())
}

fn few_imports<'d, R: ReadRef<'d>>(file: &object::File<'d, R>, data: R) -> bool {
    let count = match file {
        object::File::Pe32(_) => pe_imports::<pe::ImageNtHeaders32, R>(data),
        object::File::Pe64(_) => pe_imports::<pe::ImageNtHeaders64, R>(data),
        // A kernel module, relocatable or static file has none: nothing to compare.
        _ => file.dynamic_symbols().take(IMPORTS_FEW).count(),
    };
    count < IMPORTS_FEW
}

/// Counts imports of a PE file, up to [`IMPORTS_FEW`], without reading their names.
fn pe_imports<'d, Pe: ImageNtHeaders, R: ReadRef<'d>>(data: R) -> usize {
    let count = || -> object::read::Result<usize> {
        let file = PeFile::<Pe, R>::parse(data)?;
        let Some(table) = file.import_table()? else {
            return Ok(0);
        };
        let mut count = 0;
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let mut thunks =
                table.thunks(descriptor.original_first_thunk.get(object::LittleEndian))?;
            while thunks.next::<Pe>()?.is_some() {
                count += 1;
                if count >= IMPORTS_FEW {
                    return Ok(count);
                }
            }
        }
        Ok(count)
    };
    count().unwrap_or(0)
}
