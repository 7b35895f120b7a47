//! What was seen in one unit of code: a Java class with its nested ones, a .NET type.

use std::collections::BTreeSet;
use std::rc::Rc;

use packguard_sdk::Phase;

use crate::labels::Labels;

/// Most deeds kept of a unit; honest classes have dozens.
const DEEDS_LIMIT: usize = 2_000;
/// Most bytes of constants kept of a unit.
const TEXTS_LIMIT: usize = 1 << 20;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    /// Starts a program.
    Execute,
    /// Makes code of bytes.
    Load,
    /// Makes a loader that takes code from addresses.
    LoadFrom,
    /// Loads a native library.
    LoadLibrary,
    /// Runs a text as code.
    Eval,
    /// Asks another host for something.
    Fetch,
    /// Downloads to a file in one step.
    DownloadToFile,
    /// Sends data to another host.
    Send,
    /// Writes a file.
    Write,
    /// Opens a raw connection.
    Connect,
    /// Feeds a process.
    Feed,
    /// Looks a name up that may lead to foreign code (JNDI).
    LookUp,
    /// Turns bytes into objects.
    Deserialise,
    /// Calls what is found by name.
    Reflect,
    /// Takes the clipboard's content.
    ReadClipboard,
    /// Replaces the clipboard's content.
    WriteClipboard,
    /// Takes a picture of the screen.
    Capture,
    /// Hears keys that are pressed.
    Keys,
    /// Writes the registry of Windows.
    Registry,
    /// Decrypts what Windows keeps for the user.
    Unprotect,
    /// Decodes or decrypts.
    Decode,
    /// Copies bytes into memory outside of the runtime's care, or calls a pointer.
    Pointer,
    /// Deletes files.
    Delete,
}

/// One thing that is done.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub deed: Deed,
    /// What is known of the values that go in.
    pub labels: Labels,
    /// The text that goes in, where it is known.
    pub text: Option<Rc<str>>,
    /// Where the data comes from: an address or path.
    pub origin: Option<Rc<str>>,
    /// The method it stands in.
    pub method: Rc<str>,
    pub phase: Phase,
}

/// What was seen in one unit.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub done: Vec<Done>,
    /// Constant texts and folded ones, one per line.
    pub texts: String,
    /// Functions of native libraries that it declares.
    pub natives: BTreeSet<String>,
    /// Large constant byte arrays.
    pub blobs: usize,
    /// Something was left out.
    pub cut: bool,
}

impl Facts {
    /// Notes a deed.
    pub fn push(&mut self, done: Done) {
        if self.done.len() < DEEDS_LIMIT {
            self.done.push(done);
        } else {
            self.cut = true;
        }
    }

    /// Notes a text.
    pub fn text(&mut self, text: &str) {
        if text.len() < 3 {
            return;
        }
        if self.texts.len() + text.len() < TEXTS_LIMIT {
            self.texts.push_str(text);
            self.texts.push('\n');
        } else {
            self.cut = true;
        }
    }

    /// Whether it does something.
    pub fn does(&self, deed: Deed) -> bool {
        self.done.iter().any(|done| done.deed == deed)
    }

    /// Every time it does something.
    pub fn each(&self, deed: Deed) -> impl Iterator<Item = &Done> {
        self.done.iter().filter(move |done| done.deed == deed)
    }
}
