//! Giving somebody all that is held about them, by the public API alone (UK GDPR Art. 15).

use access::HeldRole;
use eventlog::Owner;
use schema::people::StaffRole;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    people::{END, GIVE, LEAVE, LOGIN, READ, RECORD, UNLINK, tell},
    town::{ISSUER, Town},
};

const AMEND: &str = "mutation($id: String!, $input: AmendPersonInput!) { amendPerson(commandId: $id, input: $input) {
    done { personId } } }";
const DISCLOSE: &str =
    "mutation($id: String!, $input: DiscloseRecordInput!) { discloseRecord(commandId: $id, input: $input) {
    done { personId entries { concern event byThePerson details { name value } } page } refused { reason } token } }";

/// Each entry as `concern event name=value …`, and by whom.
fn lines(disclosed: &Value) -> Vec<String> {
    let entries = disclosed["done"]["entries"].as_array().expect("something is disclosed");
    let line = |entry: &Value| {
        let details = entry["details"].as_array().unwrap().iter();
        let details = details.filter(|detail| detail["name"] != "roleId" && detail["name"] != "login");
        let details = details.map(|detail| format!(" {}={}", said(&detail["name"]), said(&detail["value"])));
        let by = if entry["byThePerson"] == true { " by them" } else { "" };
        format!("{} {}{}{by}", said(&entry["concern"]), said(&entry["event"]), details.collect::<String>())
    };
    entries.iter().map(line).collect()
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_given_all_that_is_held_about_them_and_nothing_of_anybody_else() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, at) = (HeldRole::dsl(ash), json!({ "schoolId": ash }));
    let dpo = HeldRole { role: StaffRole::Dpo, at: Owner::School(ash) };
    let recorded = json!({ "at": at, "category": "AGENCY", "name": "Zoë Quill", "email": "zq@agency.example" });
    let person = &tell(&town, dsl, RECORD, "c-1", recorded).await["done"]["personId"];
    let other = json!({ "at": at, "category": "EMPLOYEE", "name": "Bo Vantongeren", "email": "bv@ash.example" });
    let other = &tell(&town, dsl, RECORD, "c-2", other).await["done"]["personId"];
    let amended = json!({ "at": at, "personId": person, "category": "EMPLOYEE", "name": "Zoë <Quillfeather>" });
    tell(&town, dsl, AMEND, "c-3", amended).await;
    let login = json!({ "at": at, "personId": person, "issuer": ISSUER, "subject": "zq-7" });
    tell(&town, dsl, LOGIN, "c-4", login).await;
    let mut given = Vec::new();
    for (id, person) in [("c-5", person), ("c-6", other)] {
        let role = json!({ "at": at, "personId": person, "role": "TEACHER", "from": "2026-09-01" });
        given.push(tell(&town, dsl, GIVE, id, role).await["done"]["roleId"].clone());
    }
    for (id, role) in [("c-7", &given[0]), ("c-8", &given[1])] {
        tell(&town, dsl, END, id, json!({ "at": at, "roleId": role, "to": "2027-07-31" })).await;
    }
    let both = json!({ "at": at, "personIds": [other, person], "purpose": "TRAINING" });
    let read = json!({ "id": "c-9", "input": both });
    town.ask_by("a reader", dsl, READ, read).await;
    tell(&town, dsl, READ, "c-10", json!({ "at": at, "personIds": [other], "purpose": "REVIEW" })).await;
    let third = json!({ "id": "c-11", "input": { "at": at, "category": "VOLUNTEER", "name": "Ada Third" } });
    town.ask_by("zq-7", dsl, RECORD, third).await;

    let of = |person: &Value| json!({ "at": at, "personId": person });
    let disclosed = tell(&town, dpo, DISCLOSE, "d-1", of(person)).await;
    let expected = [
        "RECORD person-recorded category=agency name=Zoë Quill email=zq@agency.example",
        "RECORD person-amended category=employee name=Zoë <Quillfeather>",
        "RECORD person-login-linked",
        "ROLE role-given role=teacher from=2026-09-01",
        "ROLE role-ended to=2027-07-31",
        "READING identities-read purpose=training",
        "ACT person-recorded by them",
        "READING identities-read purpose=data-protection",
    ];
    assert_eq!(lines(&disclosed), expected);
    let page = said(&disclosed["done"]["page"]);
    assert!(page.contains("zq@agency.example") && page.contains("Zoë &lt;Quillfeather&gt;"), "{page}");

    // Neither who else they are nor by which ids they are known.
    let readers = "query($id: UUID!) { school(id: $id) { identityReadings { reader purpose personIds } } }";
    let seen = town.ask_after(dpo, readers, json!({ "id": ash }), &disclosed["token"]).await;
    let readings = seen["school"]["identityReadings"].as_array().unwrap();
    assert_eq!((&readings[0]["purpose"], &readings[0]["personIds"]), (&json!("DATA_PROTECTION"), &json!([person])));
    let others = ["Vantongeren", "bv@ash.example", "Ada Third", said(other), said(&given[1])];
    for of_another in others.into_iter().chain(readings.iter().map(|reading| said(&reading["reader"]))) {
        assert!(!disclosed.to_string().contains(of_another), "{of_another}");
    }

    // Whatever the log has that names them is in it.
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let logged = sqlx::query!(
        r#"SELECT e.type AS "name!", convert_from(e.payload, 'UTF8') || e.stream || e.actor AS "said!" FROM log.event e
           WHERE e.owner_id = $1 ORDER BY e.recorded_at"#,
        Uuid::from(ash)
    );
    let login = disclosed["done"]["entries"][2]["details"][0]["value"].clone();
    let names = [person, &given[0], &login].map(said);
    let logged = logged.fetch_all(&mut owner).await.unwrap().into_iter();
    let logged = logged.filter(|event| names.iter().any(|name| event.said.contains(name))).map(|event| event.name);
    let entries = disclosed["done"]["entries"].as_array().unwrap().iter().map(|entry| said(&entry["event"]).to_owned());
    assert_eq!(entries.collect::<Vec<_>>(), logged.collect::<Vec<_>>());

    // Once they are forgotten it is still said what there is, and nothing of who they were.
    tell(&town, dsl, LEAVE, "c-12", json!({ "at": at, "personId": person, "on": "2026-10-01" })).await;
    let proposed = json!({ "at": at, "personId": person, "ground": "ERASURE_REQUEST" });
    for (subject, name, kind, input) in [
        ("one", "proposeForgetting", "ProposeForgettingInput", proposed),
        ("two", "confirmForgetting", "ForgettingInput", of(person)),
    ] {
        let query = format!(
            "mutation($input: {kind}!) {{ {name}(commandId: \"{name}\", input: $input) {{ done {{ personId }} }} }}"
        );
        let answer = town.ask_by(subject, dsl, &query, json!({ "input": input })).await;
        assert_eq!(answer[name]["done"]["personId"], *person, "{answer}");
    }
    let disclosed = tell(&town, dpo, DISCLOSE, "d-2", of(person)).await;
    let left = lines(&disclosed);
    assert_eq!(left[0], "RECORD person-recorded category=agency name=- email=-");
    assert_eq!(left[left.len() - 2], "RECORD person-forgotten ground=erasure-request");
    assert!(!disclosed.to_string().contains("Zoë"), "{disclosed}");
    let unknown = tell(&town, dpo, DISCLOSE, "d-3", of(&json!(Uuid::from_u128(7)))).await;
    assert_eq!(unknown["refused"]["reason"], "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trusts_schools_hold_about_its_own_people_is_in_it() {
    let town = Town::start().await;
    let (ash, north) = (town.records.school(100_001).await, town.records.trust("11").await);
    let (lead, at) = (HeldRole::mat_lead(north), json!({ "trustId": north }));
    let input = json!({ "at": at, "category": "EMPLOYEE", "name": "Bo Vantongeren" });
    let person = &tell(&town, lead, RECORD, "c-1", input).await["done"]["personId"];
    let role = json!({ "at": { "schoolId": ash }, "personId": person, "role": "DEPUTY_DSL", "from": "2026-11-01" });
    tell(&town, HeldRole::dsl(ash), GIVE, "c-2", role).await;
    // What they did at the school is the school's to give, and what a login did that was not theirs is somebody else's.
    let login = json!({ "at": at, "personId": person, "issuer": ISSUER, "subject": "bo-1" });
    let record = async |id: &str, by: HeldRole, at: Value| {
        let one = json!({ "at": at, "category": "VOLUNTEER", "name": "Ada Third" });
        town.ask_by("bo-1", by, RECORD, json!({ "id": id, "input": one })).await
    };
    record("c-3", lead, at.clone()).await;
    let linked = tell(&town, lead, LOGIN, "c-4", login).await;
    record("c-5", lead, at.clone()).await;
    record("c-6", HeldRole::dsl(ash), json!({ "schoolId": ash })).await;
    let people = "query($id: UUID!) { trust(id: $id) { people { id logins } } }";
    let seen = town.ask_after(lead, people, json!({ "id": north }), &linked["token"]).await;
    let people = seen["trust"]["people"].as_array().unwrap();
    let known = people.iter().find(|known| known["id"] == *person).unwrap();
    let unlink = json!({ "at": at, "personId": person, "login": known["logins"][0] });
    tell(&town, lead, UNLINK, "c-7", unlink).await;
    record("c-8", lead, at.clone()).await;
    let disclosed = tell(&town, lead, DISCLOSE, "d-1", json!({ "at": at, "personId": person })).await;
    let expected = [
        "RECORD person-recorded category=employee name=Bo Vantongeren",
        "ROLE role-given role=deputy-dsl from=2026-11-01",
        "RECORD person-login-linked",
        "ACT person-recorded by them",
        "RECORD person-login-unlinked",
        "READING identities-read purpose=data-protection",
    ];
    assert_eq!(lines(&disclosed), expected);
}
