//! Backups on a real Postgres: `tests/tests/admin` has those of the command line.

use std::io;

use age::x25519;
use bytes::Bytes;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::seal::{self, End, Frame, Head};
use crate::db::copy::Table;

fn frames(rows: &[Vec<u8>]) -> Vec<Frame> {
    let head = Head {
        format: 1,
        version: String::from("0.1.0"),
        migrations: vec![1, 2],
    };
    let table = Table {
        name: String::from("tasks"),
        columns: vec![String::from("id")],
    };
    let mut frames = vec![Frame::Head(head), Frame::Table(table)];
    frames.extend(rows.iter().map(|rows| Frame::Rows(rows.clone().into())));
    let rows = [(String::from("tasks"), 3)].into();
    frames.push(Frame::End(End { rows }));
    frames
}

fn sealed(frames: Vec<Frame>, recipient: &x25519::Recipient) -> io::Result<Vec<u8>> {
    let (send, taken) = mpsc::channel(1_000);
    let (out, mut bytes) = mpsc::channel::<io::Result<Bytes>>(1_000);
    for frame in frames {
        send.try_send(frame).unwrap();
    }
    drop(send);
    seal::seal(recipient, taken, &out)?;
    drop(out);
    let mut all = Vec::new();
    while let Some(piece) = bytes.blocking_recv() {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

fn opened(bytes: &[u8], identity: &x25519::Identity) -> io::Result<Vec<Frame>> {
    let (send, taken) = mpsc::channel(1_000);
    let (out, mut frames) = mpsc::channel(10_000);
    for piece in bytes.chunks(7_000) {
        send.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
    }
    drop(send);
    seal::open(identity, taken, &out)?;
    drop(out);
    let mut all = Vec::new();
    while let Some(frame) = frames.blocking_recv() {
        all.push(frame);
    }
    Ok(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_sealed_comes_out_again(rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..20)) {
        let key = x25519::Identity::generate();
        let wanted = frames(&rows);
        let bytes = sealed(wanted.clone(), &key.to_public()).unwrap();
        prop_assert_eq!(opened(&bytes, &key).unwrap(), wanted);
    }

    #[test]
    fn what_was_changed_or_cut_is_refused(at in 0.0..1.0, cut in any::<bool>()) {
        let key = x25519::Identity::generate();
        let mut bytes = sealed(frames(&[vec![7; 3_000]]), &key.to_public()).unwrap();
        let at = ((bytes.len() as f64) * at) as usize;
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1;
        }
        prop_assert!(opened(&bytes, &key).is_err());
    }
}

#[test]
fn another_key_opens_nothing() {
    let bytes = sealed(frames(&[]), &x25519::Identity::generate().to_public()).unwrap();
    assert!(opened(&bytes, &x25519::Identity::generate()).is_err());
}

#[test]
fn what_ends_early_is_not_sealed() {
    let mut cut = frames(&[vec![1]]);
    cut.pop();
    let error = sealed(cut, &x25519::Identity::generate().to_public()).unwrap_err();
    assert_eq!(error.to_string(), "the tables ended early");
}
