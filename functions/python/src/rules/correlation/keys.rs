//! Keys of wallets, passwords and credentials that a package is given, or makes itself see.

use packguard_sdk::Confidence;

use super::super::exfiltration;
use super::{Found, View};
use crate::reach;
use crate::signs::bits::{
    ASKS, HANDS_AWAY, HANDS_KEY, HOST, REPEATS, SENDS, SENDS_KEY, SILENT, SOCKET, TRANSACTS, URL,
    WRAPS_KEYS,
};

/// Keys and passwords that the caller hands over.
pub(super) fn keys(view: &View<'_, '_>) -> Found {
    if view.has(ASKS) && view.talks() {
        let (at, hit) = view.hit(&exfiltration::EXFILTRATION, ASKS)?;
        return Some((
            at,
            hit.title(
                "Replaces a function that sees passwords or requests, and talks to a host of its own",
            ),
        ));
    }
    let sends = view.talks() || view.any(TRANSACTS);
    if view.has(WRAPS_KEYS) && sends && view.any(REPEATS | SILENT) {
        let (at, hit) = view.hit(&exfiltration::EXFILTRATION, WRAPS_KEYS)?;
        return Some((
            at,
            hit.title("Replaces functions that make a wallet's keys, and sends something")
                .confidence(Confidence::High)
                .why("What stands in their place sees every key that a program makes with them."),
        ));
    }
    if view.has(SENDS_KEY) {
        let (at, hit) = view.hit(&exfiltration::EXFILTRATION, SENDS_KEY)?;
        let hit = hit
            .title("Sends a key or credentials to a host of its own, silently")
            .confidence(Confidence::High);
        return Some((at, hit));
    }
    let away = view.has(HANDS_AWAY)
        && view.files.iter().any(|one| {
            one.signs.has(HANDS_AWAY)
                && view.files.iter().any(|other| {
                    let talks = (other.signs.has(SENDS | URL)) || other.signs.has(SOCKET | HOST);
                    reach::imports(one, other) && talks && other.signs.has(SILENT)
                })
        });
    if !(away || (view.has(HANDS_KEY) && view.talks())) {
        return None;
    }
    let (at, hit) = view.hit(
        &exfiltration::EXFILTRATION,
        if away { HANDS_AWAY } else { HANDS_KEY },
    )?;
    let hit = hit
        .title("Hands a key or password on to what sends to a host of its own, silently")
        .confidence(Confidence::High)
        .why("Nothing is done with the answer, and errors are hidden.");
    Some((at, hit))
}
