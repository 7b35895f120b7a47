//! Bounds on nesting, checked on tokens before anything recursive sees the file.
//!
//! The parser descends recursively, and a syntax tree is walked and dropped
//! recursively, on a stack of a megabyte or so.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// Deepest nesting of brackets, prefix operators and postfix chains. CPython's own
/// tokenizer refuses more than 200 brackets; honest code stays below 40.
pub const NESTING_LIMIT: usize = 150;

/// Deepest indentation: CPython's tokenizer refuses more than 100 levels.
pub const INDENT_LIMIT: usize = 100;

/// Longest chain of binary operators in one expression. It makes a tree as deep as it
/// is long, which is walked iteratively and never dropped; CPython's compiler gives up
/// at about 3,000.
pub const CHAIN_LIMIT: usize = 3_000;

/// Most tokens in a file: each takes up to 100 bytes in the tree. Packages' largest
/// files have a fifth of that.
pub const TOKEN_LIMIT: usize = 2_000_000;

/// Depth from which a tree is leaked rather than dropped recursively.
pub const DROP_LIMIT: usize = 300;

/// What the tokens say about the tree's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Deepest nesting.
    pub nesting: usize,
    /// Deepest indentation.
    pub indent: usize,
    /// Longest chain of binary operators, over all open brackets.
    pub chain: usize,
    /// Tokens.
    pub tokens: usize,
}

impl Shape {
    /// Why the file is not parsed, if it is not.
    pub fn refusal(self) -> Option<String> {
        if self.tokens > TOKEN_LIMIT {
            Some(format!("more than {TOKEN_LIMIT} tokens"))
        } else if self.indent > INDENT_LIMIT {
            Some(format!("indented more than {INDENT_LIMIT} levels deep"))
        } else if self.nesting > NESTING_LIMIT {
            Some(format!("nested more than {NESTING_LIMIT} levels deep"))
        } else if self.chain > CHAIN_LIMIT {
            Some(format!(
                "an expression of more than {CHAIN_LIMIT} operators"
            ))
        } else {
            None
        }
    }

    /// Whether dropping the tree could exhaust the stack.
    pub fn is_deep(self) -> bool {
        self.nesting + self.indent + self.chain > DROP_LIMIT
    }
}

/// What deepens the tree inside one bracket, by what ends it.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// The bracket itself; ends with it.
    bracket: usize,
    /// Attributes, calls and subscripts in a row; end with the operand.
    postfix: usize,
    /// Unary operators and powers; end at the next operator that binds less tightly.
    tight: usize,
    /// `not`; ends at `and`, `or`, `if`.
    negations: usize,
    /// Lambdas and conditional expressions; end at a comma.
    loose: usize,
    /// Binary operators; end at a comma.
    chained: usize,
    /// Lambdas whose parameters are being read: their commas end nothing.
    open_lambdas: usize,
}

impl Frame {
    fn nesting(&self) -> usize {
        self.bracket + self.postfix + self.tight + self.negations + self.loose
    }

    fn separate(&mut self) {
        *self = Self {
            bracket: self.bracket,
            ..Self::default()
        };
    }

    /// Takes in a token that is not a bracket.
    fn take(&mut self, kind: TokenKind, after_operand: bool) {
        match kind {
            TokenKind::Comma if self.open_lambdas == 0 => self.separate(),
            TokenKind::Colon if self.open_lambdas > 0 => self.open_lambdas -= 1,
            TokenKind::Dot => self.postfix += 1,
            TokenKind::Lambda => {
                self.loose += 1;
                self.open_lambdas += 1;
            }
            TokenKind::Else | TokenKind::ColonEqual | TokenKind::Yield | TokenKind::Async => {
                self.loose += 1;
            }
            TokenKind::Not => self.negations += 1,
            TokenKind::Tilde | TokenKind::Await | TokenKind::DoubleStar => {
                self.tight += 1;
                self.postfix = 0;
            }
            TokenKind::Minus | TokenKind::Plus | TokenKind::Star if !after_operand => {
                self.tight += 1;
            }
            kind if kind.is_operator() || kind.is_keyword() => {
                (self.postfix, self.tight) = (0, 0);
                if matches!(kind, TokenKind::And | TokenKind::Or | TokenKind::If) {
                    self.negations = 0;
                }
                self.chained += 1;
            }
            _ => {}
        }
    }
}

/// Measures a file. Stops at the first limit exceeded.
pub fn measure(source: &str) -> Shape {
    let mut lexer = lexer::lex(source, Mode::Module);
    let mut shape = Shape::default();
    let mut outer: Vec<Frame> = Vec::new();
    let mut frame = Frame::default();
    // Sums over the outer frames.
    let (mut nested, mut chained, mut indent) = (0_usize, 0_usize, 0_usize);
    let mut after_operand = false;
    loop {
        let kind = lexer.next_token();
        shape.tokens += 1;
        match kind {
            TokenKind::EndOfFile => return shape,
            TokenKind::Comment | TokenKind::NonLogicalNewline => continue,
            TokenKind::Indent => indent += 1,
            TokenKind::Dedent => indent = indent.saturating_sub(1),
            TokenKind::Newline | TokenKind::Semi => {
                outer.clear();
                frame = Frame::default();
                (nested, chained) = (0, 0);
            }
            kind if opens(kind) => {
                frame.postfix += usize::from(after_operand);
                nested += frame.nesting();
                chained += frame.chained;
                outer.push(frame);
                frame = Frame {
                    bracket: usize::from(!after_operand),
                    ..Frame::default()
                };
            }
            kind if closes(kind) => {
                if let Some(enclosing) = outer.pop() {
                    frame = enclosing;
                    nested -= frame.nesting();
                    chained -= frame.chained;
                }
            }
            kind => frame.take(kind, after_operand),
        }
        after_operand = is_operand_end(kind);
        shape.nesting = shape.nesting.max(nested + frame.nesting());
        shape.chain = shape.chain.max(chained + frame.chained);
        shape.indent = shape.indent.max(indent);
        if shape.refusal().is_some() {
            return shape;
        }
    }
}

fn opens(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart
    )
}

fn closes(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd
    )
}

fn is_operand_end(kind: TokenKind) -> bool {
    closes(kind)
        || matches!(
            kind,
            TokenKind::Name
                | TokenKind::Int
                | TokenKind::Float
                | TokenKind::Complex
                | TokenKind::String
                | TokenKind::Ellipsis
                | TokenKind::None
                | TokenKind::True
                | TokenKind::False
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_shapes_pass() {
        let table = "x = [\n".to_owned()
            + &"  {'a': (1, -2), 'b': lambda x, y=1: x.y},\n".repeat(5_000)
            + "]\n";
        let calls = "q = (q\n".to_owned() + &"  .a(1)\n".repeat(60) + ")\n";
        let sum = format!("s = {}'a'\n", "'a' + ".repeat(2_000));
        let terms = format!("s = {}0\n", "-a.b(1) * (x ** -2) + ".repeat(400));
        for source in [table, calls, sum, terms] {
            assert_eq!(measure(&source).refusal(), None, "{}", &source[..40]);
            assert_eq!(measure(&source).refusal(), None, "{}", &source[..40]);
        }
    }

    #[test]
    fn every_way_of_nesting_is_refused() {
        let deep = 10_000;
        let cases = [
            format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep)),
            format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
            format!("x = {}1", "not ".repeat(deep)),
            format!("x = {}1", "-".repeat(deep)),
            format!("x = {}1", "~".repeat(deep)),
            format!("x = {}1", "lambda: ".repeat(deep)),
            format!("x = {}1", "lambda a, b=".repeat(deep)),
            format!("x = {}1", "1 if 1 else ".repeat(deep)),
            format!("x = {}1", "2**".repeat(deep)),
            format!("x = {}1", "1+".repeat(deep)),
            format!("x = {}1", "await ".repeat(deep)),
            format!("x = a{}", ".b".repeat(deep)),
            format!("x = a{}", "()".repeat(deep)),
            format!("x = a{}", "[0]".repeat(deep)),
            format!("x = {}1{}", "f(".repeat(deep), ")".repeat(deep)),
            (0..1_000)
                .map(|level| format!("{}if x:\n", " ".repeat(level)))
                .collect(),
        ];
        for source in cases {
            assert!(measure(&source).refusal().is_some(), "{}", &source[..40]);
        }
    }
}
