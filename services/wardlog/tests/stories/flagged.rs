//! What a filter stopped or found grave: shown by pseudonym, opened by whoever may, and nowhere else in plain text.

use access::HeldRole;
use schema::SchoolId;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use web::clock;

use crate::{forgetting::nowhere_on_disk, people::tell, town::Town};

pub const LIST: &str =
    "query($id: UUID!, $from: NaiveDate!, $day: NaiveDate!, $only: FlaggedEventsOnly, $before: UUID, $first: Int!) {
    school(id: $id) { flaggedEvents(from: $from, to: $day, only: $only, before: $before, first: $first) {
        id category action group host user device address hasMore } } }";
pub const OPEN: &str =
    "mutation($id: String!, $input: OpenFlaggedEventsInput!) { openFlaggedEvents(commandId: $id, input: $input) {
    done { events { id url search user device address } } refused { reason field } token } }";
const OPENINGS: &str = "query($id: UUID!) { school(id: $id) { flaggedEventOpenings { reader at purpose eventIds } } }";
pub const PROPOSE: &str =
    "mutation($id: String!, $input: ProposeNameForgettingInput!) { proposeNameForgetting(commandId: $id, input: $input) {
    done { name } refused { reason field } token } }";
pub const CONFIRM: &str =
    "mutation($id: String!, $input: NameForgettingInput!) { confirmNameForgetting(commandId: $id, input: $input) {
    done { name } refused { reason field } token } }";
const WITHDRAW: &str =
    "mutation($id: String!, $input: NameForgettingInput!) { withdrawNameForgetting(commandId: $id, input: $input) {
    done { name } refused { reason field } token } }";
const FORGETTINGS: &str = "query($id: UUID!) { school(id: $id) { nameForgettings { name ground by forgotten } } }";

/// An event of a pupil, so many seconds ago.
pub fn event(ago: i64, action: &str, category: &str, more: &Value) -> Value {
    let at = clock::now() - chrono::TimeDelta::seconds(ago);
    let mut event = json!({ "time": at.to_rfc3339(), "action": action, "category": [category], "group": "learner" });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// An event of some seconds ago may be yesterday's.
pub fn yesterday() -> String {
    (schema::london_day(clock::now()) - chrono::Days::new(1)).to_string()
}

pub fn today() -> String {
    schema::london_day(clock::now()).to_string()
}

/// Opens an event that is flagged at a school, proposes to forget who it was, and waits until both are on record.
pub async fn an_opening_and_a_proposal(town: &Town, school: SchoolId, key: &str) {
    let dsl = HeldRole::dsl(school);
    town.send(key, "flagged-1", &[event(-1, "warned", "games", &json!({ "host": "a.example", "user": "jsmith" }))])
        .await;
    let seen = town.ask(dsl, LIST, json!({ "id": school, "from": yesterday(), "day": today(), "first": 1 })).await;
    let event = &seen["school"]["flaggedEvents"][0];
    let input = json!({ "schoolId": school, "eventIds": [event["id"]], "purpose": "FILTER_REVIEW" });
    tell(town, dsl, OPEN, "a-5", input).await;
    let input = json!({ "schoolId": school, "name": event["user"], "ground": "RECORDED_IN_ERROR" });
    let proposed = tell(town, dsl, PROPOSE, "a-6", input).await;
    let seen = town.ask_after(dsl, OPENINGS, json!({ "id": school }), &proposed["token"]).await;
    assert_eq!(seen["school"]["flaggedEventOpenings"][0]["eventIds"], json!([event["id"]]));
}

/// R133, R216, R220.
#[tokio::test(flavor = "multi_thread")]
async fn a_dsl_finds_what_the_filter_flagged_and_opens_it_and_every_opening_is_on_record() {
    let town = Town::start().await;
    let (ash, key) = (town.records.school(100_001).await, town.records.filter(100_001).await);
    let (dsl, canary) = (HeldRole::dsl(ash), format!("Quillfeather{}", clock::random_id().simple()));
    let url = format!("https://bets.example/{canary}?stake=5");
    let pupil = json!({ "user": format!("{canary}.user"), "device": "LT-204", "address": "10.1.2.3" });
    let with = |more: Value| -> Value {
        let mut both = pupil.as_object().unwrap().clone();
        both.extend(more.as_object().unwrap().clone());
        Value::Object(both)
    };
    let events = [
        event(9, "allowed", "education", &with(json!({ "url": format!("https://maths.example/{canary}") }))),
        event(8, "blocked", "gambling", &with(json!({ "url": url }))),
        event(7, "allowed", "self-harm", &json!({ "host": "search.example", "search": format!("{canary} help") })),
        event(6, "warned", "games", &json!({ "host": "games.example", "user": "somebody.else" })),
    ];
    town.send(&key, "b-1", &events).await;

    let asked = |more: Value| {
        let mut all = json!({ "id": ash, "from": yesterday(), "day": today(), "first": 50 });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let list = async |more: Value| town.ask(dsl, LIST, asked(more)).await["school"]["flaggedEvents"].clone();
    let all = list(json!({})).await;
    let hosts = |events: &Value| -> Vec<String> {
        events.as_array().unwrap().iter().map(|event| event["host"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        hosts(&all),
        ["games.example", "search.example", "bets.example"],
        "the latest first; what was let pass is not there"
    );
    let [warned, searched, blocked] = [&all[0], &all[1], &all[2]];
    assert_eq!(
        (&warned["hasMore"], &searched["hasMore"], &blocked["hasMore"]),
        (&json!(false), &json!(true), &json!(true))
    );
    assert_eq!(
        (&searched["category"], &searched["action"], &searched["user"]),
        (&json!("self-harm-suicide"), &json!("allowed"), &Value::Null)
    );
    assert_eq!(hosts(&list(json!({ "only": { "category": "gambling" } })).await), ["bets.example"]);
    assert_eq!(hosts(&list(json!({ "only": { "user": blocked["user"] } })).await), ["bets.example"]);
    assert_eq!(hosts(&list(json!({ "first": 1, "before": warned["id"] })).await), ["search.example"]);

    let ids = json!([blocked["id"], searched["id"], warned["id"]]);
    let input = json!({ "schoolId": ash, "eventIds": ids, "purpose": "SAFEGUARDING" });
    let opened = tell(&town, dsl, OPEN, "o-1", input.clone()).await;
    assert_eq!(
        opened["done"]["events"],
        json!([
            { "id": blocked["id"], "url": url, "search": null, "user": format!("{canary}.user"), "device": "LT-204",
              "address": "10.1.2.3" },
            { "id": searched["id"], "url": null, "search": format!("{canary} help"), "user": null, "device": null, "address": null },
            { "id": warned["id"], "url": null, "search": null, "user": "somebody.else", "device": null, "address": null },
        ])
    );
    assert_eq!(tell(&town, dsl, OPEN, "o-1", input).await["done"], opened["done"], "sent again, it is recorded once");
    for (wrong, reason) in
        [(json!([uuid::Uuid::nil()]), "EVENT_UNKNOWN"), (json!([warned["id"], warned["id"]]), "WRONG_NUMBER")]
    {
        let input = json!({ "schoolId": ash, "eventIds": wrong, "purpose": "MISUSE" });
        let refused = tell(&town, dsl, OPEN, &format!("o-{reason}"), input).await;
        assert_eq!(refused["refused"], json!({ "reason": reason, "field": "eventIds" }));
    }
    let dpo = HeldRole { role: schema::people::StaffRole::Dpo, ..dsl };
    let seen = town.ask_after(dpo, OPENINGS, json!({ "id": ash }), &opened["token"]).await;
    let [opening] = seen["school"]["flaggedEventOpenings"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!(
        (&opening["purpose"], &opening["eventIds"]),
        (&json!("SAFEGUARDING"), &ids),
        "what was refused showed nothing"
    );

    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    assert_eq!(nowhere_on_disk(&mut owner, &canary).await, Vec::<String>::new(), "it never stood there but sealed");
}

/// What is another school's does not exist, whatever its id.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_school_is_opened_by_nobody_and_looks_like_none() {
    let town = Town::start().await;
    let (ash, beech) = (town.records.school(100_001).await, town.records.school(100_002).await);
    let key = town.records.filter(100_001).await;
    town.send(&key, "b-1", &[event(5, "blocked", "gambling", &json!({ "url": "https://bets.example/a" }))]).await;
    let variables = json!({ "id": ash, "from": yesterday(), "day": today(), "first": 50 });
    let found = town.ask(HeldRole::dsl(ash), LIST, variables.clone()).await["school"]["flaggedEvents"][0]["id"].clone();
    assert!(found.is_string());

    let dsl = HeldRole::dsl(beech);
    let outcome = async |id: &str, school, event: &Value| {
        let input = json!({ "schoolId": school, "eventIds": [event], "purpose": "SAFEGUARDING" });
        tell(&town, dsl, OPEN, id, input).await
    };
    let absent = json!(uuid::Uuid::nil());
    assert_eq!(outcome("o-1", beech, &found).await, outcome("o-2", beech, &absent).await);
    assert_eq!(outcome("o-3", ash, &found).await, outcome("o-4", ash, &absent).await);
    assert_eq!(outcome("o-5", ash, &found).await["refused"]["reason"], "NOT_FOUND");
    assert_eq!(town.ask(dsl, LIST, variables).await["school"], Value::Null);
    let key = town.records.filter(100_002).await;
    town.send(&key, "b-2", &[event(9, "blocked", "gambling", &json!({ "host": "b.example" }))]).await;
    let mut of_beech = json!({ "id": beech, "from": yesterday(), "day": today(), "first": 50 });
    assert_eq!(town.ask(dsl, LIST, of_beech.clone()).await["school"]["flaggedEvents"][0]["host"], "b.example");
    of_beech["before"] = found;
    let after_anothers = town.ask(dsl, LIST, of_beech.clone()).await;
    assert_eq!(after_anothers["school"]["flaggedEvents"], json!([]));
    of_beech["before"] = absent;
    assert_eq!(town.ask(dsl, LIST, of_beech).await, after_anothers);
}

/// R276, UK GDPR Art. 17.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_forget_a_pupil_and_nobody_can_say_any_more_who_it_was_or_what_they_asked_for() {
    let town = Town::start().await;
    let (ash, key) = (town.records.school(100_001).await, town.records.filter(100_001).await);
    let blocked =
        |user: &str| event(5, "blocked", "gambling", &json!({ "url": "https://bets.example/a", "user": user }));
    town.send(&key, "b-1", &[blocked("pupil.one"), blocked("pupil.two")]).await;
    let dsl = HeldRole::dsl(ash);
    let seen = town.ask(dsl, LIST, json!({ "id": ash, "from": yesterday(), "day": today(), "first": 50 })).await;
    let events = seen["school"]["flaggedEvents"].clone();
    let ids: Vec<&Value> = events.as_array().unwrap().iter().map(|event| &event["id"]).collect();
    let open = async |id: &str| {
        let input = json!({ "schoolId": ash, "eventIds": ids, "purpose": "DATA_PROTECTION" });
        tell(&town, dsl, OPEN, id, input).await["done"]["events"].clone()
    };
    let before = open("o-1").await;
    let one = usize::from(before[0]["user"] != "pupil.one");
    let name = &events[one]["user"];

    let step = async |subject: &str, mutation: &str, id: &str, more: Value| {
        let mut input = json!({ "schoolId": ash, "name": name });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let variables = json!({ "id": id, "input": input });
        let answer = town.ask_by(subject, dsl, mutation, variables).await;
        answer.as_object().unwrap().values().next().unwrap().clone()
    };
    let ground = json!({ "ground": "ERASURE_REQUEST" });
    let refused = async |subject: &str, mutation: &str, id: &str, more: Value| {
        step(subject, mutation, id, more).await["refused"]["reason"].clone()
    };
    assert_eq!(refused("one", CONFIRM, "f-1", json!({})).await, "NOTHING_PROPOSED");
    step("one", PROPOSE, "f-2", ground.clone()).await;
    assert_eq!(refused("two", PROPOSE, "f-3", ground.clone()).await, "PROPOSED_ALREADY");
    step("two", WITHDRAW, "f-4", json!({})).await;
    step("one", PROPOSE, "f-5", ground.clone()).await;
    assert_eq!(refused("one", CONFIRM, "f-6", json!({})).await, "ONE_ALONE");
    let forgotten = step("two", CONFIRM, "f-7", json!({})).await;
    assert_eq!(forgotten["done"]["name"], *name, "{forgotten}");
    assert_eq!(refused("one", PROPOSE, "f-8", ground).await, "NAME_UNKNOWN");
    let seen = town.ask_after(dsl, FORGETTINGS, json!({ "id": ash }), &forgotten["token"]).await;
    let [listed] = seen["school"]["nameForgettings"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!((&listed["name"], &listed["forgotten"]), (name, &json!(true)));

    let after = open("o-2").await;
    assert_eq!((&after[one]["user"], &after[one]["url"]), (&Value::Null, &Value::Null));
    assert_eq!(after[1 - one], before[1 - one], "the other is as it was");
}
