//! A school's people, by the public API alone: known, given roles, shown to who may, gone when they leave.

use access::HeldRole;
use schema::SchoolId;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::town::{STAFF, Town};

pub const RECORD: &str =
    "mutation($id: String!, $input: RecordPersonInput!) { recordPerson(commandId: $id, input: $input) {
    done { personId } refused { reason field message } token } }";
pub const GIVE: &str = "mutation($id: String!, $input: GiveRoleInput!) { giveRole(commandId: $id, input: $input) {
    done { roleId } refused { reason field message } token } }";
pub const END: &str = "mutation($id: String!, $input: EndRoleInput!) { endRole(commandId: $id, input: $input) {
    done { roleId } refused { reason field message } token } }";
pub const LEAVE: &str =
    "mutation($id: String!, $input: RecordLeavingInput!) { recordLeaving(commandId: $id, input: $input) {
    done { personId } refused { reason field message } token } }";
pub const LOGIN: &str = "mutation($id: String!, $input: LinkLoginInput!) { linkLogin(commandId: $id, input: $input) {
    done { personId } refused { reason field message } token } }";
pub const UNLINK: &str =
    "mutation($id: String!, $input: UnlinkLoginInput!) { unlinkLogin(commandId: $id, input: $input) {
    done { personId } refused { reason field message } token } }";
pub const READ: &str =
    "mutation($id: String!, $input: ReadIdentitiesInput!) { readIdentities(commandId: $id, input: $input) {
    done { people { personId name email } } refused { reason field message } token } }";
const SCHOOL: &str = "query($id: UUID!) { school(id: $id) {
    people { id category leftOn logins roles { id role from to } } roles { id personId } dslGaps { from to } identityReadings { reader purpose personIds } } }";
const TRUST: &str = "query($id: UUID!) { trust(id: $id) { people { id category roles { role } } } }";

/// Sends a mutation; its outcome.
pub async fn tell(town: &Town, role: HeldRole, mutation: &str, id: &str, input: Value) -> Value {
    let answer = town.ask(role, mutation, json!({ "id": id, "input": input })).await;
    answer.as_object().unwrap().values().next().unwrap().clone()
}

/// A DSL until a day, who logs in as `subject` and was shown to somebody; waits until all of it is in the view.
pub async fn a_dsl(town: &Town, school: SchoolId, subject: &str) {
    let (dsl, at) = (HeldRole::dsl(school), json!({ "schoolId": school }));
    let input = json!({ "at": at, "category": "EMPLOYEE", "name": "Zoë Quillfeather" });
    let person = &tell(town, dsl, RECORD, "a-1", input).await["done"]["personId"];
    let login = json!({ "at": at, "personId": person, "issuer": STAFF, "subject": subject });
    tell(town, dsl, LOGIN, "a-2", login).await;
    let role = json!({ "at": at, "personId": person, "role": "DSL", "from": "2026-09-01", "to": "2099-07-31" });
    tell(town, dsl, GIVE, "a-3", role).await;
    let read = json!({ "at": at, "personIds": [person], "purpose": "STAFFING" });
    let read = tell(town, dsl, READ, "a-4", read).await;
    town.ask_after(dsl, SCHOOL, json!({ "id": school }), &read["token"]).await;
}

/// R013, R031, R133, R216.
#[tokio::test(flavor = "multi_thread")]
async fn a_school_knows_its_people_by_ids_and_shows_who_they_are_to_its_own_staff_alone() {
    let town = Town::start().await;
    let (ash, elm) = (town.records.school(100_001).await, town.records.school(100_005).await);
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    let identity = json!({ "at": at, "category": "EMPLOYEE", "name": "Zoë Quillfeather", "email": "zq@ash.example" });
    let recorded = tell(&town, dsl, RECORD, "c-1", identity.clone()).await;
    let person = &recorded["done"]["personId"];
    assert!(person.is_string(), "{recorded}");

    let role = json!({ "at": at, "personId": person, "role": "DSL", "from": "2026-09-01" });
    let given = tell(&town, dsl, GIVE, "c-2", role.clone()).await;
    let ended = json!({ "at": at, "roleId": given["done"]["roleId"], "to": "2027-07-31" });
    tell(&town, dsl, END, "c-3", ended).await;
    let read = json!({ "at": at, "personIds": [person], "purpose": "SAFEGUARDING" });
    let shown = tell(&town, dsl, READ, "c-4", read.clone()).await;
    let expected = json!([{ "personId": person, "name": "Zoë Quillfeather", "email": "zq@ash.example" }]);
    assert_eq!(shown["done"]["people"], expected);

    let seen = town.ask_after(dsl, SCHOOL, json!({ "id": ash }), &shown["token"]).await["school"].clone();
    let roles = json!([{ "id": given["done"]["roleId"], "role": "DSL", "from": "2026-09-01", "to": "2027-07-31" }]);
    let people = json!([{ "id": person, "category": "EMPLOYEE", "leftOn": null, "logins": [], "roles": roles }]);
    let held = json!([{ "id": given["done"]["roleId"], "personId": person }]);
    let reader = &seen["identityReadings"][0]["reader"];
    let readings = json!([{ "reader": reader, "purpose": "SAFEGUARDING", "personIds": [person] }]);
    let gaps = json!([{ "from": "2027-07-31", "to": null }]);
    assert_eq!(seen, json!({ "people": people, "roles": held, "dslGaps": gaps, "identityReadings": readings }));

    // Whose school it is not finds what is not there.
    let (trust, absent) = (town.records.trust("11").await, json!(uuid::Uuid::from_u128(7)));
    for other in [HeldRole::dsl(elm), HeldRole::governor(ash), HeldRole::mat_lead(trust)] {
        for (mutation, input) in [(RECORD, &identity), (GIVE, &role), (READ, &read)] {
            let refused = tell(&town, other, mutation, "c-5", input.clone()).await;
            let mut elsewhere = input.clone();
            elsewhere["at"] = json!({ "schoolId": absent });
            assert_eq!(refused, tell(&town, other, mutation, "c-5", elsewhere).await);
            assert_eq!(refused["refused"]["reason"], "NOT_FOUND");
        }
        let seen = town.ask(other, SCHOOL, json!({ "id": ash })).await["school"].clone();
        assert!(seen["people"].is_null() && seen["dslGaps"].is_null() && seen["identityReadings"].is_null(), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_knows_its_own_people_and_lends_them_to_its_schools() {
    let town = Town::start().await;
    let (ash, north) = (town.records.school(100_001).await, town.records.trust("11").await);
    let (lead, at) = (HeldRole::mat_lead(north), json!({ "trustId": north }));
    let input = json!({ "at": at, "category": "EMPLOYEE", "name": "Bo Vantongeren" });
    let recorded = tell(&town, lead, RECORD, "c-1", input).await;
    let person = &recorded["done"]["personId"];
    let input = json!({ "at": at, "personId": person, "role": "MAT_SAFEGUARDING_LEAD", "from": "2026-09-01" });
    let leads = tell(&town, lead, GIVE, "c-2", input).await;
    let input = json!({ "at": at, "personId": person, "role": "DSL", "from": "2026-09-01" });
    assert_eq!(tell(&town, lead, GIVE, "c-3", input).await["refused"]["reason"], "NOT_HELD_THERE");
    let input = json!({ "at": { "schoolId": ash }, "personId": person, "role": "DEPUTY_DSL", "from": "2026-11-01" });
    let given = tell(&town, HeldRole::dsl(ash), GIVE, "c-4", input).await;
    let seen =
        town.ask_after(HeldRole::dsl(ash), SCHOOL, json!({ "id": ash }), &given["token"]).await["school"].clone();
    assert_eq!((&seen["people"], &seen["roles"][0]["personId"]), (&json!([]), person), "{seen}");
    let seen = town.ask_after(lead, TRUST, json!({ "id": north }), &leads["token"]).await["trust"].clone();
    let people = json!([{ "id": person, "category": "EMPLOYEE", "roles": [{ "role": "MAT_SAFEGUARDING_LEAD" }] }]);
    assert_eq!(seen, json!({ "people": people }));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_name_nor_a_login_is_in_the_log() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    let input = json!({ "at": at, "category": "VOLUNTEER", "name": "Zoë Quillfeather", "email": "zq@ash.example" });
    let person = &tell(&town, dsl, RECORD, "c-1", input).await["done"]["personId"];
    let input = json!({ "at": at, "personId": person, "issuer": "https://id.example", "subject": "quillfeather-7" });
    let linked = tell(&town, dsl, LOGIN, "c-2", input.clone()).await;
    assert_eq!(&linked["done"]["personId"], person);
    let seen = town.ask_after(dsl, SCHOOL, json!({ "id": ash }), &linked["token"]).await["school"].clone();
    let login = &seen["people"][0]["logins"][0];
    let unlink = json!({ "at": at, "personId": person, "login": login });
    let unlinked = tell(&town, dsl, UNLINK, "c-5", unlink.clone()).await;
    assert_eq!(&unlinked["done"]["personId"], person);
    assert_eq!(tell(&town, dsl, UNLINK, "c-6", unlink).await["refused"]["reason"], "LOGIN_UNKNOWN");
    let leave = json!({ "at": at, "personId": person, "on": "2027-01-01" });
    tell(&town, dsl, LEAVE, "c-3", leave).await;
    let again = tell(
        &town,
        dsl,
        LOGIN,
        "c-4",
        json!({ "subject": "quillfeather-8", "at": at, "personId": person,
        "issuer": "https://id.example" }),
    )
    .await;
    assert_eq!(again["refused"]["reason"], "HAS_LEFT");

    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let payloads = sqlx::query_scalar!(
        r#"SELECT convert_from(payload, 'UTF8') || e::text AS "said!" FROM log.event e
        WHERE owner_id = $1"#,
        uuid::Uuid::from(ash)
    );
    let said = payloads.fetch_all(&mut owner).await.unwrap().concat();
    assert!(said.contains(person.as_str().unwrap()) && said.contains("person-login-linked"));
    for secret in ["Quillfeather", "quillfeather", "ash.example", "id.example"] {
        assert!(!said.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_wrong_is_told_by_its_field() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    let both = json!({ "schoolId": ash, "trustId": ash });
    let person =
        |at: &Value, name: &str, email: &str| json!({ "at": at, "category": "EMPLOYEE", "name": name, "email": email });
    for (input, field) in [
        (person(&at, " ", "a@b.example"), "input.name"),
        (person(&at, "Zoë", "nobody"), "input.email"),
        (person(&both, "Zoë", "a@b.example"), "input.at"),
        (person(&json!({}), "Zoë", "a@b.example"), "input.at"),
    ] {
        let errors = town.errors_after(dsl, RECORD, json!({ "id": "c", "input": input }), &Value::Null).await;
        assert_eq!(errors[0]["extensions"]["field"], field, "{errors}");
        assert!(!errors.to_string().contains("Zo"), "{errors}");
    }
    let give = json!({ "at": at, "personId": ash, "role": "DSL", "from": "1970-01-01" });
    let errors = town.errors_after(dsl, GIVE, json!({ "id": "c", "input": give }), &Value::Null).await;
    assert_eq!(errors[0]["extensions"]["field"], "input.from");
}

const VIEWER: &str = "{ viewer { roles { role schoolId trustId } } }";

/// R014: who logs in may read what the roles that they hold today let them, all together, and no more once they have left.
#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_reads_what_their_roles_let_them_until_they_leave() {
    let town = Town::start().await;
    let (ash, elm) = (town.records.school(100_001).await, town.records.school(100_005).await);
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    assert_eq!(town.ask_as("zq-7", VIEWER, json!({}), &Value::Null).await, json!({ "viewer": { "roles": [] } }));

    let input = json!({ "at": at, "category": "EMPLOYEE", "name": "Zoë Quillfeather" });
    let person = &tell(&town, dsl, RECORD, "c-1", input).await["done"]["personId"];
    let login = json!({ "at": at, "personId": person, "issuer": STAFF, "subject": "zq-7" });
    tell(&town, dsl, LOGIN, "c-2", login).await;
    let mut dsl_role = Value::Null;
    for (id, role) in [("c-3", "HEADTEACHER"), ("c-4", "TEACHER"), ("c-5", "DSL")] {
        let input = json!({ "at": at, "personId": person, "role": role, "from": "2026-09-01" });
        dsl_role = tell(&town, dsl, GIVE, id, input).await["done"]["roleId"].clone();
    }
    let governs = json!({ "at": { "schoolId": elm }, "category": "GOVERNOR", "name": "Zoë Quillfeather" });
    let (of_elm, at_elm) = (HeldRole::dsl(elm), json!({ "schoolId": elm }));
    let governor = &tell(&town, of_elm, RECORD, "c-1", governs).await["done"]["personId"];
    let login = json!({ "at": at_elm, "personId": governor, "issuer": STAFF, "subject": "zq-7" });
    tell(&town, of_elm, LOGIN, "c-2", login).await;
    let input = json!({ "at": at_elm, "personId": governor, "role": "GOVERNOR", "from": "2026-09-01" });
    tell(&town, of_elm, GIVE, "c-3", input).await;

    let all = json!({ "viewer": { "roles": [{ "role": "DSL", "schoolId": ash, "trustId": null },
                                            { "role": "HEADTEACHER", "schoolId": ash, "trustId": null },
                                            { "role": "GOVERNOR", "schoolId": elm, "trustId": null }] } });
    until(&town, &all).await;
    let seen = town.ask_as("zq-7", SCHOOL, json!({ "id": ash }), &Value::Null).await;
    assert_eq!(seen["school"]["people"][0]["id"], *person);
    let seen = town.ask_as("zq-7", SCHOOL, json!({ "id": elm }), &Value::Null).await;
    assert!(seen["school"].is_object() && seen["school"]["people"].is_null(), "{seen}");
    let read = json!({ "id": "c-6", "input": { "at": at, "personIds": [person], "purpose": "STAFFING" } });
    let shown = town.ask_as("zq-7", READ, read.clone(), &Value::Null).await;
    assert_eq!(shown["readIdentities"]["done"]["people"][0]["name"], "Zoë Quillfeather");
    let after = &shown["readIdentities"]["token"];
    let seen = town.ask_as("zq-7", SCHOOL, json!({ "id": ash }), after).await["school"].clone();
    assert_eq!(
        seen["identityReadings"][0]["reader"], seen["people"][0]["logins"][0],
        "who read is known by their login"
    );

    let leave = json!({ "at": at, "personId": person, "on": "2026-09-02" });
    assert_eq!(tell(&town, dsl, LEAVE, "c-7", leave.clone()).await["refused"]["reason"], "HOLDS_SOLE_ROLE");
    tell(&town, dsl, END, "c-8", json!({ "at": at, "roleId": dsl_role, "to": "2026-09-02" })).await;
    tell(&town, dsl, LEAVE, "c-7", leave).await;
    let one = json!({ "viewer": { "roles": [{ "role": "GOVERNOR", "schoolId": elm, "trustId": null }] } });
    until(&town, &one).await;
    let seen = town.ask_as("zq-7", SCHOOL, json!({ "id": ash }), &Value::Null).await;
    assert_eq!(seen, json!({ "school": null }));
    let refused = town.ask_as("zq-7", READ, read, &Value::Null).await;
    assert_eq!(refused["readIdentities"]["refused"]["reason"], "NOT_FOUND");
}

/// Asks until the caller may read just this; a change is in force everywhere within 5 seconds.
async fn until(town: &Town, expected: &Value) {
    let told = async {
        while town.ask_as("zq-7", VIEWER, json!({}), &Value::Null).await != *expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.expect("in force within 5 s");
}
