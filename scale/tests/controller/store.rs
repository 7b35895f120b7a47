//! The stand-in's objects: versions, generations, the log that watches read, and what is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::apply;
use crate::kinds::{DEFINITIONS, DEPLOYMENTS, KINDS, Kind, PODS, POOLS};
use crate::schema;

/// An answer that is no object: an HTTP status and the fields of a `Status`.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
        }
    }
}

/// One change, as watches are told of it.
#[derive(Debug, Clone)]
pub struct Change {
    pub version: u64,
    pub kind: Kind,
    pub namespace: String,
    pub type_: &'static str,
    pub object: Value,
}

/// Who writes, and how.
#[derive(Debug, Clone)]
pub struct By<'a> {
    pub manager: &'a str,
    pub force: bool,
}

pub const TEST: By<'static> = By {
    manager: "kubectl",
    force: false,
};

type Key = (Kind, String, String);

#[derive(Debug, Default)]
pub struct Store {
    pub version: u64,
    uid: u64,
    objects: BTreeMap<Key, Value>,
    pub log: Vec<Change>,
    /// Versions up to here can't be watched from any more.
    pub compacted: u64,
    /// Verb and resource that are refused: ("patch", "deployments.apps").
    pub denied: BTreeSet<(String, String)>,
}

impl Store {
    /// The kind that a path names; none where the server knows none such.
    pub fn kind(&self, group: &str, version: &str, plural: &str) -> Option<Kind> {
        let found = KINDS
            .into_iter()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)?;
        (found != POOLS || self.definition().is_some()).then_some(found)
    }

    fn definition(&self) -> Option<&Value> {
        self.objects.get(&(
            DEFINITIONS,
            String::new(),
            String::from("runtimepools.packguard.dev"),
        ))
    }

    fn schema(&self) -> Option<Value> {
        self.definition()?
            .pointer("/spec/versions/0/schema/openAPIV3Schema")
            .cloned()
    }

    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Refusal> {
        let key = (kind, namespace.to_owned(), name.to_owned());
        self.objects
            .get(&key)
            .cloned()
            .ok_or_else(|| not_found(kind, name))
    }

    pub fn list(&self, kind: Kind, namespace: &str) -> Vec<Value> {
        self.objects
            .iter()
            .filter(|((of, within, _), _)| {
                *of == kind && (namespace.is_empty() || within == namespace)
            })
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Those of a kind that pass a test, without a copy of the others.
    pub fn find(&self, kind: Kind, test: impl Fn(&Value) -> bool) -> Vec<Value> {
        let found = self
            .objects
            .iter()
            .filter(|((of, _, _), object)| *of == kind && test(object));
        found.map(|(_, object)| object.clone()).collect()
    }

    pub fn create(
        &mut self,
        kind: Kind,
        namespace: &str,
        mut object: Value,
        by: &By<'_>,
    ) -> Result<Value, Refusal> {
        let name = object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if name.is_empty() {
            return Err(Refusal::new(
                422,
                "Invalid",
                format!("{} is invalid: metadata.name: Required value", kind.kind),
            ));
        }
        if self.get(kind, namespace, &name).is_ok() {
            return Err(Refusal::new(
                409,
                "AlreadyExists",
                format!("{} \"{name}\" already exists", kind.resource()),
            ));
        }
        if object
            .pointer("/metadata/resourceVersion")
            .is_some_and(|version| version != "")
        {
            return Err(Refusal::new(
                400,
                "BadRequest",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        self.uid += 1;
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.kind);
        let uid = format!("00000000-0000-4000-8000-{:012}", self.uid);
        let meta = &mut object["metadata"];
        meta["uid"] = json!(uid);
        meta["creationTimestamp"] =
            json!(chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string());
        meta["generation"] = json!(1);
        if kind.namespaced {
            meta["namespace"] = json!(namespace);
        }
        if kind.has_status && kind != PODS && kind != DEFINITIONS {
            object.as_object_mut().unwrap().remove("status");
        }
        // Nobody applies pods, and there are a thousand of them.
        if kind != PODS {
            apply::own_update(&Value::Null, &mut object, by.manager);
        }
        self.admit(kind, &mut object, None)?;
        Ok(self.put(kind, namespace, &name, "ADDED", object))
    }

    /// Replaces an object, or one subresource of it. `change` is given the object as it is.
    pub fn update(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        subresource: Option<&str>,
        by: &By<'_>,
        change: impl FnOnce(&mut Value) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        let before = self.get(kind, namespace, name)?;
        let mut after = before.clone();
        change(&mut after)?;
        let asked = after
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let version = before["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        if !asked.is_empty() && asked != version {
            return Err(Refusal::new(
                409,
                "Conflict",
                format!(
                    "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
                    kind.resource()
                ),
            ));
        }
        for fixed in [
            "uid",
            "creationTimestamp",
            "generation",
            "namespace",
            "name",
            "resourceVersion",
        ] {
            keep(&mut after["metadata"], &before["metadata"], fixed);
        }
        match subresource {
            Some("status") => {
                let status = after.get("status").cloned();
                let managed = after["metadata"].get("managedFields").cloned();
                after = before.clone();
                set(&mut after, "status", status);
                set(&mut after["metadata"], "managedFields", managed);
            }
            _ if kind.has_status && kind != PODS => {
                let status = before.get("status").cloned();
                set(&mut after, "status", status);
            }
            _ => {}
        }
        self.admit(kind, &mut after, Some(&before))?;
        if after.get("spec") != before.get("spec") && kind != PODS {
            let generation = before["metadata"]["generation"].as_u64().unwrap_or(0);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        if kind != PODS {
            apply::own_update(&before, &mut after, by.manager);
        }
        if same(&before, &after) {
            // As the real one: what changes nothing makes no new version.
            return Ok(before);
        }
        Ok(self.put(kind, namespace, name, "MODIFIED", after))
    }

    /// Server-side apply.
    pub fn apply(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        wanted: &Value,
        by: &By<'_>,
    ) -> Result<(Value, bool), Refusal> {
        let Ok(before) = self.get(kind, namespace, name) else {
            let mut object = wanted.clone();
            object["metadata"]["name"] = json!(name);
            apply::own_applied(&Value::Null, wanted, &mut object, by)?;
            return self.create_applied(kind, namespace, name, object);
        };
        let mut after = before.clone();
        apply::merge_applied(&before, wanted, &mut after, by)?;
        self.admit(kind, &mut after, Some(&before))?;
        if after.get("spec") != before.get("spec") {
            let generation = before["metadata"]["generation"].as_u64().unwrap_or(0);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        if same(&before, &after) {
            return Ok((before, false));
        }
        Ok((self.put(kind, namespace, name, "MODIFIED", after), false))
    }

    fn create_applied(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        mut object: Value,
    ) -> Result<(Value, bool), Refusal> {
        let managed = object["metadata"].get("managedFields").cloned();
        self.uid += 1;
        let meta = &mut object["metadata"];
        meta["uid"] = json!(format!("00000000-0000-4000-8000-{:012}", self.uid));
        meta["creationTimestamp"] =
            json!(chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string());
        meta["generation"] = json!(1);
        meta["namespace"] = json!(namespace);
        set(meta, "managedFields", managed);
        self.admit(kind, &mut object, None)?;
        Ok((self.put(kind, namespace, name, "ADDED", object), true))
    }

    pub fn delete(&mut self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Refusal> {
        let object = self.get(kind, namespace, name)?;
        self.objects
            .remove(&(kind, namespace.to_owned(), name.to_owned()));
        self.version += 1;
        let mut gone = object;
        gone["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.log.push(Change {
            version: self.version,
            kind,
            namespace: namespace.to_owned(),
            type_: "DELETED",
            object: gone.clone(),
        });
        Ok(gone)
    }

    fn put(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        type_: &'static str,
        mut object: Value,
    ) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(
            (kind, namespace.to_owned(), name.to_owned()),
            object.clone(),
        );
        self.log.push(Change {
            version: self.version,
            kind,
            namespace: namespace.to_owned(),
            type_,
            object: object.clone(),
        });
        object
    }

    /// Defaults, pruning and validation, for the kind that has a schema here.
    fn admit(&self, kind: Kind, object: &mut Value, before: Option<&Value>) -> Result<(), Refusal> {
        if kind == DEPLOYMENTS && object["spec"].get("replicas").is_none() {
            object["spec"]["replicas"] = json!(1);
        }
        match self.schema() {
            Some(schema) if kind == POOLS => schema::admit(&schema, object, before),
            _ => Ok(()),
        }
    }
}

fn not_found(kind: Kind, name: &str) -> Refusal {
    Refusal::new(
        404,
        "NotFound",
        format!("{} \"{name}\" not found", kind.resource()),
    )
}

fn keep(after: &mut Value, before: &Value, field: &str) {
    set(after, field, before.get(field).cloned());
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let fields: &mut Map<String, Value> = object.as_object_mut().unwrap();
    match value {
        Some(value) => {
            fields.insert(field.to_owned(), value);
        }
        None => {
            fields.remove(field);
        }
    }
}

/// Whether nothing but the bookkeeping differs.
fn same(before: &Value, after: &Value) -> bool {
    let bare = |object: &Value| {
        let mut bare = object.clone();
        bare["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("resourceVersion");
        // Times of entries in managedFields do not count; there are none here.
        bare
    };
    bare(before) == bare(after)
}
