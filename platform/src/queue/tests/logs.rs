//! What functions say, kept for a while.

use super::harness::Server;
use crate::model::TaskId;
use crate::queue::logs::{KEPT, LogLine};

#[tokio::test]
async fn the_last_lines_are_kept_and_read_on() {
    let server = Server::start(&[]);
    let queue = server.queue().await;
    assert_eq!(queue.logs("a", None, 10).await.unwrap(), []);
    let line = |number: usize| LogLine {
        task: (number > 0).then_some(TaskId(7)),
        purl: "pkg:pypi/a@1".into(),
        version: "0.1.0".into(),
        level: "info".into(),
        text: format!("line {number} \u{fffd} \"quoted\""),
    };
    let lines: Vec<_> = (0..2_500).map(line).collect();
    queue.log("a", &lines).await.unwrap();
    let kept = queue.logs("a", None, 10_000).await.unwrap();
    assert!((KEPT..KEPT + 200).contains(&kept.len()), "{}", kept.len());
    let last = queue.logs("a", None, 3).await.unwrap();
    let texts: Vec<_> = last.iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(texts, lines[2_497..]);
    let on = queue.logs("a", Some(last[0].0), 1).await.unwrap();
    assert_eq!(on, last[1..2]);
    assert_eq!(queue.logs("a", Some(last[2].0), 1).await.unwrap(), []);
    assert_eq!(queue.logs("b", None, 10).await.unwrap(), []);
    queue.log("b", &lines[..1]).await.unwrap();
    assert_eq!(queue.logs("b", None, 10).await.unwrap()[0].1, lines[0]);
}
