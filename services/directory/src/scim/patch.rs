//! `PATCH`: the changes in a body (RFC 7644, section 3.5.2), with what Entra ID and others write in their own way: an operation
//! in any letter case, and no path but an object whose names are paths.

use serde_json::{Map, Value};

use super::{
    error::{ScimError, ScimType},
    path::Path,
};

/// How many changes one request may hold.
const MOST: usize = 1_000;

/// What is to be done with what a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It gets this value beside those that it has.
    Add(Value),
    /// It gets this value and no other.
    Replace(Value),
    /// It loses this value, or all.
    Remove(Option<Value>),
}

/// The changes of a body, in order.
pub(super) fn changes(body: Value) -> Result<Vec<(Path, Change)>, ScimError> {
    let wrong = |expected: &'static str| ScimError::wrong(ScimType::InvalidSyntax, expected);
    let Value::Object(mut body) = body else { return Err(wrong("expected an object with Operations")) };
    let Some(Value::Array(operations)) = member(&mut body, "operations") else {
        return Err(wrong("Operations: expected a list"));
    };
    if operations.is_empty() || operations.len() > MOST {
        return Err(wrong("Operations: expected 1 to 1,000"));
    }
    let mut changes = Vec::new();
    for operation in operations {
        let Value::Object(mut operation) = operation else { return Err(wrong("Operations: expected objects")) };
        let op = member(&mut operation, "op").and_then(|op| Some(op.as_str()?.to_ascii_lowercase()));
        let path = member(&mut operation, "path").filter(|path| !path.is_null());
        let value = member(&mut operation, "value");
        let change = match (op.as_deref(), value) {
            (Some("add"), Some(value)) => Change::Add(value),
            (Some("replace"), Some(value)) => Change::Replace(value),
            (Some("remove"), value) => Change::Remove(value),
            (Some("add" | "replace"), None) => return Err(wrong("value: expected one")),
            (Some(_) | None, _) => return Err(wrong("op: expected add, replace or remove")),
        };
        match (path, change) {
            (Some(path), change) => changes.push((read(path.as_str().unwrap_or_default())?, change)),
            (None, Change::Add(Value::Object(values))) => {
                for (path, value) in values {
                    changes.push((read(&path)?, Change::Add(value)));
                }
            }
            (None, Change::Replace(Value::Object(values))) => {
                for (path, value) in values {
                    changes.push((read(&path)?, Change::Replace(value)));
                }
            }
            (None, Change::Add(_) | Change::Replace(_)) => {
                return Err(wrong("value: expected an object where there is no path"));
            }
            (None, Change::Remove(_)) => return Err(ScimError::wrong(ScimType::InvalidPath, "path: expected one")),
        }
    }
    Ok(changes)
}

fn read(path: &str) -> Result<Path, ScimError> {
    Path::read(path)
        .ok_or_else(|| ScimError::wrong(ScimType::InvalidPath, "path: expected an attribute, or a part of it"))
}

/// A member of an object, in any letter case.
fn member(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.remove(&key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_without_a_path_is_one_for_each_name_and_a_name_may_be_a_path() {
        let body = json!({ "Operations": [
            { "op": "Replace", "value": { "displayName": "Zoë", "name.familyName": "Q" } },
            { "op": "REMOVE", "path": "externalId" },
        ] });
        let changes = changes(body).unwrap();
        let expected = [
            ("displayName", Change::Replace("Zoë".into())),
            ("name.familyName", Change::Replace("Q".into())),
            ("externalId", Change::Remove(None)),
        ];
        assert_eq!(changes, expected.map(|(path, change)| (Path::read(path).unwrap(), change)));
    }

    #[test]
    fn what_is_no_change_is_told_by_its_member_and_not_repeated() {
        for (operations, said) in [
            (json!("secret"), "Operations"),
            (json!([]), "Operations"),
            (json!(["secret"]), "Operations"),
            (json!([{ "op": "secret", "path": "active" }]), "op:"),
            (json!([{ "path": "active", "value": "secret" }]), "op:"),
            (json!([{ "op": "replace", "path": "active" }]), "value:"),
            (json!([{ "op": "replace", "value": "secret" }]), "value:"),
            (json!([{ "op": "remove" }]), "path:"),
            (json!([{ "op": "add", "path": "a secret", "value": 1 }]), "path:"),
        ] {
            let told = changes(json!({ "Operations": operations })).unwrap_err().to_string();
            assert!(told.starts_with(said) && !told.contains("secret"), "{told}");
        }
    }
}
