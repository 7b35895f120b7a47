//! Each attack of the hostile guest, offered as a deploy: in `describe`, and on the sample packages.
//!
//! What only tries doors that the sandbox does not have (files elsewhere, network, environment)
//! does no harm, and is not told from an honest component: `hostile_guests.rs` has those.

use futures_util::StreamExt as _;
use packguard_tests::HOSTILE;

use super::lab::{Lab, rewritten, send};

/// An attack, and words that its refusal has.
type Attack = (&'static str, &'static str);

/// Those that end the same wherever they are made.
const ANYWHERE: [Attack; 11] = [
    ("loop", "used up its CPU budget"),
    ("copy", "used up its CPU budget"),
    ("sleep", "OutOfTime"),
    ("trap", "unreachable"),
    ("panic", "on purpose"),
    ("exit", "exited with"),
    ("recursion", "wasm trap"),
    ("memory", "more memory than its limit"),
    ("log", "output limit"),
    ("stdout", "output limit"),
    ("stderr", "output limit"),
];

/// The hostile guest, told to attack in `place` without being asked.
fn told(place: &str, attack: &str) -> Vec<u8> {
    let blanks = format!("in {place}:{}", " ".repeat(attack.len()));
    let order = format!("in {place}:{attack}");
    rewritten(HOSTILE, &[(&blanks, &order)])
}

/// Offers each attack, two at a time as the API admits them: it is refused with this code and its
/// words, and nothing is stored.
async fn are_refused(place: &str, code: &str, attacks: impl Iterator<Item = Attack>) {
    let lab = Lab::start(&[]).await;
    let offers = attacks.map(async |(attack, words)| {
        let bytes = told(place, attack);
        let answer = send(lab.deploy("hostile", "0.1.0", bytes)).await;
        let said = answer.body.to_string();
        assert_eq!(
            (answer.status, answer.code()),
            (422, code),
            "{attack}: {said}"
        );
        assert!(said.contains(words), "{attack}: {said}");
    });
    let mut offered = futures_util::stream::iter(offers).buffer_unordered(2);
    while offered.next().await.is_some() {}
    assert_eq!(lab.stored().await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attacks_where_it_is_asked_what_it_is_is_refused() {
    // Its answer is the attack.
    let own = [("rules", "transfer limit")];
    let attacks = ANYWHERE.into_iter().chain(own);
    are_refused("describe", "describe_failed", attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attacks_the_sample_packages_is_refused() {
    let own = [
        // Nobody told it what to do.
        ("", "no such attack"),
        ("error", "can't work"),
        ("findings", "transfer limit"),
        ("unlisted", "somebody-elses-rule"),
    ];
    let attacks = ANYWHERE.into_iter().chain(own);
    are_refused("analyze", "smoke_failed", attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_descriptor_that_says_too_much_is_refused() {
    are_refused(
        "describe",
        "descriptor_too_large",
        [("flood", "600")].into_iter(),
    )
    .await;
}
