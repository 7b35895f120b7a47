//! What a component asks for, read without compiling or running it.
//!
//! [`Runtime::load`](crate::Runtime::load) ends at the first reason against a component. Who
//! wrote the component wants all of them, and what speaks for it too.

use sha2::{Digest as _, Sha256};
use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds};

use crate::component::{self, DENIED_BUT_LINKED, LoadError, MAX_COMPONENT, World};

/// The WIT package that components speak, without its version.
const CONTRACT: &str = "packguard:analyzer/";

/// Version of [`CONTRACT`] that this host speaks; a component may speak an older minor one.
pub const CONTRACT_VERSION: &str = "1.0";

/// Most imports and exports that are listed: a component of one of the three worlds has about
/// 30, a hostile one as many as fit into its 64 MiB.
const MAX_LISTED: usize = 1_000;

/// What stands in a component's bytes.
#[derive(Debug)]
pub struct Examination {
    /// Bytes.
    pub size: usize,
    /// Most bytes admitted.
    pub max_size: usize,
    /// Lower-case hex SHA-256 of the bytes.
    pub digest: String,
    /// What it imports, in its order.
    pub imports: Vec<Import>,
    /// Names that it exports, in its order.
    pub exports: Vec<String>,
    /// Version of `packguard:analyzer` that it speaks, where it says so.
    pub contract: Option<String>,
    /// What it is for, by the names of its exports.
    pub world: Option<World>,
    /// Why it would not be admitted, all of it; empty where nothing in its bytes speaks against it.
    pub reasons: Vec<LoadError>,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Interface with its version, as in `wasi:io/streams@0.2.6`.
    pub name: String,
    /// What the guest gets.
    pub access: Access,
}

/// What a guest gets of what it imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It works, within the sandbox.
    Allowed,
    /// It is there, since interpreters import it, and every call fails.
    Useless,
    /// A component that imports it is not admitted.
    Forbidden,
}

/// Reads what stands in a component's bytes. Bytes that are none are no error: the reasons say so.
pub fn examine(bytes: &[u8]) -> Examination {
    let mut found = Examination {
        size: bytes.len(),
        max_size: MAX_COMPONENT,
        digest: hex::encode(Sha256::digest(bytes)),
        imports: Vec::new(),
        exports: Vec::new(),
        contract: None,
        world: None,
        reasons: Vec::new(),
    };
    if let Err(reason) = component::inspect(bytes) {
        found.reasons.push(reason);
        return found;
    }
    if let Err(error) = found.read(bytes) {
        let reason = LoadError::Invalid(error.message().into());
        found.reasons.push(reason);
        return found;
    }
    found.judge();
    found
}

impl Examination {
    /// Reads the outermost component's imports and exports; those of what it holds are its own
    /// business.
    fn read(&mut self, bytes: &[u8]) -> wasmparser::Result<()> {
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import?;
                        // A name for a type of another import: nothing that a host gives.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            self.import(import.name.name);
                        }
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.export(export?.name.name);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, name: &str) {
        if self.contract.is_none()
            && let Some((_, version)) = name
                .strip_prefix(CONTRACT)
                .and_then(|rest| rest.split_once('@'))
        {
            self.contract = Some(version.to_owned());
        }
        if self.imports.len() < MAX_LISTED {
            self.imports.push(Import {
                name: name.to_owned(),
                access: access(name),
            });
        } else if access(name) == Access::Forbidden {
            self.reasons.push(LoadError::ForbiddenImport(name.into()));
        }
        self.reasons.truncate(MAX_LISTED);
    }

    fn export(&mut self, name: &str) {
        let world = match name {
            "unpack" => Some(World::Unpacker),
            "analyze" => Some(World::Analyzer),
            "judge" => Some(World::Judge),
            _ => None,
        };
        self.world = self.world.or(world);
        if self.exports.len() < MAX_LISTED {
            self.exports.push(name.to_owned());
        }
    }

    fn judge(&mut self) {
        let forbidden = self
            .imports
            .iter()
            .filter(|import| import.access == Access::Forbidden)
            .map(|import| component::forbidden(&import.name));
        let mut reasons: Vec<_> = forbidden.collect();
        if self.world.is_none() || !self.exports.iter().any(|name| name == "describe") {
            reasons.push(LoadError::NoWorld);
        }
        self.reasons.splice(0..0, reasons);
    }
}

fn access(name: &str) -> Access {
    if !component::may_import(name) {
        Access::Forbidden
    } else if name.starts_with(DENIED_BUT_LINKED) {
        Access::Useless
    } else {
        Access::Allowed
    }
}

/// The version in `name`, where it is an interface of the contract in a version that this host
/// does not speak.
pub(crate) fn other_contract(name: &str) -> Option<&str> {
    let (_, version) = name.strip_prefix(CONTRACT)?.split_once('@')?;
    (!component::may_import(name)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {text})")).unwrap()
    }

    #[test]
    fn every_reason_is_told_not_only_the_first() {
        let found = examine(&component(
            r#"(import "packguard:analyzer/types@2.0.0" (instance))
               (import "wasi:http/types@0.2.6" (instance))
               (import "wasi:sockets/tcp@0.2.6" (instance))
               (import "wasi:io/streams@0.2.6" (instance))"#,
        ));
        assert_eq!(found.contract.as_deref(), Some("2.0.0"));
        let access: Vec<_> = found.imports.iter().map(|one| one.access).collect();
        assert_eq!(
            access,
            [
                Access::Forbidden,
                Access::Forbidden,
                Access::Useless,
                Access::Allowed
            ]
        );
        let reasons: Vec<_> = found.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(reasons.len(), 3, "{reasons:?}");
        assert!(reasons[0].contains("speaks packguard:analyzer@2.0.0"));
        assert!(reasons[1].contains("wasi:http"));
        assert!(reasons[2].contains("exports no world"));
    }

    #[test]
    fn imports_of_what_is_inside_are_not_its_own() {
        let found = examine(&component(
            r#"(component (import "wasi:http/types@0.2.6" (instance)))"#,
        ));
        assert!(found.imports.is_empty());
    }

    #[test]
    fn bytes_that_are_no_component_have_a_reason() {
        assert!(matches!(examine(b"").reasons[..], [LoadError::NotWasm]));
        let module = wat::parse_str("(module)").unwrap();
        assert!(matches!(
            examine(&module).reasons[..],
            [LoadError::CoreModule]
        ));
        let mut cut = component(r#"(import "wasi:io/streams@0.2.6" (instance))"#);
        cut.truncate(cut.len() - 3);
        assert!(matches!(examine(&cut).reasons[..], [LoadError::Invalid(_)]));
    }

    #[test]
    fn a_flood_of_imports_is_bounded() {
        let imports: String = (0..2_000)
            .map(|at| format!("(import \"wasi:http/a{at}@0.2.6\" (instance))"))
            .collect();
        let found = examine(&component(&imports));
        assert_eq!(found.imports.len(), MAX_LISTED);
        assert!(found.reasons.len() <= 2 * MAX_LISTED + 1);
    }
}
