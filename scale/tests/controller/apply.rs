//! Who owns which field, and server-side apply by it.
//!
//! Simpler than the real one in one way: a list is one field. The controller is the only one that applies Deployments, so that
//! nothing here merges lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::store::{By, Refusal};

type Path = Vec<String>;
type Owners = BTreeMap<(String, String), BTreeSet<Path>>;

/// Fields that are the server's own, or part of the address.
fn is_bookkeeping(path: &[String]) -> bool {
    match path {
        [first] => matches!(first.as_str(), "apiVersion" | "kind"),
        [first, second, ..] if first == "metadata" => matches!(
            second.as_str(),
            "name"
                | "namespace"
                | "uid"
                | "resourceVersion"
                | "generation"
                | "creationTimestamp"
                | "managedFields"
        ),
        _ => false,
    }
}

fn leaves(value: &Value, at: &mut Path, into: &mut BTreeMap<Path, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() || at.is_empty() => {
            for (name, inner) in fields {
                at.push(name.clone());
                leaves(inner, at, into);
                at.pop();
            }
        }
        _ if is_bookkeeping(at) => {}
        _ => {
            into.insert(at.clone(), value.clone());
        }
    }
}

fn all_leaves(value: &Value) -> BTreeMap<Path, Value> {
    let mut into = BTreeMap::new();
    if value.is_object() {
        leaves(value, &mut Vec::new(), &mut into);
    }
    into
}

/// What a write other than apply changed belongs to who wrote it.
pub fn own_update(before: &Value, after: &mut Value, manager: &str) {
    let old = all_leaves(before);
    let new = all_leaves(after);
    let changed: BTreeSet<Path> = new
        .iter()
        .filter(|(path, value)| old.get(*path) != Some(value))
        .map(|(path, _)| path.clone())
        .collect();
    let mut owners = read(before);
    for paths in owners.values_mut() {
        paths.retain(|path| new.contains_key(path) && !changed.contains(path));
    }
    owners
        .entry((manager.to_owned(), String::from("Update")))
        .or_default()
        .extend(changed);
    write(after, &owners);
}

/// Merges what is applied, takes away what the same manager applied before and does not now.
pub fn merge_applied(
    before: &Value,
    wanted: &Value,
    after: &mut Value,
    by: &By<'_>,
) -> Result<(), Refusal> {
    if let Some(asked) = wanted
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
        && before["metadata"]["resourceVersion"] != asked
    {
        return Err(Refusal::new(
            409,
            "Conflict",
            "the object has been modified",
        ));
    }
    own_applied(before, wanted, after, by)?;
    for (path, value) in all_leaves(wanted) {
        put(after, &path, value);
    }
    let me = (by.manager.to_owned(), String::from("Apply"));
    let owners = read(before);
    let mine = all_leaves(wanted);
    for path in owners.get(&me).into_iter().flatten() {
        let others = owners
            .iter()
            .any(|(who, paths)| *who != me && paths.contains(path));
        if !mine.contains_key(path) && !others {
            remove(after, path);
        }
    }
    Ok(())
}

/// Settles who owns what after an apply; a conflict where another owns a field with another value.
pub fn own_applied(
    before: &Value,
    wanted: &Value,
    after: &mut Value,
    by: &By<'_>,
) -> Result<(), Refusal> {
    let mine = all_leaves(wanted);
    let there = all_leaves(before);
    let me = (by.manager.to_owned(), String::from("Apply"));
    let mut owners = read(before);
    let mut conflicts = Vec::new();
    for (who, paths) in &mut owners {
        if *who == me {
            continue;
        }
        let taken: Vec<Path> = paths
            .iter()
            .filter(|path| {
                mine.get(*path)
                    .is_some_and(|value| there.get(*path) != Some(value))
            })
            .cloned()
            .collect();
        for path in taken {
            conflicts.push(format!("conflict with \"{}\": .{}", who.0, path.join(".")));
            paths.remove(&path);
        }
    }
    if !conflicts.is_empty() && !by.force {
        return Err(Refusal::new(
            409,
            "Conflict",
            format!(
                "Apply failed with {} conflicts: {}",
                conflicts.len(),
                conflicts.join("; ")
            ),
        ));
    }
    owners.insert(me, mine.into_keys().collect());
    write(after, &owners);
    Ok(())
}

fn read(object: &Value) -> Owners {
    let mut owners = Owners::new();
    for entry in object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let word = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let mut paths = BTreeSet::new();
        unfold(&entry["fieldsV1"], &mut Vec::new(), &mut paths);
        owners.insert((word("manager"), word("operation")), paths);
    }
    owners
}

fn unfold(fields: &Value, at: &mut Path, into: &mut BTreeSet<Path>) {
    match fields.as_object() {
        Some(inner) if !inner.is_empty() => {
            for (name, value) in inner {
                at.push(name.trim_start_matches("f:").to_owned());
                unfold(value, at, into);
                at.pop();
            }
        }
        _ if at.is_empty() => {}
        _ => {
            into.insert(at.clone());
        }
    }
}

fn write(object: &mut Value, owners: &Owners) {
    let entries: Vec<Value> = owners
        .iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|((manager, operation), paths)| {
            let mut fields = json!({});
            for path in paths {
                let mut at = &mut fields;
                for name in path {
                    at = at.as_object_mut().unwrap().entry(format!("f:{name}")).or_insert_with(|| json!({}));
                }
            }
            json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
        })
        .collect();
    object["metadata"]["managedFields"] = Value::Array(entries);
}

fn put(object: &mut Value, path: &[String], value: Value) {
    let mut at = object;
    for name in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at
            .as_object_mut()
            .unwrap()
            .entry(name.clone())
            .or_insert(Value::Null);
    }
    *at = value;
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = object;
    for name in parents {
        let Some(inner) = at.get_mut(name) else {
            return;
        };
        at = inner;
    }
    if let Some(fields) = at.as_object_mut() {
        fields.remove(last);
    }
}

/// RFC 7386.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let into = target.as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            into.remove(name);
        } else {
            merge_patch(into.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
