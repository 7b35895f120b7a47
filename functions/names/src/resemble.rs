//! Whether one name can be taken for another.
//!
//! Only single slips count (one letter, one pair of letters, one confused form): two
//! slips connect too many honest names.

/// How a name resembles a popular one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resemblance {
    /// Whether people are known to fall for it; otherwise many honest pairs look so too.
    pub strong: bool,
    /// In words.
    pub how: &'static str,
}

const fn strong(how: &'static str) -> Option<Resemblance> {
    Some(Resemblance { strong: true, how })
}

const fn weak(how: &'static str) -> Option<Resemblance> {
    Some(Resemblance { strong: false, how })
}

/// Names shorter than this differ in one letter from too many others.
const SHORT: usize = 5;

/// From this length on, one letter makes no other name, if the word it stands in has
/// [`LONG_WORD`] letters (`preact-router` is honest beside `react-router`).
const LONG: usize = 8;
const LONG_WORD: usize = 6;

/// Longest name compared, in bytes: registries allow at most 214.
const NAME_LIMIT: usize = 256;

/// A name as its registry compares it: lower case; for `pypi` and `cargo`, `_` and `.`
/// are `-`.
pub fn normal(ecosystem: &str, name: &str) -> String {
    let lower = name.trim().to_lowercase();
    match ecosystem {
        "pypi" => {
            let parts = lower.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-")
        }
        "cargo" => lower.replace('_', "-"),
        _ => lower,
    }
}

/// How `name` resembles `popular`, both normal; `None` where it does not, or is it.
pub fn resemblance(name: &str, popular: &str) -> Option<Resemblance> {
    if name == popular || name.len() > NAME_LIMIT || popular.len() < 3 {
        return None;
    }
    // In a scope or vendor of its own, a name is somebody's fork or binding, unless the
    // scope resembles too.
    let ((scope, name), (popular_scope, popular)) = (split(name), split(popular));
    match (scope, popular_scope) {
        (Some(a), Some(b)) if a == b => bare(name, popular),
        (Some(a), Some(b)) if name == popular => bare(a, b).filter(|found| found.strong),
        (None, Some(scope)) => {
            let joined = format!("{scope}-{popular}");
            if name == joined {
                weak("the scope has become a prefix")
            } else {
                None
            }
        }
        (None, None) => bare(name, popular),
        _ => None,
    }
}

fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((scope, rest)) => (Some(scope.trim_start_matches('@')), rest),
        None => (None, name),
    }
}

fn bare(name: &str, popular: &str) -> Option<Resemblance> {
    let length = popular.chars().count();
    if squeezed(name) == squeezed(popular) {
        return if length < SHORT {
            weak("other separators")
        } else {
            strong("other separators")
        };
    }
    if length >= SHORT - 1 && skeleton(name) == skeleton(popular) {
        return strong("letters that look alike");
    }
    if let Some(found) = one_edit(name, popular) {
        return Some(found);
    }
    if length < SHORT - 1 {
        return None;
    }
    let for_a_language = [name, popular]
        .iter()
        .any(|name| words(name).iter().any(|word| LANGUAGES.contains(word)));
    if for_a_language && core(name) == core(popular) {
        return weak("a language's name added, dropped or moved");
    }
    let (a, b) = (words(name), words(popular));
    if a.len() > 1 && a == b {
        return strong("the same words in another order");
    }
    None
}

/// Without separators.
fn squeezed(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .collect()
}

/// Letters that look alike made one.
fn skeleton(name: &str) -> String {
    let name = name
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d");
    let alike = |c| match c {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '5' => 's',
        '3' => 'e',
        'а' => 'a',
        'е' => 'e',
        'о' => 'o',
        'р' => 'p',
        'с' => 'c',
        'у' => 'y',
        'х' => 'x',
        'і' => 'l',
        c => c,
    };
    name.chars().map(alike).collect()
}

/// Words, sorted.
fn words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name
        .split(['-', '_', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words
}

/// Words that say which language a package is for.
const LANGUAGES: &[&str] = &[
    "py", "python", "python3", "js", "node", "nodejs", "rs", "rust", "ruby", "rb", "php", "go",
    "net", "lib",
];

/// A name without the words that name a language.
fn core(name: &str) -> String {
    let kept: Vec<&str> = words(name)
        .into_iter()
        .filter(|word| !LANGUAGES.contains(word))
        .collect();
    if kept.is_empty() {
        name.to_owned()
    } else {
        kept.join("-")
    }
}

/// One letter added, dropped, changed, or two swapped.
fn one_edit(name: &str, popular: &str) -> Option<Resemblance> {
    let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), popular.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return None;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let room = a.len().min(b.len()) - head;
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(room)
        .take_while(|(x, y)| x == y)
        .count();
    let (left, right) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let length = b.len();
    if length < SHORT - 1 {
        return None;
    }
    let is_letter = |c: &&char| !matches!(**c, '-' | '_' | '.');
    let word = b[..head].iter().rev().take_while(is_letter).count()
        + b[head..].iter().take_while(is_letter).count();
    let long = length >= LONG && word >= LONG_WORD;
    let found = match (left, right) {
        ([x, y], [u, v]) if x == v && y == u => Resemblance {
            strong: length >= SHORT,
            how: "two letters swapped",
        },
        _ if length < SHORT => return None,
        // `boto3` beside `boto`, `urllib2` beside `urllib3`: versions, honest as often as not.
        ([x], [] | [_]) | ([], [x]) if x.is_ascii_digit() => Resemblance {
            strong: false,
            how: "another digit",
        },
        ([], [x]) => dropped(*x, &b, head, long),
        ([x], []) => added(*x, &a, head, long),
        ([x], [y]) => Resemblance {
            strong: long || length > SHORT && are_neighbours(*x, *y),
            how: "one letter changed",
        },
        _ => return None,
    };
    Some(found)
}

fn dropped(letter: char, popular: &[char], at: usize, long: bool) -> Resemblance {
    let doubled = at > 0 && popular.get(at - 1) == Some(&letter);
    let last = at + 1 == popular.len();
    Resemblance {
        strong: doubled || long && !(last && letter == 's'),
        how: "one letter dropped",
    }
}

fn added(letter: char, name: &[char], at: usize, long: bool) -> Resemblance {
    let doubled = at > 0 && name.get(at - 1) == Some(&letter);
    let last = at + 1 == name.len();
    Resemblance {
        strong: doubled || long && !(last && letter == 's'),
        how: if doubled {
            "one letter doubled"
        } else {
            "one letter added"
        },
    }
}

/// Whether two letters lie side by side on a QWERTY keyboard.
fn are_neighbours(a: char, b: char) -> bool {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let place = |c| {
        ROWS.iter()
            .enumerate()
            .find_map(|(row, keys)| keys.find(c).map(|column| (row, column)))
    };
    match (place(a), place(b)) {
        // Each row is shifted half a key to the right of the one above.
        (Some((row, x)), Some((other, y))) if row == other => x.abs_diff(y) == 1,
        (Some((row, x)), Some((other, y))) if row + 1 == other => x == y || x == y + 1,
        (Some((row, x)), Some((other, y))) if other + 1 == row => y == x || y == x + 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
}
