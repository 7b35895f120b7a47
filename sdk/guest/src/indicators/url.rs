//! What the host of a URL says.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::Kind;
use super::scan::{NAME_LIMIT, before, is_host_byte};
use super::table::{RARE_TLDS, WELL_KNOWN_ADDRESSES};

/// What the host of a URL says, given where its `://` stands.
pub(super) fn url(text: &str, separator: Range<usize>) -> Option<(Kind, Range<usize>)> {
    let bytes = text.as_bytes();
    if !before(bytes, separator.start).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let rest = &bytes[separator.end..bytes.len().min(separator.end + 2 * NAME_LIMIT)];
    let is_end = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(
                byte,
                b'/' | b'?'
                    | b'#'
                    | b'"'
                    | b'\''
                    | b'`'
                    | b'<'
                    | b'>'
                    | b'\\'
                    | b')'
                    | b','
                    | b';'
                    | b'|'
            )
    };
    let authority = &rest[..rest.iter().position(is_end).unwrap_or(rest.len())];
    // The user part ends at the last `@`: `http://pypi.example@192.0.2.1/` goes to the address.
    let skip = authority
        .iter()
        .rposition(|byte| *byte == b'@')
        .map_or(0, |at| at + 1);
    let start = separator.end + skip;
    let authority = &authority[skip..];
    if let Some(inner) = authority.strip_prefix(b"[") {
        let end = inner.iter().position(|byte| *byte == b']')?;
        let address: Ipv6Addr = std::str::from_utf8(&inner[..end]).ok()?.parse().ok()?;
        return is_public_v6(address).then(|| (Kind::PublicIp, start..start + end + 2));
    }
    let length = authority
        .iter()
        .position(|byte| *byte == b':')
        .unwrap_or(authority.len());
    let host = std::str::from_utf8(&authority[..length])
        .ok()?
        .trim_end_matches('.');
    let range = start..start + host.len();
    if let Some(address) = ipv4(host) {
        return is_public_v4(address).then_some((Kind::PublicIp, range));
    }
    let (name, tld) = host.rsplit_once('.')?;
    let rare = RARE_TLDS
        .binary_search(&tld.to_ascii_lowercase().as_str())
        .is_ok();
    let plain = !name.is_empty() && name.bytes().all(is_host_byte);
    (rare && plain).then_some((Kind::RareTld, range))
}

/// An IPv4 address as URLs may spell it: four numbers, or one, each decimal, `0x…` or
/// octal.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| -> Option<u32> {
        if let Some(digits) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            return u32::from_str_radix(digits, 16).ok();
        }
        if part.len() > 1 && part.starts_with('0') {
            return u32::from_str_radix(part, 8).ok();
        }
        part.parse().ok()
    };
    let parts: Vec<&str> = host.split('.').take(5).collect();
    match parts.as_slice() {
        [one] => number(one).map(Ipv4Addr::from),
        [a, b, c, d] => {
            let octet = |part| number(part).and_then(|value| u8::try_from(value).ok());
            Some(Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?))
        }
        _ => None,
    }
}

/// Whether a packet to the address leaves the site. The documentation ranges count:
/// nobody's honest code connects to them, and samples use them.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let reserved = a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local();
    !reserved && !WELL_KNOWN_ADDRESSES.contains(&address.to_string().as_str())
}

/// Global unicast is `2000::/3`, all else is special or not assigned (RFC 4291, IANA's
/// registry); `64:ff9b::/96` stands for IPv4 addresses (RFC 6052).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let nat64 = || match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    match address.to_ipv4_mapped().or_else(nat64) {
        Some(v4) => is_public_v4(v4),
        None => address.segments()[0] & 0xE000 == 0x2000,
    }
}
