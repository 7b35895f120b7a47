//! Files by the folder they are in.

use super::Resolver;

impl<'p> Resolver<'p> {
    /// The rest of file `at`'s path below `folder`, seen from file `from`.
    pub fn below(&self, from: usize, folder: &str, at: usize) -> Option<&'p str> {
        let base = self.absolute(from, folder)?;
        let entry = self.package.0.files.get(at)?;
        let rest = entry.path.strip_prefix(&base)?.strip_prefix('/')?;
        (!rest.contains('/')).then_some(rest)
    }

    /// The scripts that `'./' + name` and `./${name}` may mean, where they are few.
    pub(super) fn folder(&self, from: usize, path: &str) -> Vec<usize> {
        const FEW: usize = 12;
        let folder = path.split("${").next().unwrap_or_default();
        if !folder.starts_with('.') || !folder.ends_with('/') || folder.ends_with("../") {
            return Vec::new();
        }
        let files = 0..self.package.0.files.len();
        let found: Vec<usize> = files
            .filter(|at| self.below(from, folder, *at).is_some())
            .filter(|at| self.is_code(*at))
            .take(FEW + 1)
            .collect();
        if found.len() > FEW { Vec::new() } else { found }
    }

    /// A path seen from file `from`, from the top.
    pub(super) fn absolute(&self, from: usize, path: &str) -> Option<String> {
        let entry = self.package.0.files.get(from)?;
        let mut parts: Vec<&str> = entry.path.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }
}
