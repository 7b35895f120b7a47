//! One file's part of the text: what it loads and what it gives, as plain bindings.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use oxc_ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, CallExpression, ExportDefaultDeclarationKind,
    Expression, IdentifierReference, ImportDeclaration, ImportDeclarationSpecifier,
    ImportExpression, Program, Statement, StaticMemberExpression,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan as _, Span};

use super::Edit;

/// What became of a file.
#[derive(Debug, Default)]
pub struct Module {
    /// Changes, in order.
    pub edits: Vec<Edit>,
    /// What follows the file's text.
    pub end: String,
    /// Whether it waits at its top level.
    pub waits: bool,
}

struct Rewriter<'f, 'a> {
    own: usize,
    find: &'f mut dyn FnMut(&str) -> Option<usize>,
    json: &'f dyn Fn(usize) -> Option<String>,
    module: Module,
    /// `exports.name`, by place.
    parts: Vec<(Span, &'a str)>,
    /// Names that the file exports, and what they are in it.
    named: Vec<(String, String)>,
    all: Vec<usize>,
    /// Whether it assigns to `module.exports`.
    whole: bool,
    depth: u32,
    /// Whether it nests deeper than [`DEPTH`].
    deep: bool,
}

/// Deepest expression or statement of a file that takes part: long chains nest too.
const DEPTH: u32 = 200;

/// Makes a file a module of the text; nothing where its syntax can't stand in a function.
pub fn rewrite<'a>(
    program: &Program<'a>,
    own: usize,
    find: &mut dyn FnMut(&str) -> Option<usize>,
    json: &dyn Fn(usize) -> Option<String>,
) -> Option<Module> {
    let mut rewriter = Rewriter {
        own,
        find,
        json,
        module: Module::default(),
        parts: Vec::new(),
        named: Vec::new(),
        all: Vec::new(),
        whole: false,
        depth: 0,
        deep: false,
    };
    if let Some(hashbang) = &program.hashbang {
        rewriter.edit(hashbang.span, String::new());
    }
    for statement in &program.body {
        rewriter.declaration(statement)?;
    }
    rewriter.visit_program(program);
    (!rewriter.deep).then(|| rewriter.finish())
}

impl<'a> Rewriter<'_, 'a> {
    fn edit(&mut self, span: Span, text: String) {
        let range = span.start as usize..span.end as usize;
        self.module.edits.push(Edit { range, text });
    }

    fn export(&mut self, name: &str, local: String) {
        self.named.push((name.to_owned(), local));
    }

    /// Imports and exports of modules.
    fn declaration(&mut self, statement: &Statement<'a>) -> Option<()> {
        match statement {
            Statement::ImportDeclaration(import) => self.import(import),
            Statement::ExportDeclaration(export) => {
                let start = export.declaration.span().start;
                self.edit(Span::new(export.span.start, start), String::new());
                if let oxc_ast::ast::Declaration::VariableDeclaration(variables) =
                    &export.declaration
                {
                    for variable in &variables.declarations {
                        if let Some(name) = variable.id.get_identifier_name() {
                            self.export(&name, name.to_string());
                        }
                    }
                } else if let Some(id) = export.declaration.id() {
                    self.export(&id.name, id.name.to_string());
                }
            }
            Statement::ExportNamedDeclaration(export) => {
                self.edit(export.span, String::new());
                for one in &export.specifiers {
                    self.export(&one.exported.name(), one.local.name().to_string());
                }
            }
            Statement::ExportFromDeclaration(export) => {
                self.edit(export.span, String::new());
                let module = self.load(&export.source.value);
                for one in &export.specifiers {
                    let local = format!("{module}.{}", one.local.name());
                    self.export(&one.exported.name(), local);
                }
            }
            Statement::ExportAllDeclaration(export) => {
                self.edit(export.span, String::new());
                self.all.extend((self.find)(&export.source.value));
            }
            Statement::ExportDefaultDeclaration(export) => {
                let id = match &export.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                        function.id.as_ref()
                    }
                    ExportDefaultDeclarationKind::ClassDeclaration(class) => class.id.as_ref(),
                    ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => return None,
                    _ => None,
                };
                let before = Span::new(export.span.start, export.declaration.span().start);
                if let Some(id) = id {
                    self.edit(before, String::new());
                    self.export("default", id.name.to_string());
                } else {
                    let own = self.own;
                    self.edit(before, format!("__pg{own}_default = "));
                    self.export("default", format!("__pg{own}_default"));
                }
            }
            Statement::TSExportAssignment(_)
            | Statement::TSImportEqualsDeclaration(_)
            | Statement::TSNamespaceExportDeclaration(_) => return None,
            _ => {}
        }
        Some(())
    }

    /// The expression that loads a module.
    fn load(&mut self, path: &str) -> String {
        let target = path.starts_with('.').then(|| (self.find)(path)).flatten();
        match target {
            Some(target) => match (self.json)(target) {
                Some(text) => text,
                None => format!("__pg{target}"),
            },
            None => format!("require({})", quoted(path)),
        }
    }

    fn import(&mut self, import: &ImportDeclaration<'a>) {
        if import.import_kind.is_type() {
            self.edit(import.span, String::new());
            return;
        }
        let module = self.load(&import.source.value);
        let mut text = String::new();
        let mut names = String::new();
        for specifier in import.specifiers.iter().flatten() {
            // Writing to a text can't fail.
            let _ = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) => {
                    write!(
                        names,
                        "{}:{},",
                        quoted(&one.imported.name()),
                        one.local.name
                    )
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one)
                    if module.starts_with("__pg") =>
                {
                    write!(names, "default:{},", one.local.name)
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                    write!(text, "const {}={module};", one.local.name)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => {
                    write!(text, "const {}={module};", one.local.name)
                }
            };
        }
        if !names.is_empty() {
            let _ = write!(text, "const {{{names}}}={module};");
        }
        self.edit(import.span, text);
    }

    fn finish(mut self) -> Module {
        let own = self.own;
        let mut end = String::new();
        let mut exported = BTreeSet::new();
        for (span, name) in std::mem::take(&mut self.parts) {
            // Members of what is given whole stay members.
            if self.whole {
                self.edit(span, format!("__pg{own}.{name}"));
                continue;
            }
            self.edit(span, format!("__pg{own}_{name}"));
            if exported.insert(name) {
                self.named
                    .push((name.to_owned(), format!("__pg{own}_{name}")));
            }
        }
        for (name, local) in &self.named {
            if name == "activate" && !exported.contains("activate") {
                let _ = write!(end, "__pg{own}_activate={local};");
            }
        }
        if !self.named.is_empty() || !self.all.is_empty() {
            let _ = write!(end, "__pg{own}={{");
            for all in &self.all {
                let _ = write!(end, "...__pg{all},");
            }
            for (name, local) in &self.named {
                let _ = write!(end, "{}:{local},", quoted(name));
            }
            end.push_str("};");
        }
        self.module.end = end;
        self.module
            .edits
            .sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end)));
        self.module
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether an expression is `module.exports`.
fn is_exports(expression: &Expression<'_>) -> bool {
    matches!(expression, Expression::StaticMemberExpression(member)
        if member.property.name == "exports"
            && matches!(&member.object, Expression::Identifier(name) if name.name == "module"))
}

impl<'a> Visit<'a> for Rewriter<'_, 'a> {
    fn visit_expression(&mut self, expression: &Expression<'a>) {
        if self.depth >= DEPTH {
            self.deep = true;
            return;
        }
        self.depth += 1;
        walk::walk_expression(self, expression);
        self.depth -= 1;
    }

    fn visit_statement(&mut self, statement: &Statement<'a>) {
        if self.depth >= DEPTH {
            self.deep = true;
            return;
        }
        self.depth += 1;
        walk::walk_statement(self, statement);
        self.depth -= 1;
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::Identifier(name) = &call.callee
            && name.name == "require"
            && let [Argument::StringLiteral(path)] = &call.arguments[..]
            && path.value.starts_with('.')
        {
            let text = self.load(&path.value);
            if !text.starts_with("require") {
                self.edit(call.span, text);
            }
            return;
        }
        // A file that is started in a process of its own: `fork(require.resolve('./worker'))`.
        if let Expression::StaticMemberExpression(member) = &call.callee
            && member.property.name == "resolve"
            && matches!(&member.object, Expression::Identifier(name) if name.name == "require")
            && let [Argument::StringLiteral(path)] = &call.arguments[..]
            && path.value.starts_with('.')
        {
            self.load(&path.value);
            return;
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_import_expression(&mut self, call: &ImportExpression<'a>) {
        if let Expression::StringLiteral(path) = &call.source
            && path.value.starts_with('.')
        {
            let text = self.load(&path.value);
            if !text.starts_with("require") {
                self.edit(call.span, text);
            }
            return;
        }
        walk::walk_import_expression(self, call);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        if let AssignmentTarget::StaticMemberExpression(member) = &assignment.left
            && member.property.name == "exports"
            && matches!(&member.object, Expression::Identifier(name) if name.name == "module")
        {
            self.whole = true;
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        let plain =
            matches!(&member.object, Expression::Identifier(name) if name.name == "exports");
        if plain || is_exports(&member.object) {
            self.parts
                .push((member.span, member.property.name.as_str()));
            return;
        }
        if member.property.name == "exports"
            && matches!(&member.object, Expression::Identifier(name) if name.name == "module")
        {
            let own = self.own;
            self.edit(member.span, format!("__pg{own}"));
            return;
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        if name.name == "exports" {
            let own = self.own;
            self.edit(name.span, format!("__pg{own}"));
        }
    }

    fn visit_await_expression(&mut self, it: &oxc_ast::ast::AwaitExpression<'a>) {
        self.module.waits = true;
        walk::walk_await_expression(self, it);
    }
}
