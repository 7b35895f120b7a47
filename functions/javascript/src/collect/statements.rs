//! Statements, declarations and classes.

use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, BindingPattern, Class, ClassElement, Declaration,
    ExportDefaultDeclarationKind, ForStatementInit, ForStatementLeft, Function, ImportDeclaration,
    ImportDeclarationSpecifier, ModuleExportName, PropertyKey, Statement, TSModuleReference,
    TSNamespaceDeclarationBody, TryStatement, VariableDeclaration,
};

use super::patterns::{Definition, Origin};
use super::{Collector, FunctionNode, Node, Place, Role};

impl<'a> Collector<'a> {
    pub(super) fn statements(
        &mut self,
        statements: impl IntoIterator<Item = &'a Statement<'a>>,
        place: Place,
    ) {
        for statement in statements {
            self.work.push((Node::Statement(statement), place));
        }
    }

    pub(super) fn statement(&mut self, statement: &'a Statement<'a>, place: Place) {
        match statement {
            Statement::BlockStatement(block) => {
                let inside = self.block(place);
                self.statements(&block.body, inside);
            }
            Statement::ExpressionStatement(statement) => self.later(&statement.expression, place),
            Statement::IfStatement(statement) => {
                self.later(&statement.test, place);
                self.statements([&statement.consequent], place);
                self.statements(&statement.alternate, place);
            }
            Statement::DoWhileStatement(_)
            | Statement::WhileStatement(_)
            | Statement::ForStatement(_)
            | Statement::ForInStatement(_)
            | Statement::ForOfStatement(_) => self.repetition(statement, place),
            Statement::LabeledStatement(statement) => self.statements([&statement.body], place),
            Statement::ReturnStatement(statement) => {
                if let Some(value) = &statement.argument {
                    self.facts.functions[place.function as usize]
                        .returns
                        .push((value, place.scope));
                    self.later(value, place);
                }
            }
            Statement::SwitchStatement(statement) => {
                self.later(&statement.discriminant, place);
                let inside = self.block(place);
                for case in &statement.cases {
                    if let Some(test) = &case.test {
                        self.later(test, inside);
                    }
                    self.statements(&case.consequent, inside);
                }
            }
            Statement::ThrowStatement(statement) => self.later(&statement.argument, place),
            Statement::TryStatement(statement) => self.try_statement(statement, place),
            Statement::WithStatement(statement) => {
                self.later(&statement.object, place);
                self.statements([&statement.body], place);
            }
            Statement::BreakStatement(_)
            | Statement::ContinueStatement(_)
            | Statement::DebuggerStatement(_)
            | Statement::EmptyStatement(_) => {}
            other => self.module_statement(other, place),
        }
    }

    fn repetition(&mut self, statement: &'a Statement<'a>, place: Place) {
        match statement {
            Statement::DoWhileStatement(statement) => {
                self.later(&statement.test, place);
                self.statements([&statement.body], place);
            }
            Statement::WhileStatement(statement) => {
                self.later(&statement.test, place);
                self.statements([&statement.body], place);
            }
            Statement::ForStatement(statement) => {
                let inside = self.block(place);
                match &statement.init {
                    Some(ForStatementInit::VariableDeclaration(init)) => {
                        self.variables(init, inside);
                    }
                    Some(other) => {
                        if let Some(expression) = other.as_expression() {
                            self.later(expression, inside);
                        }
                    }
                    None => {}
                }
                for expression in statement.test.iter().chain(&statement.update) {
                    self.later(expression, inside);
                }
                self.statements([&statement.body], inside);
            }
            Statement::ForInStatement(statement) => {
                let origin = Origin::Iterated(&statement.right, place.scope);
                self.for_each(&statement.left, origin, &statement.body, place);
                self.later(&statement.right, place);
            }
            Statement::ForOfStatement(statement) => {
                let origin = Origin::Iterated(&statement.right, place.scope);
                self.for_each(&statement.left, origin, &statement.body, place);
                self.later(&statement.right, place);
            }
            _ => {}
        }
    }

    fn module_statement(&mut self, statement: &'a Statement<'a>, place: Place) {
        match statement {
            Statement::ImportDeclaration(import) => self.import(import, place),
            Statement::ExportAllDeclaration(export) => {
                let source = &export.source;
                self.facts
                    .modules
                    .push((source.value.as_str(), source.span));
            }
            Statement::ExportFromDeclaration(export) => {
                let source = &export.source;
                self.facts
                    .modules
                    .push((source.value.as_str(), source.span));
            }
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                    self.function_declaration(function, place);
                }
                ExportDefaultDeclarationKind::ClassDeclaration(class) => self.class(class, place),
                ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => {}
                other => {
                    if let Some(expression) = other.as_expression() {
                        self.later(expression, place);
                    }
                }
            },
            Statement::ExportDeclaration(export) => self.declaration(&export.declaration, place),
            Statement::TSExportAssignment(export) => self.later(&export.expression, place),
            other => {
                if let Some(declaration) = other.as_declaration() {
                    self.declaration(declaration, place);
                }
            }
        }
    }

    fn declaration(&mut self, declaration: &'a Declaration<'a>, place: Place) {
        match declaration {
            Declaration::VariableDeclaration(variables) => self.variables(variables, place),
            Declaration::FunctionDeclaration(function) => {
                self.function_declaration(function, place);
            }
            Declaration::ClassDeclaration(class) => self.class(class, place),
            Declaration::TSEnumDeclaration(declaration) => {
                for member in &declaration.body.members {
                    if let Some(value) = &member.initializer {
                        self.later(value, place);
                    }
                }
            }
            Declaration::TSNamespaceDeclaration(namespace) => {
                let mut body = &namespace.body;
                loop {
                    match body {
                        TSNamespaceDeclarationBody::TSModuleBlock(block) => {
                            let inside = self.block(place);
                            self.statements(&block.body, inside);
                            break;
                        }
                        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => {
                            body = &inner.body;
                        }
                    }
                }
            }
            Declaration::TSImportEqualsDeclaration(import) => {
                if let TSModuleReference::ExternalModuleReference(module) = &import.module_reference
                {
                    let source = &module.expression;
                    self.facts
                        .modules
                        .push((source.value.as_str(), source.span));
                    let symbol =
                        self.declare(import.id.name.as_str(), place.scope, import.span.start);
                    let origin = Origin::Import(source.value.as_str(), None);
                    self.define(symbol, Definition::whole(origin));
                }
            }
            Declaration::TSExternalModuleDeclaration(module) => {
                if let Some(body) = &module.body {
                    let inside = self.block(place);
                    self.statements(&body.body, inside);
                }
            }
            Declaration::TSGlobalDeclaration(global) => {
                self.statements(&global.body.body, place);
            }
            Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => {}
        }
    }

    fn variables(&mut self, variables: &'a VariableDeclaration<'a>, place: Place) {
        if variables.declare {
            return;
        }
        for declarator in &variables.declarations {
            self.declarator(declarator, variables.kind, place);
        }
    }

    fn function_declaration(&mut self, function: &'a Function<'a>, place: Place) {
        if function.body.is_none() {
            return;
        }
        let at = self.function(FunctionNode::Function(function), Role::default(), place);
        if let Some(id) = &function.id {
            let symbol = self.declare(id.name.as_str(), place.scope, id.span.start);
            self.define(symbol, Definition::whole(Origin::Function(at)));
        }
    }

    pub(super) fn arrow_body(&mut self, arrow: &'a ArrowFunctionExpression<'a>, inside: Place) {
        match &arrow.body {
            ArrowFunctionBody::FunctionBody(body) => self.statements(&body.statements, inside),
            other => {
                if let Some(value) = other.as_expression() {
                    self.facts.functions[inside.function as usize]
                        .returns
                        .push((value, inside.scope));
                    self.later(value, inside);
                }
            }
        }
    }

    pub(super) fn class(&mut self, class: &'a Class<'a>, place: Place) {
        if class.declare {
            return;
        }
        if let Some(id) = &class.id {
            let symbol = self.declare(id.name.as_str(), place.scope, id.span.start);
            self.define(symbol, Definition::whole(Origin::Unknown));
        }
        for decorator in &class.decorators {
            self.later(&decorator.expression, place);
        }
        if let Some(heritage) = &class.heritage {
            self.later(&heritage.expression, place);
        }
        let inside = self.block(place);
        for element in &class.body.body {
            match element {
                ClassElement::StaticBlock(block) => self.statements(&block.body, inside),
                ClassElement::MethodDefinition(method) => {
                    self.key(&method.key, method.computed, inside);
                    for decorator in &method.decorators {
                        self.later(&decorator.expression, inside);
                    }
                    if method.value.body.is_some() {
                        let node = FunctionNode::Function(&method.value);
                        self.work
                            .push((Node::Function(node, Role::default()), inside));
                        if let Some(name) = method_name(&method.key) {
                            self.methods.push((name, method.value.span.start));
                        }
                    }
                }
                ClassElement::PropertyDefinition(property) => {
                    self.key(&property.key, property.computed, inside);
                    for decorator in &property.decorators {
                        self.later(&decorator.expression, inside);
                    }
                    if let Some(value) = &property.value {
                        if let Some(name) = method_name(&property.key) {
                            let written = self.facts.own_members.entry(name).or_default();
                            written.push((value, inside.scope));
                        }
                        self.later(value, inside);
                    }
                }
                ClassElement::AccessorProperty(property) => {
                    self.key(&property.key, property.computed, inside);
                    if let Some(value) = &property.value {
                        self.later(value, inside);
                    }
                }
                ClassElement::TSIndexSignature(_) => {}
            }
        }
    }

    fn import(&mut self, import: &'a ImportDeclaration<'a>, place: Place) {
        if import.import_kind.is_type() {
            return;
        }
        let module = import.source.value.as_str();
        self.facts.modules.push((module, import.source.span));
        for specifier in import.specifiers.iter().flatten() {
            let (local, name) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(specifier) => {
                    let name = match &specifier.imported {
                        ModuleExportName::IdentifierName(name) => name.name.as_str(),
                        ModuleExportName::IdentifierReference(name) => name.name.as_str(),
                        ModuleExportName::StringLiteral(text) => text.value.as_str(),
                    };
                    (&specifier.local, Some(name))
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(specifier) => {
                    (&specifier.local, None)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(specifier) => {
                    (&specifier.local, None)
                }
            };
            let symbol = self.declare(local.name.as_str(), place.scope, local.span.start);
            self.define(symbol, Definition::whole(Origin::Import(module, name)));
        }
    }

    fn try_statement(&mut self, statement: &'a TryStatement<'a>, place: Place) {
        let inside = self.block(place);
        self.statements(&statement.block.body, inside);
        if let Some(handler) = &statement.handler {
            let inside = self.block(place);
            if let Some(parameter) = &handler.param {
                let caught = Definition::whole(Origin::Caught(statement.block.span));
                self.bind(&parameter.pattern, Some(&caught), inside.scope, inside, 0);
            }
            if handler.body.body.is_empty() {
                self.facts.silent_catches += 1;
            }
            self.statements(&handler.body.body, inside);
        }
        if let Some(finalizer) = &statement.finalizer {
            let inside = self.block(place);
            self.statements(&finalizer.body, inside);
        }
    }

    fn for_each(
        &mut self,
        left: &'a ForStatementLeft<'a>,
        origin: Origin<'a>,
        body: &'a Statement<'a>,
        place: Place,
    ) {
        let inside = self.block(place);
        let definition = Definition::whole(origin);
        match left {
            ForStatementLeft::VariableDeclaration(variables) => {
                let scope = if variables.kind.is_var() {
                    self.facts.scopes[inside.scope as usize].var_scope
                } else {
                    inside.scope
                };
                for declarator in &variables.declarations {
                    let pattern: &'a BindingPattern<'a> = &declarator.id;
                    self.bind(pattern, Some(&definition), scope, inside, 0);
                }
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    let span = oxc_span::GetSpan::span(target);
                    self.assign(target, &definition, span, inside, 0);
                }
            }
        }
        self.statements([body], inside);
    }
}

/// The name of a member that is written out.
fn method_name<'a>(key: &'a PropertyKey<'a>) -> Option<&'a str> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(name.name.as_str()),
        PropertyKey::StringLiteral(text) => Some(text.value.as_str()),
        _ => None,
    }
}
