//! The sink as guests call it.

use wasmtime::component::Resource;

use super::{Placed, SharedSink, Writer, lock};
use crate::bindings::sink as wit;
use crate::sandbox::State;
use crate::step::Stop;

/// Largest chunk a guest may write at once, bytes.
const MAX_CHUNK: usize = 1 << 20;

impl State {
    fn sink(&self) -> wasmtime::Result<SharedSink> {
        Ok(self
            .sink
            .clone()
            .ok_or(Stop::Refusal("this step has no sink"))?)
    }
}

impl wit::Host for State {
    fn place(&mut self, entry: wit::Entry) -> wasmtime::Result<Result<wit::Placement, wit::Limit>> {
        let sink = self.sink()?;
        let placed = match lock(&sink).place(&entry) {
            Ok(placed) => placed,
            Err(limit) => return Ok(Err(limit)),
        };
        Ok(Ok(match placed {
            Placed::File(writer, None) => wit::Placement::File(self.table.push(writer)?),
            Placed::File(writer, Some(oddity)) => {
                wit::Placement::Renamed((self.table.push(writer)?, oddity))
            }
            Placed::Directory => wit::Placement::Directory,
            Placed::RefusedDirectory(oddity) => wit::Placement::RefusedDirectory(oddity),
            Placed::Refused => wit::Placement::Refused,
        }))
    }
}

impl wit::HostWriter for State {
    fn write(
        &mut self,
        this: Resource<Writer>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Limit>> {
        if bytes.len() > MAX_CHUNK {
            return Err(Stop::Refusal("a write of more than 1 MiB").into());
        }
        let sink = self.sink()?;
        let writer = self.table.get_mut(&this)?;
        Ok(lock(&sink).append(writer, &bytes))
    }

    fn finish(&mut self, this: Resource<Writer>) -> wasmtime::Result<Result<String, wit::Limit>> {
        let writer = self.table.delete(this)?;
        let sink = self.sink()?;
        Ok(Ok(lock(&sink).finish(writer)))
    }

    fn drop(&mut self, this: Resource<Writer>) -> wasmtime::Result<()> {
        let writer = self.table.delete(this)?;
        let sink = self.sink()?;
        lock(&sink).discard(writer);
        Ok(())
    }
}
