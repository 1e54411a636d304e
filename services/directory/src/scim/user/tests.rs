use serde_json::json;

use super::*;
use crate::scim::patch::changes;

/// As Entra ID sends a new user.
fn entra() -> Value {
    json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "zquillfeather",
        "userName": "ZQ@ash.example",
        "active": true,
        "emails": [{ "type": "home", "value": "zoe@home.example" }, { "primary": true, "type": "work", "value": "zq@ash.example" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "Zoë Quillfeather", "familyName": "Quillfeather", "givenName": "Zoë" },
        "title": "Head of Year",
    })
}

fn user(body: Value) -> Result<User, ScimError> {
    Said::of_body(body)?.onto(None, PersonCategory::Employee)
}

#[expect(clippy::needless_pass_by_value, reason = "what is written in place is read better without a mark")]
fn patched(was: &User, operations: Value) -> User {
    let said = Said::of_changes(changes(json!({ "Operations": operations })).unwrap()).unwrap();
    said.onto(Some(was), was.category).unwrap()
}

#[test]
fn a_user_of_entra_is_read_and_what_nobody_keeps_is_passed_over() {
    let said = Said::of_body(entra()).unwrap();
    assert_eq!(said.active, Some(true));
    let user = said.onto(None, PersonCategory::Governor).unwrap();
    assert_eq!((user.name.as_str(), user.category), ("Zoë Quillfeather", PersonCategory::Governor));
    assert_eq!(user.email.unwrap().as_str(), "zq@ash.example");
    assert_eq!(
        (user.account.user_name.as_str(), user.account.external_id.as_deref()),
        ("ZQ@ash.example", Some("zquillfeather"))
    );
}

#[test]
fn a_name_is_the_formatted_one_or_the_displayed_one_or_made_of_its_parts() {
    let named = |name: Value, displayed: Value| {
        let body = json!({ "userName": "zq", "name": name, "displayName": displayed });
        user(body).map(|user| user.name.as_str().to_owned())
    };
    let parts = json!({ "givenName": "Zoë", "familyName": "Quillfeather" });
    assert_eq!(named(parts.clone(), Value::Null).unwrap(), "Zoë Quillfeather");
    assert_eq!(named(parts, "Z. Quillfeather".into()).unwrap(), "Z. Quillfeather");
    assert_eq!(named(json!({ "formatted": "Zoë Q" }), "Z. Quillfeather".into()).unwrap(), "Zoë Q");
    assert_eq!(named(json!({ "givenName": "Zoë", "familyName": "" }), Value::Null).unwrap(), "Zoë");
    assert!(named(json!({}), Value::Null).is_err());
}

#[test]
fn a_change_changes_what_it_speaks_of_and_nothing_else() {
    let was = user(entra()).unwrap();
    let now = patched(&was, json!([{ "op": "Replace", "path": "name.familyName", "value": "Vantongeren" }]));
    assert_eq!(now.name.as_str(), "Zoë Vantongeren");
    assert_eq!((&now.email, &now.account.external_id), (&was.email, &was.account.external_id));
    let path = r#"emails[type eq "work"].value"#;
    let now = patched(&was, json!([{ "op": "replace", "path": path, "value": "zv@ash.example" }]));
    assert_eq!((now.email.unwrap().as_str(), now.name), ("zv@ash.example", was.name.clone()));
    let other = r#"emails[type eq "home"].value"#;
    assert_eq!(patched(&was, json!([{ "op": "add", "path": other, "value": "a@b.example" }])), was);
    let cleared =
        patched(&was, json!([{ "op": "Remove", "path": "emails" }, { "op": "remove", "path": "externalId" }]));
    assert_eq!((cleared.email, cleared.account.external_id), (None, None));
    assert_eq!(
        patched(&was, json!([{ "op": "Replace", "value": { "userType": "Agency" } }])).category,
        PersonCategory::Agency
    );
}

#[test]
fn active_is_read_as_entra_writes_it() {
    let active = |value: Value| {
        let said = changes(json!({ "Operations": [{ "op": "Replace", "path": "active", "value": value }] }));
        Said::of_changes(said.unwrap()).map(|said| (said.active, said.is_of_more_than_active()))
    };
    assert_eq!(active(json!("False")), Ok((Some(false), false)));
    assert_eq!(active(json!(true)), Ok((Some(true), false)));
    assert!(active(json!("secret")).is_err());
}

#[test]
fn what_is_wrong_is_told_by_its_field_and_not_repeated() {
    let with = |field: &str, value: Value| {
        let mut body = entra();
        body[field] = value;
        user(body).unwrap_err().to_string()
    };
    for (field, value, said) in [
        ("userName", json!(" "), "userName:"),
        ("userName", Value::Null, "userName:"),
        ("userName", json!("x".repeat(257)), "userName:"),
        ("externalId", json!(7), "externalId:"),
        ("emails", json!([{ "value": "secret" }]), "emails:"),
        ("userType", json!("secret"), "userType:"),
        ("active", json!("secret"), "active:"),
        ("name", json!("secret"), "name:"),
        ("name", json!({ "formatted": "sec\u{fffd}ret" }), "displayName:"),
    ] {
        let told = with(field, value);
        assert!(told.starts_with(said) && !told.contains("secret"), "{field}: {told}");
    }
}
