//! Forgetting somebody, by the public API alone, and what is left of them on the disk.

use std::{fs, path::Path};

use access::HeldRole;
use schema::SchoolId;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;
use web::clock;

use crate::{
    people::{LEAVE, READ, RECORD, tell},
    town::Town,
};

const PEOPLE: &str = "query($id: UUID!) { school(id: $id) {
    people { id forgotten hold logins disposalDue forgetting { ground by } } dueForDisposal { id } } }";

/// One of a school's DSLs, by a login of their own.
pub struct Dsl<'t> {
    pub town: &'t Town,
    pub school: SchoolId,
    pub subject: &'static str,
}

impl Dsl<'_> {
    /// Sends a mutation about somebody; its outcome, or its errors.
    pub async fn tell(&self, name: &str, kind: &str, id: &str, person: &Value, more: Value) -> Value {
        let mut input = json!({ "at": { "schoolId": self.school }, "personId": person });
        input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let query = format!(
            "mutation($id: String!, $input: {kind}!) {{ {name}(commandId: $id, input: $input) {{ done {{ personId }} refused {{ reason }} token }} }}"
        );
        let variables = json!({ "id": id, "input": input });
        let answer = self.town.ask_by(self.subject, HeldRole::dsl(self.school), &query, variables).await;
        answer[name].clone()
    }
}

/// R276, UK GDPR Art. 17. That no backup brings the key back, the vault's tests show.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_forget_somebody_and_nobody_can_say_any_more_who_it_was() {
    let town = Town::start().await;
    let school = town.records.school(100_001).await;
    let (dsl, at) = (HeldRole::dsl(school), json!({ "schoolId": school }));
    let name = format!("Quillfeather {}", clock::random_id());
    let input = json!({ "at": at, "category": "EMPLOYEE", "name": name, "email": "q@ash.example" });
    let person = &tell(&town, dsl, RECORD, "c-1", input).await["done"]["personId"];
    let other = json!({ "at": at, "category": "EMPLOYEE", "name": "Somebody who stays" });
    let stays = &tell(&town, dsl, RECORD, "c-2", other).await["done"]["personId"];
    let read = |purpose: &str| json!({ "at": at, "personIds": [person, stays], "purpose": purpose });
    let shown = tell(&town, dsl, READ, "c-3", read("STAFFING")).await;
    assert_eq!(shown["done"]["people"][0]["name"], name.as_str(), "{shown}");

    let (one, two) = (Dsl { town: &town, school, subject: "one" }, Dsl { town: &town, school, subject: "two" });
    let ground = json!({ "ground": "ERASURE_REQUEST" });
    let propose = async |by: &Dsl<'_>, id| {
        by.tell("proposeForgetting", "ProposeForgettingInput", id, person, ground.clone()).await
    };
    let confirm = async |by: &Dsl<'_>, id| by.tell("confirmForgetting", "ForgettingInput", id, person, json!({})).await;
    assert_eq!(propose(&one, "f-1").await["refused"]["reason"], "IS_THERE");
    tell(&town, dsl, LEAVE, "c-4", json!({ "at": at, "personId": person, "on": "2026-10-01" })).await;
    assert_eq!(confirm(&two, "f-2").await["refused"]["reason"], "NOTHING_PROPOSED");
    let due = json!({ "ground": "RETENTION_OVER" });
    let early = one.tell("proposeForgetting", "ProposeForgettingInput", "f-3", person, due).await;
    assert_eq!(early["refused"]["reason"], "RETAINED_STILL");
    assert!(propose(&one, "f-4").await["done"].is_object());
    assert_eq!(confirm(&one, "f-5").await["refused"]["reason"], "ONE_ALONE");
    let hold =
        async |id, reason: &str| two.tell("placeHold", "PlaceHoldInput", id, person, json!({ "reason": reason })).await;
    hold("f-6", "LEGAL_CLAIM").await;
    assert_eq!(hold("f-7", "POLICE").await["refused"]["reason"], "HELD_OTHERWISE");
    assert_eq!(confirm(&two, "f-8").await["refused"]["reason"], "NOTHING_PROPOSED");
    assert_eq!(propose(&one, "f-9").await["refused"]["reason"], "ON_HOLD");
    two.tell("liftHold", "ForgettingInput", "f-10", person, json!({})).await;
    let proposed = propose(&one, "f-11").await;
    let seen = town.ask_after(dsl, PEOPLE, json!({ "id": school }), &proposed["token"]).await["school"].clone();
    let known = of(&seen, person);
    assert_eq!((&known["hold"], &known["forgetting"]["ground"]), (&Value::Null, &json!("ERASURE_REQUEST")), "{known}");
    assert_eq!((&known["disposalDue"], &seen["dueForDisposal"]), (&json!("2032-10-01"), &json!([])));

    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let key = Uuid::parse_str(person.as_str().unwrap()).unwrap();
    let forgotten = confirm(&two, "f-12").await;
    assert_eq!(forgotten["done"]["personId"], *person, "{forgotten}");
    let left = sqlx::query_scalar!("SELECT wrapped FROM keys.data_key WHERE key_id = $1", key);
    assert_eq!(left.fetch_one(&mut owner).await.unwrap(), None, "whoever is told so is told what is so");
    let seen = town.ask_after(dsl, PEOPLE, json!({ "id": school }), &forgotten["token"]).await["school"].clone();
    let known = of(&seen, person);
    assert_eq!((&known["forgotten"], &known["disposalDue"]), (&json!(true), &Value::Null), "{known}");
    let shown = tell(&town, dsl, READ, "c-5", read("DATA_PROTECTION")).await["done"]["people"].clone();
    assert_eq!((&shown[0]["name"], &shown[1]["name"]), (&Value::Null, &json!("Somebody who stays")), "{shown}");
    assert_eq!(propose(&one, "f-13").await["refused"]["reason"], "NOT_FOUND");

    // It never stood there but sealed.
    assert_eq!(nowhere_on_disk(&mut owner, &name).await, Vec::<String>::new());
}

fn of<'v>(school: &'v Value, person: &Value) -> &'v Value {
    school["people"].as_array().unwrap().iter().find(|known| known["id"] == *person).unwrap()
}

/// The files of the server in which a text stands: its tables, its write-ahead log and whatever else it keeps, but for other
/// tests' databases.
pub async fn nowhere_on_disk(owner: &mut PgConnection, text: &str) -> Vec<String> {
    sqlx::raw_sql("CHECKPOINT").execute(&mut *owner).await.unwrap();
    let place = sqlx::query!(
        r#"SELECT current_setting('data_directory') AS "directory!",
                  (SELECT oid::int8 FROM pg_database WHERE datname = current_database()) AS "database!""#
    );
    let place = place.fetch_one(owner).await.unwrap();
    let (data, own) = (Path::new(&place.directory), place.database.to_string());
    let of_others = |path: &Path| path.parent() == Some(&data.join("base")) && !path.ends_with(&own);
    let (mut below, mut holding, mut read) = (vec![data.to_owned()], Vec::new(), 0);
    while let Some(directory) = below.pop() {
        // What is of a test beside this one may go meanwhile.
        for path in fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                below.extend(Some(path).filter(|path| !of_others(path)));
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            read += bytes.len();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                holding.push(path.display().to_string());
            }
        }
    }
    assert!(read > 1 << 20, "the server's files were read");
    holding
}
