//! The bundled analyzers, compiled to components and embedded.

/// One bundled component.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// Name of its folder below `functions/`.
    pub name: &'static str,
    /// Lower-case hex SHA-256 of `bytes`.
    pub digest: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// All bundled components, by name.
pub const BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
