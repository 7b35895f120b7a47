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
        (Some(a), Some(b)) if name == popular => bare(a, b)
            .filter(|found| found.strong)
            .or_else(|| widened(a, b)),
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
    if length >= SHORT && single(name) == single(popular) {
        return strong("letters repeated");
    }
    if let Some(found) = affixed(name, popular) {
        return Some(found);
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
    // `envcross` for `cross-env`.
    if let Some((head, rest)) = popular.split_once(['-', '_', '.'])
        && !rest.contains(['-', '_', '.'])
        && head.len() >= 3
        && rest.len() >= 3
        && name.strip_prefix(rest) == Some(head)
    {
        return strong("the same words in another order");
    }
    None
}

/// A scope with a word more: `@types-node` beside `@types`.
fn widened(scope: &str, popular: &str) -> Option<Resemblance> {
    let more = scope
        .strip_prefix(popular)
        .is_some_and(|rest| rest.starts_with('-'))
        || scope
            .strip_suffix(popular)
            .is_some_and(|rest| rest.ends_with('-'));
    if popular.len() >= SHORT - 1 && more {
        weak("the scope has a word more")
    } else {
        None
    }
}

/// Each run of one letter made a single one.
fn single(name: &str) -> String {
    let mut letters: Vec<char> = squeezed(name).chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

/// The popular name with something at its end or beginning that makes no other name.
fn affixed(name: &str, popular: &str) -> Option<Resemblance> {
    let glued = |affix: &&str| {
        let length = popular.len() + affix.len();
        // `pyrequests`; with a separator it is a word of its own, and compared as one.
        length == name.len()
            && (name.strip_prefix(*affix) == Some(popular)
                || name.strip_suffix(*affix) == Some(popular))
    };
    if popular.len() > SHORT && LANGUAGES.iter().any(glued) {
        return weak("a language's name added");
    }
    let rest = name
        .strip_prefix(popular)
        .and_then(|rest| rest.strip_prefix(['-', '_', '.']))
        .or_else(|| {
            let rest = name.strip_suffix(popular)?;
            rest.strip_suffix(['-', '_', '.'])
        });
    if rest.is_some_and(|rest| LURES.contains(&rest)) {
        return weak("a word added that promises the real one");
    }
    let plural = name
        .strip_suffix("ies")
        .is_some_and(|stem| popular.strip_suffix('y') == Some(stem))
        || name.strip_suffix("es") == Some(popular);
    if plural {
        return weak("the plural");
    }
    None
}

/// Words that say nothing of what a package is, only that it is the one that was meant.
const LURES: &[&str] = &[
    "official",
    "original",
    "real",
    "latest",
    "new",
    "fixed",
    "fix",
    "patched",
    "patch",
    "secure",
    "safe",
    "stable",
    "updated",
    "update",
    "installer",
    "setup",
];

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
        '4' => 'a',
        '7' => 't',
        '8' => 'b',
        '9' => 'g',
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
mod tests;
