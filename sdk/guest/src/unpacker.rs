//! Unpackers: components that take archives apart.
//!
//! The host owns the file system: an [`Unpacker`] announces each entry to a [`Sink`] and
//! writes what the sink gives it a writer for. In the sandbox the sink is the host; in
//! native tests it is anything that implements the trait.

use crate::bindings::unpacker::packguard::analyzer::sink as wit;
use crate::{Analysis, Descriptor};

pub use crate::bindings::unpacker::packguard::analyzer::sink::{Entry, EntryKind, Limit, Oddity};
pub use crate::bindings::unpacker::{Input, UnpackLimits};

/// Most bytes that one [`Writer::write`] takes.
pub const WRITE_LIMIT: usize = 1 << 20;

/// A component that takes archives apart.
pub trait Unpacker {
    /// What the component says of itself: name, version, rules.
    const DESCRIPTOR: Descriptor;

    /// Hands every entry of `inputs`, and of archives inside them, to `sink`.
    ///
    /// # Errors
    /// One line, when it can't work at all. A damaged archive, or one of no known
    /// format, is a problem in the [`Analysis`], not an error.
    fn unpack(
        inputs: &[Input],
        limits: UnpackLimits,
        sink: &mut dyn Sink,
    ) -> Result<Analysis, String>;
}

/// Where entries go.
pub trait Sink {
    /// Announces the next entry.
    ///
    /// # Errors
    /// The limit that is reached; the sink takes nothing more.
    fn place(&mut self, entry: &Entry) -> Result<Placement, Limit>;
}

/// A file of the sink, being filled. Dropped without [`Writer::finish`] it is discarded.
pub trait Writer {
    /// Appends at most [`WRITE_LIMIT`] bytes.
    ///
    /// # Errors
    /// The limit that is reached.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Limit>;

    /// Completes the file and says where it can be read.
    ///
    /// # Errors
    /// The limit that is reached.
    fn finish(self: Box<Self>) -> Result<String, Limit>;
}

/// What became of an entry.
pub enum Placement {
    /// A file to be filled, under its own name.
    File(Box<dyn Writer>),
    /// A file to be filled, kept under a made-up name.
    Renamed(Box<dyn Writer>, Oddity),
    /// A directory: noted.
    Directory,
    /// A directory whose name can't be trusted: not made.
    RefusedDirectory(Oddity),
    /// A link or device: never made.
    Refused,
}

/// The host's sink.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostSink;

impl Sink for HostSink {
    fn place(&mut self, entry: &Entry) -> Result<Placement, Limit> {
        Ok(match wit::place(entry)? {
            wit::Placement::File(writer) => Placement::File(Box::new(writer)),
            wit::Placement::Renamed((writer, oddity)) => {
                Placement::Renamed(Box::new(writer), oddity)
            }
            wit::Placement::Directory => Placement::Directory,
            wit::Placement::RefusedDirectory(oddity) => Placement::RefusedDirectory(oddity),
            wit::Placement::Refused => Placement::Refused,
        })
    }
}

impl Writer for wit::Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Limit> {
        Self::write(self, bytes)
    }

    fn finish(self: Box<Self>) -> Result<String, Limit> {
        Self::finish(*self)
    }
}
