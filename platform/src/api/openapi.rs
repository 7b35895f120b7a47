//! The API's description.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

/// What no route says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Packguard",
        description = "Tells whether an open-source package is safe to install. Submit a package URL, follow its task, read the report.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Keys),
    security(("bearer" = []), ("api_key" = [])),
    tags(
        (name = "tasks", description = "Submit packages, and follow what becomes of them"),
        (name = "reports", description = "What was found"),
        (name = "webhooks", description = "Be told"),
        (name = "admin", description = "Keys, timeouts, dead letters"),
        (name = "service", description = "How the service is"),
    )
)]
pub struct Document;

/// Adds what all routes have in common: any of them may answer with an error.
pub fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let error = ResponseBuilder::new()
        .description("An error. `code` is the word for programs, `message` says what to do; `fields` names what is wrong in a request")
        .content(
            "application/json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("ErrorEnvelope")))
                .build(),
        )
        .build();
    for path in document.paths.paths.values_mut() {
        let operations = [
            &mut path.get,
            &mut path.put,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".into(), error.clone().into());
        }
    }
    document
}

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
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
