//! Small binaries, byte by byte.

/// Writes little-endian fields at offsets.
fn put(bytes: &mut [u8], fields: &[(usize, &[u8])]) {
    for (at, field) in fields {
        bytes[*at..at + field.len()].copy_from_slice(field);
    }
}

/// Bytes of high entropy, always the same (xorshift).
pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Code that may be run.
pub(super) const CODE: u32 = 0x6000_0020;
/// Code that may be run and written to.
pub(super) const WRITABLE_CODE: u32 = 0xE000_0020;
/// Data.
pub(super) const DATA: u32 = 0x4000_0040;

/// A 64-bit PE file with these sections (name, characteristics, content), and what
/// follows its end.
pub(super) fn pe(sections: &[(&str, u32, &[u8])], rest: &[u8]) -> Vec<u8> {
    let headers = 0x400;
    let mut file = vec![0; headers];
    let count = u16::try_from(sections.len()).unwrap().to_le_bytes();
    put(
        &mut file,
        &[
            (0, b"MZ"),
            (0x3C, &0x80_u32.to_le_bytes()),
            (0x80, b"PE\0\0"),
            (0x84, &0x8664_u16.to_le_bytes()),
            (0x86, &count),
            (0x94, &240_u16.to_le_bytes()),
            (0x96, &0x22_u16.to_le_bytes()),
            (0x98, &0x20B_u16.to_le_bytes()),
            (0x98 + 108, &16_u32.to_le_bytes()),
        ],
    );
    let mut address = 0x1000_u32;
    for (index, (name, flags, content)) in sections.iter().enumerate() {
        let size = u32::try_from(content.len()).unwrap();
        let offset = u32::try_from(file.len()).unwrap();
        let header = 0x98 + 240 + index * 40;
        put(
            &mut file,
            &[
                (header, name.as_bytes()),
                (header + 8, &size.to_le_bytes()),
                (header + 12, &address.to_le_bytes()),
                (header + 16, &size.to_le_bytes()),
                (header + 20, &offset.to_le_bytes()),
                (header + 36, &flags.to_le_bytes()),
            ],
        );
        file.extend_from_slice(content);
        address += size.next_multiple_of(0x1000);
    }
    file.extend_from_slice(rest);
    file
}

/// A 64-bit ELF program with one segment of these permissions.
pub(super) fn elf(permissions: u32, content: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 0x78];
    let size = u64::try_from(content.len()).unwrap().to_le_bytes();
    put(
        &mut file,
        &[
            (0, b"\x7FELF\x02\x01\x01"),
            (16, &[2, 0, 62, 0, 1]),
            (32, &64_u64.to_le_bytes()),
            (52, &[64, 0, 56, 0, 1, 0, 64, 0]),
            (64, &1_u32.to_le_bytes()),
            (68, &permissions.to_le_bytes()),
            (72, &0x78_u64.to_le_bytes()),
            (96, &size),
            (104, &size),
        ],
    );
    file.extend_from_slice(content);
    file
}

/// A 64-bit Mach-O program without load commands.
pub(super) fn macho() -> Vec<u8> {
    let mut file = vec![0; 32];
    put(
        &mut file,
        &[
            (0, &0xFEED_FACF_u32.to_le_bytes()),
            (4, &0x0100_000C_u32.to_le_bytes()),
            (12, &2_u32.to_le_bytes()),
        ],
    );
    file
}

/// A Mach-O file for several processors.
pub(super) fn fat(parts: &[&[u8]]) -> Vec<u8> {
    let mut file = vec![0; 0x100];
    let count = u32::try_from(parts.len()).unwrap();
    put(
        &mut file,
        &[
            (0, &0xCAFE_BABE_u32.to_be_bytes()),
            (4, &count.to_be_bytes()),
        ],
    );
    for (index, part) in parts.iter().enumerate() {
        let (offset, size) = (
            u32::try_from(file.len()).unwrap(),
            u32::try_from(part.len()).unwrap(),
        );
        let header = 8 + index * 20;
        put(
            &mut file,
            &[
                (header + 8, &offset.to_be_bytes()),
                (header + 12, &size.to_be_bytes()),
            ],
        );
        file.extend_from_slice(part);
    }
    file
}
