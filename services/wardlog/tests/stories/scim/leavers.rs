//! Who is turned off at the directory is out here; who is turned on again is recorded anew.

use access::HeldRole;
use directory::domain::workplace::Workplace;
use serde_json::{Value, json};

use super::{Entra, user};
use crate::{
    people::{GIVE, tell},
    town::{STAFF, Town},
};

const LOGIN: &str = "mutation($id: String!, $input: LinkLoginInput!) { linkLogin(commandId: $id, input: $input) {
    done { personId } refused { reason } token } }";
const PEOPLE: &str = "query($id: UUID!) { school(id: $id) { people { id leftOn } dslGaps { from to } } }";
const VIEWER: &str = "{ viewer { roles { role } } }";

/// Asks until the caller holds just these roles; a change is in force everywhere within 5 seconds.
async fn until_roles(town: &Town, subject: &str, roles: Value) {
    let told = async {
        while town.ask_as(subject, VIEWER, json!({}), &Value::Null).await["viewer"]["roles"] != roles {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.expect("in force within 5 s");
}

/// R013, R014: a DSL too, for whom nobody follows; that there is none is told of.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_turned_off_is_out_within_five_seconds() {
    for how in ["active", "delete"] {
        let town = Town::start().await;
        let entra = Entra::at_ash(&town).await;
        let Workplace::School(ash) = entra.at else { unreachable!() };
        let id = entra.user("zoe").await;
        let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
        // A DSL since September: whoever was given the role today was none yet, and leaves no day without one.
        let role = json!({ "at": at, "personId": id, "role": "DSL", "from": "2026-09-01" });
        tell(&town, dsl, GIVE, "c-0", role).await;
        let login = json!({ "at": at, "personId": id, "issuer": STAFF, "subject": "zoe-7" });
        tell(&town, dsl, LOGIN, "c-1", login).await;
        until_roles(&town, "zoe-7", json!([{ "role": "DSL" }])).await;

        let path = format!("/Users/{id}");
        if how == "active" {
            entra.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "False" }])).await.done();
            assert_eq!(entra.get(&path).await.body(200)["active"], false);
        } else {
            entra.delete(&path).await.done();
            entra.get(&path).await.error(404);
        }
        until_roles(&town, "zoe-7", json!([])).await;
        let today = schema::london_day(web::clock::now());
        let seen = town.ask(dsl, PEOPLE, json!({ "id": ash })).await["school"].clone();
        assert_eq!(seen["people"], json!([{ "id": id, "leftOn": today }]));
        assert_eq!(seen["dslGaps"], json!([{ "from": today, "to": null }]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_recorded_anew_under_the_same_user_without_the_roles() {
    let town = Town::start().await;
    let entra = Entra::at_ash(&town).await;
    let Workplace::School(ash) = entra.at else { unreachable!() };
    let id = entra.user("zoe").await;
    let path = format!("/Users/{id}");
    let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": id }] }]);
    entra.patch("/Groups/teacher", add.clone()).await.done();
    let active = |active: Value| json!([{ "op": "Replace", "path": "active", "value": active }]);
    entra.patch(&path, active("False".into())).await.done();
    entra.patch(&path, active("False".into())).await.done();
    let other = json!([{ "op": "Replace", "path": "displayName", "value": "Zoë" }]);
    assert_eq!(entra.patch(&path, other).await.error(400).0, "mutability", "what is known of a leaver stays");
    assert_eq!(entra.patch("/Groups/teacher", add).await.error(400).0, "invalidValue");
    assert_eq!(entra.post("/Users", user("zoe")).await.error(409).0, "uniqueness", "the user is there still");

    entra.patch(&path, active(true.into())).await.done();
    let back = entra.get(&path).await.body(200);
    assert_eq!((&back["active"], &back["displayName"]), (&json!(true), &json!("zoe Quillfeather")));
    assert_eq!(entra.find("/Users", r#"userName eq "zoe@ash.example""#).await.body(200)["totalResults"], 1);
    assert_eq!(entra.get("/Groups/teacher").await.body(200)["members"], json!([]));
    let two = async {
        loop {
            let seen = town.ask(HeldRole::dsl(ash), PEOPLE, json!({ "id": ash })).await["school"]["people"].clone();
            if seen.as_array().unwrap().len() == 2 {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    let two = tokio::time::timeout(std::time::Duration::from_secs(30), two).await.expect("two records are shown");
    let left = two.as_array().unwrap().iter().filter(|person| !person["leftOn"].is_null()).count();
    assert_eq!(left, 1, "{two}");

    // Deleted, all records of it are nobody's user any more, and the name is free.
    entra.delete(&path).await.done();
    entra.get(&path).await.error(404);
    entra.delete(&path).await.error(404);
    assert_ne!(entra.user("zoe").await, id);
}
