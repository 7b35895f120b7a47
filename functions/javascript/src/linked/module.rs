//! One file of those that are put together: what becomes of its imports and exports.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oxc_ast::ast::{
    BindingIdentifier, BindingPattern, Declaration, ExportDefaultDeclarationKind, Expression,
    ImportDeclarationSpecifier, Statement,
};
use oxc_span::{GetSpan as _, Span};

use super::{DATA, EXPORTS};
use crate::collect::Facts;
use crate::phase::Resolver;

/// Calls of a file that may load any of a folder's files.
const TABLES: usize = 20;

/// One file, and what is to be replaced in it.
pub(super) struct Module<'p> {
    resolver: &'p Resolver<'p>,
    pub(super) at: usize,
    files: &'p [usize],
    /// Places and what comes there.
    pub(super) edits: Vec<(Span, String)>,
    /// Exported names and their values' names.
    pub(super) exports: BTreeMap<String, String>,
    /// Whether `module.exports` itself is assigned.
    pub(super) whole: bool,
    pub(super) data: Vec<usize>,
    pub(super) links: bool,
    /// Calls of which only the folder is known.
    tables: usize,
}

impl<'p> Module<'p> {
    pub(super) fn new(resolver: &'p Resolver<'p>, at: usize, files: &'p [usize]) -> Self {
        Self {
            resolver,
            at,
            files,
            edits: Vec::new(),
            exports: BTreeMap::new(),
            whole: false,
            data: Vec::new(),
            links: false,
            tables: 0,
        }
    }

    /// The name of what a path gives, where it is one of the files.
    fn name_of(&mut self, path: &str) -> Option<String> {
        if !path.starts_with('.') {
            return None;
        }
        let data = || self.resolver.resolve(self.at, &format!("{path}.json"));
        let at = self.resolver.resolve(self.at, path).or_else(data)?;
        if !self.files.contains(&at) {
            if !self.resolver.is_data(at, DATA) {
                return None;
            }
            self.data.push(at);
        }
        self.links = true;
        Some(format!("__m{at}"))
    }

    /// `require('./x')` and `import('./x')`.
    pub(super) fn requires(&mut self, facts: &Facts<'_>) {
        for call in &facts.calls {
            let named = matches!(call.callee(), Some(Expression::Identifier(name)) if name.name == "require");
            if !(named || call.callee().is_none()) || call.arguments() == 0 {
                continue;
            }
            match call.argument(0) {
                Some(Expression::StringLiteral(text)) => {
                    if let Some(name) = self.name_of(text.value.as_str()) {
                        self.edits.push((call.span(), name));
                    }
                }
                Some(built) if named => self.built(call.span(), built),
                _ => {}
            }
        }
    }

    /// `require('./parts/' + name)`: one of the files there.
    fn built(&mut self, call: Span, argument: &Expression<'_>) {
        let folder = match argument {
            Expression::BinaryExpression(binary) => match &binary.left {
                Expression::StringLiteral(text) => text.value.as_str(),
                _ => return,
            },
            Expression::TemplateLiteral(template) => match template.quasis.first() {
                Some(first) => first.value.raw.as_str(),
                None => return,
            },
            _ => return,
        };
        if !folder.starts_with('.') || !folder.ends_with('/') || self.tables >= TABLES {
            return;
        }
        self.tables += 1;
        let mut table = String::from("({");
        for at in self.files {
            let Some(rest) = self.resolver.below(self.at, folder, *at) else {
                continue;
            };
            let bare = rest.rsplit_once('.').map_or(rest, |(bare, _)| bare);
            let _infallible = write!(
                table,
                "{:?}:__m{at},{:?}:__m{at},",
                format!("{folder}{bare}"),
                format!("{folder}{rest}")
            );
            self.links = true;
        }
        table.push_str("})[");
        let inside = argument.span();
        self.edits
            .push((Span::new(call.start, inside.start), table));
        self.edits
            .push((Span::new(inside.end, call.end), "]".into()));
    }

    /// `module.exports = …`, `exports.name = …`.
    pub(super) fn writes(&mut self, facts: &Facts<'_>, text: &str) {
        let whole = |object: &Expression<'_>, property: Option<&str>| {
            matches!(object, Expression::Identifier(name) if name.name == "module")
                && property == Some("exports")
        };
        self.whole = facts
            .writes
            .iter()
            .any(|write| whole(write.object, write.property));
        for write in &facts.writes {
            let object = write.object.span();
            let value = write.value.span();
            let between = text.get(object.end as usize..value.start as usize);
            let Some(equals) = between.and_then(|between| between.find('=')) else {
                continue;
            };
            let Ok(equals) = u32::try_from(equals) else {
                continue;
            };
            let place = Span::new(object.start, object.end + equals + 1);
            if whole(write.object, write.property) {
                self.edits.push((place, format!("__m{} =", self.at)));
                continue;
            }
            let exports = match write.object {
                Expression::Identifier(name) => name.name == "exports",
                Expression::StaticMemberExpression(member) => {
                    whole(&member.object, Some(member.property.name.as_str()))
                }
                _ => false,
            };
            if let Some(name) = write.property.filter(|_| exports) {
                self.exported(name, place);
            }
        }
    }

    fn exported(&mut self, name: &str, place: Span) {
        if self.exports.len() >= EXPORTS || !is_name(name) {
            return;
        }
        if self.whole {
            self.edits.push((place, format!("__m{}.{name} =", self.at)));
            return;
        }
        let own = format!("__m{}${name}", self.at);
        self.edits.push((place, format!("{own} =")));
        self.exports.insert(name.into(), own);
    }

    /// `import` and `export` of the top level.
    pub(super) fn statements(&mut self, body: &[Statement<'_>]) {
        for statement in body {
            match statement {
                Statement::ImportDeclaration(import) => {
                    let name = self.name_of(import.source.value.as_str());
                    let specifiers = import.specifiers.as_ref().map_or(&[][..], |all| all);
                    let text = imported(specifiers, import.source.value.as_str(), name.as_deref());
                    self.edits.push((import.span, text));
                }
                Statement::ExportDeclaration(export) => {
                    let start = export.declaration.span().start;
                    let place = Span::new(export.span.start, start);
                    self.edits.push((place, String::new()));
                    for name in declared(&export.declaration) {
                        self.exports.insert(name.clone(), name);
                    }
                }
                Statement::ExportNamedDeclaration(export) => {
                    for one in &export.specifiers {
                        let (local, name) = (one.local.name(), one.exported.name());
                        self.exports.insert(name.to_string(), local.to_string());
                    }
                    self.edits.push((export.span, ";".into()));
                }
                Statement::ExportFromDeclaration(export) => {
                    if let Some(from) = self.name_of(export.source.value.as_str()) {
                        for one in &export.specifiers {
                            let (local, name) = (one.local.name(), one.exported.name());
                            self.exports
                                .insert(name.to_string(), format!("{from}.{local}"));
                        }
                    }
                    self.edits.push((export.span, ";".into()));
                }
                Statement::ExportDefaultDeclaration(export) => {
                    let start = export.declaration.span().start;
                    let place = Span::new(export.span.start, start);
                    let id: Option<&BindingIdentifier<'_>> = match &export.declaration {
                        ExportDefaultDeclarationKind::FunctionDeclaration(it) => it.id.as_ref(),
                        ExportDefaultDeclarationKind::ClassDeclaration(it) => it.id.as_ref(),
                        _ => None,
                    };
                    let local = match id {
                        Some(id) => {
                            self.edits.push((place, String::new()));
                            id.name.to_string()
                        }
                        None => {
                            let own = format!("__m{}$default", self.at);
                            self.edits.push((place, format!("{own} = ")));
                            own
                        }
                    };
                    self.exports.insert("default".into(), local);
                }
                Statement::ExportAllDeclaration(export) => {
                    let name = self.name_of(export.source.value.as_str());
                    if let (Some(name), None) = (name, &export.exported) {
                        self.exports.insert(format!("...{name}"), String::new());
                    }
                    self.edits.push((export.span, ";".into()));
                }
                _ => {}
            }
        }
    }
}

/// `import a, { b as c } from …` as declarations.
fn imported(
    specifiers: &[ImportDeclarationSpecifier<'_>],
    source: &str,
    name: Option<&str>,
) -> String {
    let module = match name {
        Some(name) => name.to_owned(),
        None => format!("require({source:?})"),
    };
    let mut text = String::new();
    for specifier in specifiers {
        let _infallible = match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(one) => write!(
                text,
                "var {} = {module}.{};",
                one.local.name,
                one.imported.name()
            ),
            ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                write!(text, "var {} = {module}.default;", one.local.name)
            }
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => {
                write!(text, "var {} = {module};", one.local.name)
            }
        };
    }
    text
}

/// The names that a declaration declares.
fn declared(declaration: &Declaration<'_>) -> Vec<String> {
    match declaration {
        Declaration::VariableDeclaration(all) => all
            .declarations
            .iter()
            .filter_map(|one| match &one.id {
                BindingPattern::BindingIdentifier(name) => Some(name.name.to_string()),
                _ => None,
            })
            .collect(),
        Declaration::FunctionDeclaration(one) => {
            one.id.iter().map(|id| id.name.to_string()).collect()
        }
        Declaration::ClassDeclaration(one) => one.id.iter().map(|id| id.name.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn is_name(name: &str) -> bool {
    name.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$')
}
