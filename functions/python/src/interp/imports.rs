//! Imports.

use ruff_python_ast::{StmtImport, StmtImportFrom};
use ruff_text_size::Ranged as _;

use super::{Interpreter, bytes_of};
use crate::names;
use crate::value::Value;

impl<'a> Interpreter<'a, '_> {
    pub(super) fn import(&mut self, statement: &'a StmtImport) {
        for alias in &statement.names {
            let name = alias.name.as_str();
            self.note_import(name, alias.range());
            match &alias.asname {
                Some(as_name) => {
                    let value = self.path(name);
                    self.bind(as_name.as_str(), value);
                }
                None => {
                    let top = name.split('.').next().unwrap_or(name);
                    let value = self.path(top);
                    self.bind(top, value);
                }
            }
        }
    }

    pub(super) fn import_from(&mut self, statement: &'a StmtImportFrom) {
        let module = statement.module.as_ref().map_or("", |name| name.as_str());
        let dots = ".".repeat(statement.level.min(10) as usize);
        for alias in &statement.names {
            let name = alias.name.as_str();
            if name == "*" {
                let position = statement.range().start().to_usize();
                match self.absolute(statement.level, module, position) {
                    Some(whole) if statement.level > 0 => self.import_all(&whole),
                    _ => self.import_all(module),
                }
                if dots.is_empty() && !self.stars.iter().any(|star| &**star == module) {
                    self.stars.push(module.into());
                }
                self.note_import(module, alias.range());
                continue;
            }
            let path = if module.is_empty() {
                format!("{dots}{name}")
            } else {
                format!("{dots}{module}.{name}")
            };
            self.note_import(&path, alias.range());
            let bound = alias.asname.as_ref().map_or(name, |name| name.as_str());
            let value = match self.modules.is_empty() {
                true => self.path(&path),
                false => self.linked(statement, module, name, &path),
            };
            self.bind(bound, value);
        }
    }

    /// What is imported from one of the modules that are walked as one.
    fn linked(
        &mut self,
        statement: &StmtImportFrom,
        module: &str,
        name: &str,
        path: &str,
    ) -> Value<'a> {
        let position = statement.range().start().to_usize();
        let whole = match statement.level {
            0 => Some(module.to_owned()),
            level => self.absolute(level, module, position),
        };
        let Some(whole) = whole else {
            return self.path(path);
        };
        let full = format!("{whole}.{name}");
        if self.module_scope(&full).is_some() {
            return self.path(&full);
        }
        let name = self.symbols.get(name);
        match self.in_modules(&whole, name) {
            Some(value) => value,
            None => self.path(path),
        }
    }

    fn note_import(&mut self, path: &str, range: ruff_text_size::TextRange) {
        if self.is_noting() {
            self.facts
                .imports
                .push((names::canonical(path).into(), bytes_of(range)));
        }
    }
}
