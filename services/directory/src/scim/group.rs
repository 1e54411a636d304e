//! A group: a role, and who holds it today.

use std::collections::BTreeSet;

use schema::{AccountId, people::StaffRole};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    error::{ScimError, ScimType},
    patch::Change,
    path::Path,
    user::Meta,
};

/// The schema of a group (RFC 7643, section 4.2).
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A group, as a directory is sent it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupResource {
    /// `urn:ietf:params:scim:schemas:core:2.0:Group`.
    schemas: [&'static str; 1],
    /// The role's name, such as `dsl`.
    id: &'static str,
    /// The same.
    display_name: &'static str,
    /// Users who hold the role today.
    members: Vec<Member>,
    meta: Meta,
}

/// Somebody in a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Member {
    /// The user's id.
    value: String,
    /// Where the user is.
    #[serde(rename = "$ref")]
    reference: String,
}

impl GroupResource {
    pub(super) fn new(base: &str, role: StaffRole, members: impl IntoIterator<Item = AccountId>) -> Self {
        let member = |id| Member { value: AccountId::to_string(&id), reference: format!("{base}/Users/{id}") };
        Self {
            schemas: [GROUP],
            id: role.as_str(),
            display_name: role.as_str(),
            members: members.into_iter().map(member).collect(),
            meta: Meta { resource_type: "Group", location: format!("{base}/Groups/{role}") },
        }
    }
}

/// Who is to be in a group of which `members` are, after these changes.
pub(super) fn after(
    role: StaffRole,
    mut members: BTreeSet<AccountId>,
    changes: Vec<(Path, Change)>,
) -> Result<BTreeSet<AccountId>, ScimError> {
    for (path, change) in changes {
        match (path.attribute.as_str(), path.of, change) {
            ("members", None, Change::Add(value)) => members.extend(listed(&value)?),
            ("members", None, Change::Replace(value)) => members = listed(&value)?,
            ("members", None, Change::Remove(None)) => members.clear(),
            ("members", None, Change::Remove(Some(value))) => members.retain(|member| !names(&value, *member)),
            ("members", Some(of), Change::Remove(_)) => {
                let member = of.text("value").ok_or_else(|| ScimError::value("members", "expected value eq a text"))?;
                members.retain(|known| known.to_string() != member.to_ascii_lowercase());
            }
            ("members", Some(_), Change::Add(_) | Change::Replace(_)) => {
                return Err(ScimError::wrong(ScimType::InvalidPath, "members: expected no filter but to remove"));
            }
            ("displayname", None, Change::Add(value) | Change::Replace(value)) => is_named(role, &value)?,
            _ => {}
        }
    }
    Ok(members)
}

/// Who a whole group says that its members are.
pub(super) fn said(role: StaffRole, body: &Value) -> Result<BTreeSet<AccountId>, ScimError> {
    is_named(role, &body["displayName"])?;
    if body["members"].is_null() { Ok(BTreeSet::new()) } else { listed(&body["members"]) }
}

/// The role whose group is of this name, in any letter case, among these.
pub(super) fn named(name: &str, roles: impl IntoIterator<Item = StaffRole>) -> Option<StaffRole> {
    roles.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(name.trim()))
}

fn is_named(role: StaffRole, name: &Value) -> Result<(), ScimError> {
    match name.as_str().and_then(|name| named(name, [role])) {
        Some(_) => Ok(()),
        None => Err(ScimError::wrong(ScimType::Mutability, "displayName: expected the role's own name")),
    }
}

fn listed(value: &Value) -> Result<BTreeSet<AccountId>, ScimError> {
    let expected = || ScimError::value("members", "expected the ids of users");
    let id = |member: &Value| member["value"].as_str().and_then(|id| id.parse().ok()).ok_or_else(expected);
    each(value).iter().map(id).collect()
}

/// Whether one is among these; whoever is not there need not be removed.
fn names(value: &Value, member: AccountId) -> bool {
    each(value).iter().any(|one| one["value"].as_str().and_then(|id| id.parse().ok()) == Some(member))
}

fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        one => std::slice::from_ref(one),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::scim::patch::changes;

    fn id(n: u128) -> AccountId {
        Uuid::from_u128(n).into()
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is written in place is read better without a mark")]
    fn after_these(operations: Value) -> Result<Vec<AccountId>, ScimError> {
        let changes = changes(json!({ "Operations": operations })).unwrap();
        Ok(after(StaffRole::Dpo, BTreeSet::from([id(1), id(2)]), changes)?.into_iter().collect())
    }

    #[test]
    fn members_are_added_removed_and_replaced_as_directories_write_it() {
        let three = json!([{ "value": id(3), "display": "whoever" }]);
        let one = json!([{ "value": id(1) }]);
        let by_filter = format!(r#"members[value eq "{}"]"#, id(1));
        for (operations, expected) in [
            (json!([{ "op": "Add", "path": "members", "value": three }]), vec![id(1), id(2), id(3)]),
            (json!([{ "op": "add", "value": { "members": three } }]), vec![id(1), id(2), id(3)]),
            (json!([{ "op": "Remove", "path": "members", "value": one }]), vec![id(2)]),
            (json!([{ "op": "remove", "path": by_filter }]), vec![id(2)]),
            (json!([{ "op": "Remove", "path": "members", "value": three }]), vec![id(1), id(2)]),
            (json!([{ "op": "remove", "path": "members" }]), vec![]),
            (json!([{ "op": "Replace", "path": "members", "value": three }]), vec![id(3)]),
            (json!([{ "op": "Replace", "path": "displayName", "value": "DPO" }]), vec![id(1), id(2)]),
            (json!([{ "op": "Replace", "value": { "externalId": "x" } }]), vec![id(1), id(2)]),
        ] {
            assert_eq!(after_these(operations.clone()), Ok(expected), "{operations}");
        }
    }

    #[test]
    fn a_group_keeps_its_name_and_has_users_alone() {
        for (operations, said) in [
            (json!([{ "op": "Replace", "path": "displayName", "value": "secret" }]), "displayName:"),
            (json!([{ "op": "Add", "path": "members", "value": [{ "value": "secret" }] }]), "members:"),
            (json!([{ "op": "Add", "path": "members", "value": "secret" }]), "members:"),
        ] {
            let told = after_these(operations).unwrap_err().to_string();
            assert!(told.starts_with(said) && !told.contains("secret"), "{told}");
        }
        assert!(super::said(StaffRole::Dpo, &json!({ "displayName": "dsl" })).is_err());
        assert_eq!(super::said(StaffRole::Dpo, &json!({ "displayName": "dpo" })), Ok(BTreeSet::new()));
    }
}
