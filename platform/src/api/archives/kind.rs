//! What an upload's body is said to be.

use axum::http::{HeaderMap, StatusCode, header};

use crate::api::error::ApiError;

/// How the file stands in the body.
pub(super) enum BodyKind {
    Raw,
    /// A form with this boundary.
    Form(String),
}

impl BodyKind {
    pub(super) fn of(headers: &HeaderMap, is_named: bool) -> Result<Self, ApiError> {
        let refused = || {
            ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the archive as application/octet-stream, as an archive's media type, or as a form: curl -F file=@NAME",
            )
        };
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let kind = match (types.next(), types.next()) {
            // RFC 9110, 8.3: bytes of an unknown kind.
            (None, _) => Self::Raw,
            (Some(_), Some(_)) => return Err(refused()),
            (Some(one), None) => {
                let text = one.to_str().map_err(|_| refused())?;
                let essence = text.split(';').next().unwrap_or_default().trim();
                let essence = essence.to_ascii_lowercase();
                if essence == "multipart/form-data" {
                    let boundary = multer::parse_boundary(text);
                    Self::Form(boundary.map_err(|error| {
                        ApiError::bad_request(format!("the form is no valid multipart: {error}"))
                    })?)
                } else if is_archive(&essence) {
                    Self::Raw
                } else {
                    return Err(refused());
                }
            }
        };
        if matches!(kind, Self::Raw) && !is_named {
            return Err(ApiError::invalid(
                "filename",
                "say what the archive is called: ?filename=NAME",
            ));
        }
        Ok(kind)
    }
}

/// Whether a media type is that of an archive, or says nothing.
fn is_archive(essence: &str) -> bool {
    const ARCHIVES: [&str; 22] = [
        "application/octet-stream",
        "binary/octet-stream",
        "application/zip",
        "application/x-zip",
        "application/x-zip-compressed",
        "application/gzip",
        "application/x-gzip",
        "application/tar",
        "application/tar+gzip",
        "application/x-tar",
        "application/x-gtar",
        "application/x-tgz",
        "application/x-compressed",
        "application/x-compressed-tar",
        "application/x-bzip",
        "application/x-bzip2",
        "application/x-xz",
        "application/x-lzma",
        "application/zstd",
        "application/x-zstd",
        "application/java-archive",
        "application/x-java-archive",
    ];
    ARCHIVES.contains(&essence)
}
