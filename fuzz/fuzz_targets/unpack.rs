//! Whatever the bytes are, the unpacker ends, and hands over no more than it is allowed.
#![no_main]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use packguard_sdk::unpacker::{
    Entry, EntryKind, Input, Limit, Placement, Sink, UnpackLimits, Unpacker as _, WRITE_LIMIT, Writer,
};
use packguard_unpack::Unpack;

/// Enough to reach every path, little enough for a thousand runs a second.
const MAX_BYTES: usize = 4 << 20;
const MAX_ENTRIES: usize = 500;

struct Folder {
    path: PathBuf,
    entries: usize,
}

struct File {
    path: PathBuf,
    file: std::fs::File,
    left: usize,
}

impl Sink for Folder {
    fn place(&mut self, entry: &Entry) -> Result<Placement, Limit> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(Limit::Files);
        }
        Ok(match entry.kind {
            EntryKind::File => Placement::File(Box::new(create(&self.path, self.entries))),
            EntryKind::Directory => Placement::Directory,
            _ => Placement::Refused,
        })
    }
}

fn create(folder: &Path, number: usize) -> File {
    let path = folder.join(number.to_string());
    let file = std::fs::File::create_new(&path).unwrap();
    File { path, file, left: MAX_BYTES }
}

impl Writer for File {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Limit> {
        assert!(bytes.len() <= WRITE_LIMIT);
        self.left = self.left.checked_sub(bytes.len()).ok_or(Limit::Bytes)?;
        self.file.write_all(bytes).unwrap();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<String, Limit> {
        Ok(self.path.to_str().unwrap().into())
    }
}

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    std::fs::write(&archive, data).unwrap();
    let input = Input {
        artifact: 0,
        filename: "archive".into(),
        location: archive.to_str().unwrap().into(),
        prefix: String::new(),
        depth: 0,
        optional: false,
    };
    let mut sink = Folder { path: folder.path().to_owned(), entries: 0 };
    Unpack::unpack(&[input], UnpackLimits { nesting: 3 }, &mut sink).expect("bad archives are problems, not errors");
});
