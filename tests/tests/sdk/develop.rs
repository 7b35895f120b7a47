//! `sdk dev`

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::shell::Shell;

/// `sdk dev`, which ends with the test, however that ends.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads lines until one contains `wanted`; gives all of them.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: &str) -> String {
    let mut read = String::new();
    for line in lines {
        let line = line.unwrap();
        read += &format!("{line}\n");
        if line.contains(wanted) {
            return read;
        }
    }
    panic!("it ended without {wanted}: {read}");
}

#[test]
fn a_save_is_built_and_tested() {
    let (shell, project) = Shell::with_project("on-every-save");
    let mut watching = Watching(
        shell
            .command(&project.root, &["dev"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let child = &mut watching.0;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = until(&mut lines, "watching");
    assert!(first.contains("4 samples, 4 as expected"), "{first}");

    // A rule that finds nothing any more misses the malicious samples.
    project.edit("src/lib.rs", "\"urlopen(\"", "\"urlclose(\"");
    let second = until(&mut lines, "watching");
    assert!(second.contains("missed"), "{second}");
    assert!(second.contains("after the save"), "{second}");
    eprintln!("{second}");

    project.edit("src/lib.rs", "\"urlclose(\"", "\"urlopen(");
    assert!(until(&mut lines, "watching").contains("failed;"));

    project.edit("src/lib.rs", "\"urlopen(", "\"urlopen(\"");
    assert!(until(&mut lines, "watching").contains("4 of 4 samples as expected"));

    let told = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
