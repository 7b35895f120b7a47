//! The API's description: what no route says of itself. What routes may answer with besides
//! what they name follows from what they are: whether they need a key, and read parameters or
//! a body.

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response,
    ResponseBuilder, Schema, Type,
};
use utoipa::{Modify, OpenApi};

/// What no route says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Packguard",
        description = "Tells whether an open-source package is safe to install. Submit a package URL, follow its task, read the report.\n\nAll JSON answers but reports are in an envelope, errors too: `success`, then `data` or `error`, `message`, `code` and `fields`, and `request_id`. A request brings its own id in `X-Request-Id` or is given one. All addresses answer without the slash at their end, too.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Keys),
    security(("bearer" = []), ("api_key" = [])),
    tags(
        (name = "tasks", description = "Submit packages, and follow what becomes of them"),
        (name = "reports", description = "What was found"),
        (name = "functions", description = "Deploy analyzers"),
        (name = "webhooks", description = "Be told"),
        (name = "admin", description = "Keys, timeouts, dead letters"),
        (name = "service", description = "How the service is"),
    )
)]
pub struct Document;

/// Errors that routes share: status, name, what it means.
const SHARED: [(&str, &str, &str); 12] = [
    ("400", "BadRequest", "The body can't be read"),
    (
        "401",
        "Unauthorized",
        "There is no API key, or none that is good",
    ),
    (
        "403",
        "Forbidden",
        "The key lacks the scope that this takes",
    ),
    (
        "406",
        "NotAcceptable",
        "The header Accept excludes all that there is",
    ),
    ("408", "TooSlow", "The body came too slowly"),
    (
        "413",
        "TooLarge",
        "The body is larger than this route takes",
    ),
    ("414", "AddressTooLong", "Path and query are too long"),
    (
        "415",
        "UnsupportedMediaType",
        "The body is of a type that is not read here",
    ),
    (
        "422",
        "Invalid",
        "The request makes no sense: `fields` says where",
    ),
    (
        "429",
        "RateLimited",
        "The key has too few packages left in this hour: Retry-After says when it has more",
    ),
    ("500", "Defect", "A defect of Packguard's"),
    (
        "503",
        "Unavailable",
        "A server behind this one is away or slow: Retry-After says when to try again",
    ),
];

/// Adds what routes have in common: errors, and headers.
pub fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            describe(operation, path);
        }
    }
    let components = document.components.get_or_insert_default();
    for (status, name, description) in SHARED {
        let response = error(status, description).into();
        components.responses.insert(name.into(), response);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        patch,
        delete,
        ..
    } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

fn describe(operation: &mut Operation, path: &str) {
    let keyed = operation.security.is_none();
    let has_params = operation.parameters.as_ref().is_some_and(|p| !p.is_empty());
    let has_body = operation.request_body.is_some();
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            not_null(parameter);
        }
    }
    let mut codes = vec!["414", "500", "503"];
    if keyed {
        codes.extend(["401", "403", "406"]);
    }
    if has_body {
        codes.extend(["400", "408", "413", "415"]);
    }
    if has_params || has_body {
        codes.push("422");
    }
    let submits = ["/api/v1/analyze/", "/api/v1/archives/", "/api/v1/batches/"];
    if has_body && submits.contains(&path) {
        codes.push("429");
    }
    let responses = &mut operation.responses.responses;
    for (status, name, _) in SHARED {
        if codes.contains(&status) {
            let shared = Ref::from_response_name(name).into();
            responses.entry(status.into()).or_insert(shared);
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            add_headers(response, keyed, status);
        }
    }
}

/// What may be left out of a path, a query or a header is never null there.
fn not_null(parameter: &mut Parameter) {
    if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        && let SchemaType::Array(types) = &mut schema.schema_type
    {
        types.retain(|one| *one != Type::Null);
        if let [one] = types.as_slice() {
            schema.schema_type = SchemaType::Type(one.clone());
        }
    }
}

fn error(status: &str, description: &str) -> Response {
    let envelope = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorEnvelope")));
    let response = ResponseBuilder::new().description(description);
    let mut response = response
        .content("application/json", envelope.build())
        .build();
    add_headers(&mut response, false, status);
    response
}

fn add_headers(response: &mut Response, keyed: bool, status: &str) {
    let headers = &mut response.headers;
    let mut add = |name: &str, header: Header| {
        headers.insert(name.into(), header.into());
    };
    add(
        "X-Request-Id",
        text("The request's id: yours, or one of ours"),
    );
    if matches!(status, "429" | "503") {
        add(
            "Retry-After",
            count("When to try again, in seconds, where that is known"),
        );
    }
    if keyed {
        add(
            "X-RateLimit-Limit",
            count("Packages that the key may submit in an hour"),
        );
        add("X-RateLimit-Remaining", count("How many of them are left"));
        add(
            "X-RateLimit-Reset",
            count("Seconds until all of them are left"),
        );
    }
}

fn text(description: &str) -> Header {
    header(Type::String, description)
}

fn count(description: &str) -> Header {
    header(Type::Integer, description)
}

fn header(kind: Type, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
        .description(Some(description))
        .build()
}

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components: &mut Components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::operations;

    #[test]
    fn operations_have_ids_of_their_own_tags_and_described_errors() {
        let mut document = crate::router::document();
        let mut ids = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                let id = operation.operation_id.clone().expect("an id");
                assert!(ids.insert(id.clone()), "{id} names two operations");
                assert_eq!(operation.tags.as_ref().map(Vec::len), Some(1), "{id}");
                let keyed = operation.security.is_none();
                let responses = &operation.responses.responses;
                assert_eq!(responses.contains_key("401"), keyed, "{path}");
                assert!(responses.contains_key("503"), "{path}");
            }
        }
        assert!(ids.len() > 30, "{ids:?}");
    }
}
