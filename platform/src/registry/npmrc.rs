//! npm's user settings: registries, scoped registries, and the tokens for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::environment::Environment;

/// The settings of the user's `.npmrc` and of the `npm_config_…` variables.
#[derive(Default)]
pub(super) struct Npmrc {
    settings: BTreeMap<String, String>,
}

impl Npmrc {
    pub(super) fn read(environment: &Environment) -> Self {
        let explicit = environment.first(&["NPM_CONFIG_USERCONFIG", "npm_config_userconfig"]);
        let file = explicit
            .map(PathBuf::from)
            .or_else(|| Some(environment.home()?.join(".npmrc")));
        let text = file
            .and_then(|file| std::fs::read_to_string(file).ok())
            .unwrap_or_default();
        let mut npmrc = Self::parse(&text, environment);
        let registry = environment.first(&["NPM_CONFIG_REGISTRY", "npm_config_registry"]);
        if let Some(registry) = registry {
            npmrc
                .settings
                .insert("registry".to_owned(), registry.to_owned());
        }
        npmrc
    }

    fn parse(text: &str, environment: &Environment) -> Self {
        let settings = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with(['#', ';']))
            .filter_map(|line| {
                let (key, value) = line.split_once('=')?;
                let value = value.trim().trim_matches(['"', '\'']);
                Some((key.trim().to_owned(), expand(value, environment)))
            })
            .collect();
        Self { settings }
    }

    /// The registry of a scope (`@name`), or else the default one.
    pub(super) fn registry(&self, scope: Option<&str>) -> Option<String> {
        let scoped = scope.and_then(|scope| self.settings.get(&format!("{scope}:registry")));
        scoped
            .or_else(|| self.settings.get("registry").filter(|_| scope.is_none()))
            .cloned()
    }

    /// The `Authorization` header for a registry: npm files its tokens under the URL without
    /// scheme, and a token counts for everything below that path.
    pub(super) fn authorization(&self, registry: &Url) -> Option<String> {
        let authority = registry.host_str().map(|host| match registry.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })?;
        let mut path = format!("{}/", registry.path().trim_end_matches('/'));
        loop {
            let key = format!("//{authority}{path}:");
            if let Some(token) = self.settings.get(&format!("{key}_authToken")) {
                return Some(format!("Bearer {token}"));
            }
            if let Some(pair) = self.settings.get(&format!("{key}_auth")) {
                return Some(format!("Basic {pair}"));
            }
            let parent = path.trim_end_matches('/').rsplit_once('/')?.0;
            path = format!("{parent}/");
        }
    }
}

/// Replaces `${NAME}` by the variable's value; an unknown one stays as it is, as in npm.
fn expand(value: &str, environment: &Environment) -> String {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        expanded.push_str(before);
        match environment.text(name) {
            Some(known) => expanded.push_str(known),
            None => expanded.extend(["${", name, "}"]),
        }
        rest = tail;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_registries_and_tokens() {
        let environment = Environment::from_iter([("TOKEN", "s3cret")]);
        let text = "; comment\nregistry=https://npm.example/\n@corp:registry = https://corp.example/npm/\n\
                    //corp.example/npm/:_authToken=${TOKEN}\n//npm.example/:_auth=abc\nbroken\n";
        let npmrc = Npmrc::parse(text, &environment);
        assert_eq!(
            npmrc.registry(None).as_deref(),
            Some("https://npm.example/")
        );
        assert_eq!(
            npmrc.registry(Some("@corp")).as_deref(),
            Some("https://corp.example/npm/")
        );
        let header = |url: &str| npmrc.authorization(&Url::parse(url).unwrap());
        assert_eq!(
            header("https://corp.example/npm/").as_deref(),
            Some("Bearer s3cret")
        );
        assert_eq!(
            header("https://corp.example/npm/sub").as_deref(),
            Some("Bearer s3cret")
        );
        assert_eq!(header("https://corp.example/"), None);
        assert_eq!(header("https://corp.example:8443/npm/"), None);
        assert_eq!(header("https://npm.example/").as_deref(), Some("Basic abc"));
    }
}
