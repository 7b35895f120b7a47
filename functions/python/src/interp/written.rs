//! Files that are written and gone through.

use std::rc::Rc;

use ruff_python_ast::Expr;
use ruff_text_size::Ranged as _;

use super::calls::Given;
use super::{Interpreter, bytes_of};
use crate::value::{Kind, Taint, Value};

impl<'a> Interpreter<'a, '_> {
    /// A name for the file that a path expression names: its text where it is
    /// constant, otherwise the expression within its scope.
    pub(super) fn file_key(&self, expression: &Expr, value: &Value<'a>) -> Option<Rc<str>> {
        if let Kind::Str(text) = &value.kind
            && !value.taint.has(Taint::PARTIAL)
        {
            return Some(text.clone());
        }
        let text = self.source.get(bytes_of(expression.range()))?;
        (text.len() <= 200).then(|| match text.strip_prefix("self.") {
            Some(_) => text.into(),
            None => format!("{}:{text}", self.scope).into(),
        })
    }

    pub(super) fn write_label(&mut self, key: Option<Rc<str>>, given: &Given<'a>) {
        let mut labels = given.taint().only(Taint::LOOT | Taint::HOST_FACT);
        if given.taint().has(Taint::DOWNLOADED) {
            labels |= Taint::DOWNLOADED_FILE;
        }
        self.write_to(key, labels);
    }

    /// Files that a call writes besides those that are opened: archives, screenshots.
    pub(super) fn side_files(&mut self, path: &str, callee: &Value<'a>, given: &Given<'a>) {
        let text = |at: usize| given.text(at).map(Rc::<str>::from);
        if path == "shutil.make_archive" {
            let whole = given.taint().has(Taint::CREDENTIAL_PATH);
            if let (true, Some(name), Some(kind)) = (whole, text(0), text(1)) {
                self.write_to(Some(format!("{name}.{kind}").into()), Taint::CREDENTIAL);
            }
        } else if path == "pyautogui.screenshot"
            || (path.ends_with(".save") && callee.taint.has(Taint::SCREEN))
        {
            self.write_to(text(0), Taint::SCREEN);
        } else if path.ends_with(".extractall") || path.ends_with(".extract") {
            let from = callee.taint | given.taint();
            if from.has(Taint::DOWNLOADED | Taint::DOWNLOADED_FILE)
                && let Some(folder) = text(0).filter(|_| self.unpacked.len() < 50)
            {
                self.unpacked.push(folder);
            }
        }
    }
}

/// Labels of the names that a folder holds.
pub(super) fn walked(top: &Value<'_>) -> Taint {
    let wide = top.as_str().is_some_and(|text| {
        matches!(
            text.trim_end_matches(['/', '\\', '*']),
            "" | "~"
                | "/sdcard"
                | "/storage/emulated/0"
                | "C:"
                | "c:"
                | "~/Documents"
                | "~/Desktop"
                | "/home"
                | "/root"
                | "/"
        ) && !text.is_empty()
    });
    let kept = top.taint.only(Taint::CREDENTIAL_PATH);
    if wide { kept | Taint::WIDE } else { kept }
}
