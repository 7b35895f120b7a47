//! `packguard:analyzer/log`: one line to the operator, and to whoever listens.

use crate::bindings::log;
use crate::sandbox::State;

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.output.spend(message.len() + 1)?;
        if let Some((listener, component)) = &self.listener {
            listener(component, level.into(), &message);
        }
        let component = &*self.component;
        match level {
            log::Level::Debug => tracing::debug!(component, message, "guest says"),
            log::Level::Info => tracing::info!(component, message, "guest says"),
            log::Level::Warn => tracing::warn!(component, message, "guest warns"),
            log::Level::Error => tracing::error!(component, message, "guest reports an error"),
        }
        Ok(())
    }
}
