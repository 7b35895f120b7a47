//! What the API server does with a custom resource by its definition: defaults, pruning, bounds, CEL. Nothing in it is nullable,
//! and so a null is taken for what was left out.

use serde_json::Value;

use crate::store::Refusal;

pub fn admit(schema: &Value, object: &mut Value, before: Option<&Value>) -> Result<(), Refusal> {
    fill(schema, object);
    let kept = (
        object["apiVersion"].clone(),
        object["kind"].clone(),
        object["metadata"].clone(),
    );
    prune(schema, object);
    (object["apiVersion"], object["kind"], object["metadata"]) = kept;
    let mut errors = Vec::new();
    let validator = jsonschema::draft202012::new(schema).unwrap();
    for error in validator.iter_errors(object) {
        let field = error
            .instance_path()
            .to_string()
            .trim_start_matches('/')
            .replace('/', ".");
        errors.push(format!("{field}: Invalid value: {error}"));
    }
    if errors.is_empty()
        && let Err(failed) = kube_cel::Validator::new().validate(schema, object, before)
    {
        for error in failed.into_vec() {
            errors.push(format!(
                "{}: Invalid value: {}",
                error.field_path, error.message
            ));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::new(
        422,
        "Invalid",
        format!(
            "RuntimePool.packguard.dev \"{name}\" is invalid: {}",
            errors.join(", ")
        ),
    ))
}

fn fill(schema: &Value, value: &mut Value) {
    if let Some(items) = schema.get("items") {
        for item in value.as_array_mut().into_iter().flatten() {
            fill(items, item);
        }
    }
    let (Some(properties), Some(fields)) =
        (schema["properties"].as_object(), value.as_object_mut())
    else {
        return;
    };
    fields.retain(|name, value| !value.is_null() || !properties.contains_key(name));
    for (name, inner) in properties {
        if !fields.contains_key(name)
            && let Some(default) = inner.get("default")
        {
            fields.insert(name.clone(), default.clone());
        }
        if let Some(field) = fields.get_mut(name) {
            fill(inner, field);
        }
    }
}

fn prune(schema: &Value, value: &mut Value) {
    if let Some(items) = schema.get("items") {
        for item in value.as_array_mut().into_iter().flatten() {
            prune(items, item);
        }
    }
    let (Some(properties), Some(fields)) =
        (schema["properties"].as_object(), value.as_object_mut())
    else {
        return;
    };
    if schema.get("additionalProperties").is_none() {
        fields.retain(|name, _| {
            properties.contains_key(name)
                || matches!(name.as_str(), "apiVersion" | "kind" | "metadata")
        });
    }
    for (name, field) in fields {
        if let Some(inner) = properties.get(name) {
            prune(inner, field);
        }
    }
}
