//! Whatever the entries are called, the sink writes below its folder, once each, and
//! records what it wrote.
#![no_main]

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use libfuzzer_sys::fuzz_target;
use packguard_runtime::{ArchiveLimits, Sink};

fuzz_target!(|data: &[u8]| {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let limits = ArchiveLimits { files: 50, bytes: 1 << 16, ..ArchiveLimits::default() };
    let mut sink = Sink::new(Dir::open_ambient_dir(&root, ambient_authority()).unwrap(), limits);
    sink.begin(0, Some(data.len() as u64));
    for name in data.split(|byte| *byte == b'\n') {
        if sink.add_file(name, false, name).is_err() {
            break;
        }
    }
    let files = sink.into_files();
    for file in &files {
        let relative = file.location.strip_prefix("/package/").unwrap();
        let path = root.join(relative);
        assert!(path.canonicalize().unwrap().starts_with(&root), "{path:?}");
        assert_eq!(path.metadata().unwrap().len(), file.size);
    }
    assert_eq!(count(&root), files.len());
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "nothing beside the root");
});

fn count(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 1 }).sum()
}
