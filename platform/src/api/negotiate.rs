//! What a client wants to get: the header Accept (RFC 9110, 12.5.1).

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;

/// Media ranges of an Accept header that are looked at: browsers send eight.
const MOST: usize = 64;

/// The best of `offers` for the client; the first where it is all the same to it. `None` when
/// it wants none of them. Ranges that can't be read are passed over, and a header without any
/// that can is as good as none.
pub fn choose<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let ranges = ranges(headers);
    if ranges.is_empty() {
        return offers.first().copied();
    }
    let mut best: Option<(&str, u16)> = None;
    for offer in offers {
        let quality = quality(&ranges, offer);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((offer, quality));
        }
    }
    best.map(|(offer, _)| offer)
}

/// One media range, and its weight in thousandths.
struct Range {
    main: String,
    sub: String,
    quality: u16,
}

fn ranges(headers: &HeaderMap) -> Vec<Range> {
    let lines = headers.get_all(header::ACCEPT).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let all = texts.flat_map(|text| text.split(','));
    all.take(MOST).filter_map(range).collect()
}

fn range(text: &str) -> Option<Range> {
    let mut parts = text.split(';').map(str::trim);
    let (main, sub) = parts.next()?.split_once('/')?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !token(main) || !token(sub) || (main == "*" && sub != "*") {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='));
    let quality: f32 = match weight {
        Some(text) => text.parse().ok().filter(|q| (0.0..=1.0).contains(q))?,
        None => 1.0,
    };
    let quality = (quality * 1000.0) as u16;
    Some(Range {
        main: main.to_ascii_lowercase(),
        sub: sub.to_ascii_lowercase(),
        quality,
    })
}

/// The weight of the range that fits most closely; 0 where none fits.
fn quality(ranges: &[Range], offer: &str) -> u16 {
    let (main, sub) = offer.split_once('/').unwrap_or((offer, ""));
    let fits = ranges.iter().filter_map(|range| {
        let closeness = match (range.main == main, range.sub == sub) {
            (true, true) => 2,
            (true, false) if range.sub == "*" => 1,
            _ if range.main == "*" => 0,
            _ => return None,
        };
        Some((closeness, range.quality))
    });
    fits.max_by_key(|(closeness, _)| *closeness)
        .map_or(0, |(_, quality)| quality)
}

/// 406, naming what there is.
pub fn not_acceptable(offers: &[&str]) -> ApiError {
    ApiError::new(
        StatusCode::NOT_ACCEPTABLE,
        "not_acceptable",
        format!(
            "the header Accept excludes what there is here: {}",
            offers.join(", ")
        ),
    )
}

/// Middleware of routes that answer in JSON alone: refuses before anything is done.
pub async fn json(request: Request, next: Next) -> Response {
    const JSON: &[&str] = &["application/json"];
    if choose(request.headers(), JSON).is_none() {
        return not_acceptable(JSON).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: &[&str] = &[
        "application/json",
        "application/sarif+json",
        "text/markdown",
    ];

    fn chosen(accept: &[&str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(header::ACCEPT, line.parse().unwrap());
        }
        choose(&headers, OFFERS)
    }

    #[test]
    fn the_closest_range_decides() {
        let json = Some("application/json");
        assert_eq!(chosen(&[]), json);
        assert_eq!(chosen(&["*/*"]), json);
        assert_eq!(chosen(&["text/*"]), Some("text/markdown"));
        assert_eq!(chosen(&["TEXT/Markdown"]), Some("text/markdown"));
        assert_eq!(chosen(&["text/html, */*;q=0.1"]), json);
        assert_eq!(
            chosen(&["application/json;q=0.5, application/sarif+json"]),
            Some("application/sarif+json")
        );
        assert_eq!(
            chosen(&["*/*, application/json;q=0, application/sarif+json; q=0"]),
            Some("text/markdown")
        );
        assert_eq!(
            chosen(&["text/html", "text/markdown"]),
            Some("text/markdown")
        );
    }

    #[test]
    fn what_excludes_everything_gets_nothing() {
        assert_eq!(chosen(&["text/html"]), None);
        assert_eq!(chosen(&["*/*;q=0"]), None);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let json = Some("application/json");
        for accept in ["json", "*/json", ";;;", "a/b;q=7", ",", "/"] {
            assert_eq!(chosen(&[accept]), json, "{accept}");
        }
    }
}
