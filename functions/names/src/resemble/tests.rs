use super::*;

fn told(name: &str, popular: &str) -> Option<bool> {
    resemblance(name, popular).map(|found| found.strong)
}

#[test]
fn slips_are_told_by_strength() {
    for (name, popular, expected) in [
        ("reqeusts", "requests", Some(true)),
        ("requets", "requests", Some(true)),
        ("requestss", "requests", Some(true)),
        ("numpys", "numpy", Some(false)),
        ("request", "requests", Some(false)),
        ("requestz", "requests", Some(true)),
        ("rrequests", "requests", Some(true)),
        ("crypt0graphy", "cryptography", Some(true)),
        ("rnatplotlib", "matplotlib", Some(true)),
        ("co1orama", "colorama", Some(true)),
        ("pythondateutil", "python-dateutil", Some(true)),
        ("dateutil-python", "python-dateutil", Some(false)),
        ("requests-python", "requests", Some(false)),
        ("python-requests", "requests", Some(false)),
        ("env-cross", "cross-env", Some(true)),
        ("crossenv", "cross-env", Some(true)),
        ("babel-core", "@babel/core", Some(false)),
        ("@bable/core", "@babel/core", Some(true)),
        ("@types/lodash", "lodash", None),
        ("@mine/lodash", "@types/lodash", None),
        ("lodahs", "lodash", Some(true)),
        ("loadsh", "lodash", Some(true)),
        ("lodaah", "lodash", Some(true)),
        ("preact", "react", Some(false)),
        ("server", "semver", Some(false)),
        ("nuxt", "next", None),
        ("vuex", "vue", None),
        ("boto", "boto3", Some(false)),
        ("urllib2", "urllib3", Some(false)),
        ("flask", "flask", None),
        ("django", "flask", None),
        ("guzzlehttp/guzle", "guzzlehttp/guzzle", Some(true)),
        ("guzzelhttp/guzzle", "guzzlehttp/guzzle", Some(true)),
        ("pyrequests", "requests", Some(false)),
        ("lodashjs", "lodash", Some(false)),
        ("nodeexpress", "express", Some(false)),
        ("jsx", "x", None),
        ("requests-official", "requests", Some(false)),
        ("latest-lodash", "lodash", Some(false)),
        ("requests-toolbelt", "requests", None),
        ("proxies", "proxy", Some(false)),
        ("envcross", "cross-env", Some(true)),
        ("rreqquests", "requests", Some(true)),
        ("expresssss", "express", Some(true)),
        ("m4tplotlib", "matplotlib", Some(true)),
        ("reques7s", "requests", Some(true)),
        ("@types-node/node", "@types/node", Some(false)),
        ("@my-types/node", "@types/node", Some(false)),
        ("@mine/node", "@types/node", None),
    ] {
        assert_eq!(told(name, popular), expected, "{name} {popular}");
    }
}

#[test]
fn names_are_compared_as_their_registry_does() {
    assert_eq!(normal("pypi", "Foo__Bar.b"), "foo-bar-b");
    assert_eq!(normal("cargo", "serde_json"), "serde-json");
    assert_eq!(normal("npm", "Lodash.get"), "lodash.get");
}

proptest::proptest! {
    #[test]
    fn any_names_can_be_compared(a in "\\PC{0,20}", b in "[a-zé@/._-]{0,20}") {
        resemblance(&a, &b);
        proptest::prop_assert_eq!(resemblance(&a, &a), None);
    }
}
