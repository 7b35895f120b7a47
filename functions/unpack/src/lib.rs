//! Takes archives apart inside the sandbox and hands every entry to the host's sink.
//!
//! `unpack` takes one archive after the other: `sniff` tells the format by content, `codec`
//! decompresses, `tar` and `zip` walk entries, `out` hands them to the sink, reports what
//! it answers, and notes archives among them for their turn. `rules` lists what can be
//! found; `limits` every bound. README.md says what each is for.

mod codec;
mod limits;
mod names;
mod out;
mod report;
mod rules;
mod sniff;
mod source;
mod tar;
mod unpack;
mod zip;

use packguard_sdk::unpacker::{Input, Sink, UnpackLimits};
use packguard_sdk::{Analysis, Descriptor, Unpacker, descriptor};

/// The component.
#[derive(Debug, Clone, Copy)]
pub struct Unpack;

impl Unpacker for Unpack {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "unpack",
        description: "Takes archives apart and reports what is odd about them",
        rules: rules::RULES,
        ..descriptor!()
    };

    fn unpack(
        inputs: &[Input],
        limits: UnpackLimits,
        sink: &mut dyn Sink,
    ) -> Result<Analysis, String> {
        let mut out = out::Out::new(sink);
        // A limit is reported where it was met; there is no more to do about it.
        let _ended_early = unpack::unpack(&mut out, inputs, limits.nesting);
        Ok(out.report.finish())
    }
}

packguard_sdk::export_unpacker!(Unpack);
