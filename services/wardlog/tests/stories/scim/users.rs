//! Users: made, found again, changed.

use access::HeldRole;
use directory::domain::workplace::Workplace;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{Entra, user};
use crate::{
    people::{RECORD, tell},
    town::Town,
};

/// R031: as Entra ID goes about it: asks for somebody who is not there, makes them, finds them, changes them.
#[tokio::test(flavor = "multi_thread")]
async fn entra_asks_for_a_user_makes_it_finds_it_and_changes_it() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let nobody = entra.find("/Users", r#"userName eq "Zoe@ash.example""#).await.body(200);
    assert_eq!((&nobody["totalResults"], &nobody["Resources"]), (&json!(0), &json!([])));

    let answer = entra.post("/Users", user("zoe")).await;
    let made = answer.body(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], made["meta"]["location"].as_str().unwrap());
    assert_eq!(made["meta"]["location"], town.scim(&format!("/Users/{id}")));
    for filter in [r#"userName eq "ZOE@ash.example""#, r#"externalId eq "zoe-at-entra""#, &format!(r#"id eq "{id}""#)] {
        let found = entra.find("/Users", filter).await.body(200);
        assert_eq!((&found["totalResults"], &found["Resources"][0]), (&json!(1), &made), "{filter}");
    }
    assert_eq!(entra.find("/Users", r#"externalId eq "ZOE-at-entra""#).await.body(200)["totalResults"], 0);

    let path = format!("/Users/{id}");
    let changes = json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "zv@ash.example" },
        { "op": "Add", "path": "name.familyName", "value": "Vantongeren" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Art" },
        { "op": "Replace", "value": { "userType": "governor", "active": "True" } },
    ]);
    entra.patch(&path, changes).await.done();
    let now = entra.get(&path).await.body(200);
    let told = ["displayName", "userName", "externalId", "userType", "active"].map(|name| now[name].clone());
    let expected = json!(["zoe Vantongeren", "zoe@ash.example", "zoe-at-entra", "governor", true]);
    assert_eq!((json!(told), &now["emails"][0]["value"]), (expected, &json!("zv@ash.example")));

    let put = entra.put(&path, user("zoe")).await.body(200);
    assert_eq!((&put["displayName"], &put["userType"]), (&json!("zoe Quillfeather"), &json!("governor")));
    assert_eq!(entra.get(&path).await.body(200), put);
    let part = entra.get(&format!("{path}?attributes=userName")).await.body(200);
    assert_eq!(part.as_object().unwrap().keys().collect::<Vec<_>>(), ["schemas", "id", "userName"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_is_one_users_and_a_list_has_pages() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    for name in ["ann", "bo", "cy"] {
        entra.user(name).await;
    }
    let mut again = user("ann");
    again["userName"] = "ANN@ash.example".into();
    assert_eq!(entra.post("/Users", again).await.error(409).0, "uniqueness");
    let bo = entra.find("/Users", r#"userName eq "bo@ash.example""#).await.body(200)["Resources"][0]["id"].clone();
    let renamed = json!([{ "op": "replace", "path": "userName", "value": "ann@ash.example" }]);
    let refused = entra.patch(&format!("/Users/{}", bo.as_str().unwrap()), renamed).await.error(409);
    assert_eq!(refused.0, "uniqueness");
    let mut at_once = user("dee");
    at_once["externalId"] = "another".into();
    let both = tokio::join!(entra.post("/Users", user("dee")), entra.post("/Users", at_once));
    let mut made = [both.0.status.as_u16(), both.1.status.as_u16()];
    made.sort_unstable();
    assert_eq!(made, [201, 409], "of two at once one finds the name taken");

    let page = entra.get("/Users?startIndex=2&count=2").await.body(200);
    let told = ["totalResults", "startIndex", "itemsPerPage"].map(|name| page[name].clone());
    assert_eq!(json!(told), json!([4, 2, 2]));
    assert_eq!(entra.get("/Users?count=0").await.body(200)["Resources"], json!([]));
    for wrong in [r#"userName co "ann""#, r#"title eq "x""#, "ann@ash.example"] {
        let (kind, detail) = entra.find("/Users", wrong).await.error(400);
        assert!(kind == "invalidFilter" && !detail.contains("ann"), "{kind} {detail}");
    }
}

/// Who was typed in before is taken over, and a reading of who they are is recorded as the key's (R133).
#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_by_the_address_is_taken_over_and_what_is_read_is_recorded() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let Workplace::School(ash) = entra.at else { unreachable!() };
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    let known = json!({ "at": at, "category": "VOLUNTEER", "name": "Z. Q.", "email": "Zoe@ash.example" });
    let recorded = tell(&town, dsl, RECORD, "c-1", known).await;
    let person = &recorded["done"]["personId"];
    let made = entra.post("/Users", user("zoe")).await.body(201);
    assert_eq!((&made["displayName"], &made["userType"]), (&json!("zoe Quillfeather"), &json!("volunteer")));

    let query = "query($id: UUID!) { school(id: $id) { people { id } identityReadings { reader purpose personIds } } }";
    let readings = async {
        loop {
            let seen = town.ask(dsl, query, json!({ "id": ash })).await["school"].clone();
            // Who was read was recorded before.
            if seen["identityReadings"] != json!([]) {
                return town.ask(dsl, query, json!({ "id": ash })).await["school"].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(std::time::Duration::from_secs(30), readings).await.expect("a reading is shown");
    assert_eq!(seen["people"], json!([{ "id": person }]), "nobody is recorded twice");
    let reader = format!("scim-key-{}", entra.id);
    let expected = json!([{ "reader": reader, "purpose": "STAFFING", "personIds": [person] }]);
    assert_eq!(seen["identityReadings"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_names_anybody_is_in_the_log_or_in_an_error() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let Workplace::School(ash) = entra.at else { unreachable!() };
    let id = entra.user("zoe").await;
    entra.find("/Users", r#"userName eq "zoe@ash.example""#).await.body(200);
    let changes = json!([{ "op": "Replace", "path": "displayName", "value": "Zoë" }, { "op": "Replace", "path": "active", "value": "False" }]);
    entra.patch(&format!("/Users/{id}"), changes).await.done();
    for (body, said) in [
        (json!({ "userName": "zoe@ash.example" }), "displayName:"),
        (json!({ "displayName": "zoe" }), "userName:"),
        (json!({ "userName": "zoe", "emails": [{ "value": "zoe" }], "displayName": "zoe" }), "emails:"),
        (json!({ "userName": "bo", "displayName": "zoe", "active": "zoe" }), "active:"),
        (json!(["zoe"]), "expected"),
    ] {
        let answer = entra.post("/Users", body).await;
        let (_, detail) = answer.error(answer.status.as_u16());
        assert!(answer.status == 400 && detail.starts_with(said) && !detail.contains("zoe"), "{detail}");
    }
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let payloads = sqlx::query_scalar!(
        r#"SELECT convert_from(payload, 'UTF8') || e::text AS "said!" FROM log.event e
        WHERE owner_id = $1"#,
        Uuid::from(ash)
    );
    let said = payloads.fetch_all(&mut owner).await.unwrap().concat();
    assert!(said.contains("person-provisioned") && said.contains("person-left") && said.contains("identities-read"));
    for secret in ["zoe", "Zoë", "Quillfeather", "ash.example"] {
        assert!(!said.contains(secret), "{secret}");
    }
}
