//! What this component can find.

use packguard_sdk::{Category, Rule, Severity};

/// A rule, and why a find of it matters to who has to decide.
#[derive(Debug)]
pub struct Kind {
    /// The rule as `describe` lists it.
    pub rule: Rule,
    /// One line, the same for every finding of the rule.
    pub why: &'static str,
}

macro_rules! kinds {
    ($( $name:ident: $id:literal, $severity:ident, $attack:expr, $title:literal, $why:literal, $help:literal; )*) => {
        $(
            #[doc = $title]
            pub static $name: Kind = Kind {
                rule: Rule {
                    id: $id,
                    title: $title,
                    help: concat!($why, "\n\n", $help),
                    category: Category::Archive,
                    severity: Severity::$severity,
                    attack: $attack,
                },
                why: $why,
            };
        )*
        /// Every rule, in the order of the README.
        pub static RULES: &[&Rule] = &[$(&$name.rule),*];
    };
}

kinds! {
    PATH_ESCAPE: "archive-path-escape", High, &["T1036"],
        "An entry's path leads outside the package's folder",
        "An unpacker that believes such a path writes anywhere the user may write: start-up files, keys, other packages.",
        "Found when an entry's path is absolute, names a drive, or has more `..` than folders. Do not unpack the archive with anything else; look at the entry's content.";
    DUPLICATE_ENTRY: "archive-duplicate-entry", Medium, &["T1036"],
        "Two entries have the same path",
        "Which one is installed depends on the tool, so that a reviewer may read one and install the other.",
        "Found when a path occurs twice. `medium` where the contents differ, `low` where they are equal or could not be compared. Compare the two contents.";
    CASE_COLLISION: "archive-case-collision", Low, &["T1036"],
        "Two paths differ in upper and lower case only",
        "On Windows and macOS one of the two files replaces the other.",
        "Mostly an accident. Look at both files if the package is to be installed there.";
    CONTROL_CHARACTER: "archive-control-character-name", Medium, &["T1036"],
        "An entry's name holds control characters",
        "A NUL makes tools disagree on the name; an escape sequence rewrites what a terminal shows.",
        "Found when a name holds NUL or another control character. Honest tools never make such names.";
    NON_UTF8_NAME: "archive-non-utf8-name", Info, &[],
        "An entry's name is not UTF-8",
        "Tools guess the encoding and so disagree on the name.",
        "Mostly the sign of an old tool. The content was analysed under a made-up name.";
    NAME_TOO_LONG: "archive-name-too-long", Low, &[],
        "An entry's name is longer than file systems allow",
        "Some tools fail on it and leave the rest of the archive out.",
        "The content was analysed under a made-up name.";
    PATH_TOO_DEEP: "archive-path-too-deep", Low, &[],
        "An entry stands in too many folders",
        "Some tools fail on it and leave the rest of the archive out.",
        "The content was analysed under a made-up name.";
    NAME_CONFLICT: "archive-name-conflict", Low, &["T1036"],
        "An entry is a file where another is a folder",
        "Only one of the two can be installed; which one depends on the tool.",
        "The content was analysed under a made-up name.";
    EMPTY_NAME: "archive-empty-name", Low, &[],
        "A file has no name",
        "Tools disagree on what to do with it.",
        "The content was analysed under a made-up name.";
    LINK: "archive-link", Info, &[],
        "The package holds a link",
        "Harmless while its target stays inside the package. Links are never made here; the target is analysed where it stands.",
        "Nothing to do.";
    LINK_ESCAPE: "archive-link-escape", Medium, &["T1036"],
        "A link's target is outside the package",
        "A link to a place outside lets a later entry, or the package's own code, read or write there.",
        "Found when a link's target is absolute or leads out by `..`. See what the target is and what uses the link.";
    SPECIAL_FILE: "archive-special-file", Medium, &[],
        "The package holds a device, pipe or socket",
        "A package has no use for one; opening it may block or reach hardware.",
        "Found when a tar or zip entry is a device, FIFO, socket or the like. It is never made.";
    BOMB: "archive-bomb", High, &["T1499"],
        "The archive unpacks to more than the limits allow",
        "It fills disk or memory of whoever unpacks it.",
        "`high` where little data becomes very much, `medium` where there are too many files or bytes. Unpacking stopped there; raise the limits only if you know the package to be that large.";
    OVERLAP: "archive-overlapping-entries", High, &["T1499"],
        "Entries of a zip share their data",
        "No honest tool makes such a zip: it is how a small file claims to hold terabytes, and how one entry hides in another.",
        "Found when the data of two entries, or of an entry and the directory, overlap.";
    HIDDEN_ENTRY: "archive-hidden-entry", High, &["T1564"],
        "A zip entry is not in the central directory",
        "Tools that read from the front install it; scanners and reviewers that read the directory never see it.",
        "Found when a local entry stands where the directory knows none. Its content was analysed.";
    AMBIGUOUS_DIRECTORY: "archive-ambiguous-directory", High, &["T1036"],
        "A zip has more than one central directory",
        "Tools disagree on which files the zip holds, so that a scanner may see others than are installed.",
        "Found when two end records, or two places of the directory, are valid. All of them were analysed.";
    HEADER_MISMATCH: "archive-header-mismatch", Medium, &["T1036"],
        "Two headers of one entry contradict each other",
        "Which of the two counts depends on the tool, so that a scanner may see another file than is installed.",
        "Found when a zip's local header and its directory differ in name (`high`), method, encryption or size, or a tar's pax header contradicts the header it extends.";
    LYING_SIZE: "archive-lying-size", Medium, &["T1036"],
        "An entry is larger or smaller than it says",
        "Tools that trust the size cut the file there, others do not: they install different files.",
        "Found when a zip entry's data has another length than declared. All of it was analysed.";
    UNEXPECTED_CONTENT: "archive-unexpected-content", Low, &["T1564"],
        "A folder or link entry carries data",
        "Nothing is installed from there by most tools, so nobody looks at it.",
        "The data was analysed as a file whose name ends in `!content`.";
    CHECKSUM: "archive-checksum-mismatch", Low, &[],
        "An entry's data does not match its checksum",
        "The archive was damaged or edited after it was made; most tools refuse it.",
        "The data was analysed as it is.";
    ENCRYPTED: "archive-encrypted", Medium, &["T1027.013"],
        "An entry is encrypted",
        "No installer asks for a password: code that unpacks it carries the password, to hide the content from scanners.",
        "Found when a zip entry is marked as encrypted. Its content could not be analysed.";
    TRAILING_DATA: "archive-trailing-data", Low, &["T1564"],
        "Data follows the end of the archive",
        "Unpackers ignore it; code that reads its own archive may not.",
        "The data was analysed as a file whose name ends in `!trailing-data`.";
    LEADING_DATA: "archive-leading-data", Low, &["T1564"],
        "Data stands before the zip",
        "Self-extracting archives and Python's zip applications look so; anything else hides one file in another.",
        "The data was analysed as a file whose name ends in `!leading-data`.";
    UNLISTED_DATA: "archive-unlisted-data", Low, &["T1564"],
        "A zip holds data that belongs to no entry",
        "Unpackers ignore it; code that reads its own archive may not.",
        "Signing blocks and remains of deleted entries look so. The data was analysed as a file whose name starts with `!unlisted-data`.";
    POLYGLOT: "archive-polyglot", High, &["T1036"],
        "The file is valid as two archive formats",
        "Tools disagree on what it is, so that a scanner may see other files than are installed.",
        "Found when a tar or compressed file is also a valid zip. Both were analysed.";
    MISLEADING_NAME: "archive-misleading-name", Low, &["T1036.008"],
        "The archive is of another format than its name says",
        "Installers that go by the name fail on it; those that go by the content do not.",
        "Found when the name ends in the suffix of another format (a zip named `.tar.gz`).";
    SPARSE: "archive-sparse", Low, &[],
        "The package holds a sparse file",
        "Packages have no use for one, and tools disagree on how to read it.",
        "Found when a tar entry stores a file with holes. It was expanded and analysed.";
    UNREADABLE: "archive-unreadable", Info, &[],
        "An archive among tests could not be read to its end",
        "Tests of archives are made of damaged, encrypted and unusual ones. No installer unpacks it.",
        "Found when an archive in a folder of tests, examples or documentation is damaged, encrypted, or of a kind that can't be unpacked here. Look at what the package's code does with it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_prefixed() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
        assert!(ids.iter().all(|id| id.starts_with("archive-")));
    }
}
