//! The links of an HTML page: simple indexes and directory listings.

use html5gum::{Token, Tokenizer};
use url::Url;

use super::document::Document;

/// An `<a href>` with the attributes that simple indexes use.
pub(super) struct Link {
    /// Absolute, with its fragment.
    pub(super) url: Url,
    /// The last path segment, decoded.
    pub(super) filename: String,
    /// `data-yanked`, empty if without a reason.
    pub(super) yanked: Option<String>,
    /// `data-upload-time`, which some indexes add.
    pub(super) upload_time: Option<String>,
}

/// The page's links to files, in order; what is no URL is left out.
pub(super) fn links(document: &Document) -> Vec<Link> {
    let mut base = document.url.clone();
    let mut links = Vec::new();
    let Ok(text) = document.text() else {
        return links;
    };
    for Ok(token) in Tokenizer::new(text) {
        let Token::StartTag(tag) = token else {
            continue;
        };
        let attribute = |name: &str| {
            let value = tag.attributes.get(name.as_bytes())?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let url = attribute("href").and_then(|href| base.join(href.trim()).ok());
        match (tag.name.as_slice(), url) {
            (b"base", Some(url)) => base = url,
            (b"a", Some(url)) => {
                let filename = filename(&url);
                links.push(Link {
                    filename,
                    url,
                    yanked: attribute("data-yanked"),
                    upload_time: attribute("data-upload-time"),
                });
            }
            _ => {}
        }
    }
    links
}

/// The last segment of a URL's path, decoded.
pub(super) fn filename(url: &Url) -> String {
    let last = url
        .path_segments()
        .and_then(|mut segments| segments.next_back())
        .unwrap_or("");
    percent_encoding::percent_decode_str(last)
        .decode_utf8_lossy()
        .into_owned()
}
