//! How deep each nesting construct may go before the parser overflows a 1 MiB stack.
//!
//! Prints one line per construct, the deepest that survived, by trying ever deeper in
//! child processes of itself.

use std::process::Command;

fn constructs() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("[", "1", "]"),
        ("(", "1", ")"),
        ("{", "1", "}"),
        ("x = {a:", "1", "}"),
        ("!", "1", ""),
        ("a => ", "1", ""),
        ("a ? b : ", "1", ""),
        ("a = ", "1", ""),
        ("2 ** ", "1", ""),
        ("`${", "1", "}`"),
        ("if (a) ", "1", ""),
        ("if (a) {} else ", "1", ""),
        ("f(", "1", ")"),
        ("(function(){", "1", "})()"),
        ("async () => ", "1", ""),
        ("for(;;) ", "1", ""),
        ("new ", "a", ""),
        ("<a>", "1", "</a>"),
        ("class extends ", "a", "{}"),
        ("(a) => (", "1", ")"),
        ("(async (a = (", "1", ")) => 1)"),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, which, depth] = &arguments[..] {
        let (which, depth): (usize, usize) =
            (which.parse().unwrap_or(0), depth.parse().unwrap_or(0));
        let (open, middle, close) = constructs()[which];
        let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        let thread = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || {
                let allocator = oxc_allocator::Allocator::default();
                let parsed =
                    oxc_parser::Parser::new(&allocator, &text, oxc_span::SourceType::jsx()).parse();
                std::hint::black_box(parsed.program.body.len());
            });
        if let Ok(thread) = thread {
            drop(thread.join());
        }
        return;
    }
    let Ok(own) = std::env::current_exe() else {
        return;
    };
    for (which, (open, ..)) in constructs().iter().enumerate() {
        let (mut low, mut high) = (10, 100_000);
        while high - low > 10 {
            let middle = usize::midpoint(low, high);
            let survived = Command::new(&own)
                .args([which.to_string(), middle.to_string()])
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
            if survived {
                low = middle;
            } else {
                high = middle;
            }
        }
        println!("{low:>7}  {open}");
    }
}
