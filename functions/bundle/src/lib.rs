//! The bundled analyzers.
